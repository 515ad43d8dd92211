// Package access knows who a call is made for, and what he may do: keys of callers, roles and
// their permissions, and the interceptors that refuse a call whose caller is not known or not
// allowed. What each method asks for stands in the contract (futurisys.v1.policy).
package access

import (
	"context"
	"slices"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// Principal is who a call is made for.
type Principal struct {
	// Subject tells principals apart: the owner of a key, so that a rotated key is the same
	// caller.
	Subject     string
	DisplayName string
	Roles       []Role
}

// May says whether a principal may do something.
func (p *Principal) May(permission futurisysv1.Permission) bool {
	return permission == futurisysv1.Permission_PERMISSION_PUBLIC ||
		p != nil && slices.ContainsFunc(p.Roles, func(r Role) bool { return slices.Contains(r.Permissions(), permission) })
}

// Role is a set of permissions.
type Role string

// The roles. Whoever runs the models need not see the people.
const (
	Viewer   Role = "viewer"
	Analyst  Role = "analyst"
	Engineer Role = "engineer"
	Auditor  Role = "auditor"
	Admin    Role = "admin"
	// Scorer is for keys of programs that bring rows of their own.
	Scorer Role = "scorer"
	// Service is for the services among themselves: what each may the owner of its key says.
	Service Role = "service"
)

// AnyService is the owner of a key that serves for all services of an installation.
const AnyService = "futurisys"

// Roles are all roles.
func Roles() []Role { return []Role{Viewer, Analyst, Engineer, Auditor, Admin, Scorer, Service} }

// Permissions are what a role may do; none of a role that there is not.
func (r Role) Permissions() []futurisysv1.Permission {
	const (
		modelsRead       = futurisysv1.Permission_PERMISSION_MODELS_READ
		predict          = futurisysv1.Permission_PERMISSION_PREDICT
		employeesPredict = futurisysv1.Permission_PERMISSION_EMPLOYEES_PREDICT
		employeesRead    = futurisysv1.Permission_PERMISSION_EMPLOYEES_READ
		predictionsRead  = futurisysv1.Permission_PERMISSION_PREDICTIONS_READ
		employeesWrite   = futurisysv1.Permission_PERMISSION_EMPLOYEES_WRITE
		modelsManage     = futurisysv1.Permission_PERMISSION_MODELS_MANAGE
		auditRead        = futurisysv1.Permission_PERMISSION_AUDIT_READ
		employeesErase   = futurisysv1.Permission_PERMISSION_EMPLOYEES_ERASE
		accessManage     = futurisysv1.Permission_PERMISSION_ACCESS_MANAGE
		internal         = futurisysv1.Permission_PERMISSION_INTERNAL
	)
	return map[Role][]futurisysv1.Permission{
		Viewer:   {modelsRead},
		Analyst:  {modelsRead, predict, employeesPredict, employeesRead, predictionsRead, employeesWrite},
		Engineer: {modelsRead, predict, modelsManage},
		Auditor:  {modelsRead, employeesRead, predictionsRead, auditRead},
		Admin:    {modelsRead, auditRead, employeesErase, accessManage},
		Scorer:   {modelsRead, predict},
		Service:  {modelsRead, internal},
	}[r]
}

// call is what a context knows of the call that it is of.
type call struct {
	principal *Principal
	// credential is what the caller sent: a call that is made for him to another service
	// carries it on.
	credential string
}

type callKey struct{}

// Subject is whom a call is made for; "": nobody is known.
func Subject(ctx context.Context) string {
	if principal := From(ctx); principal != nil {
		return principal.Subject
	}
	return ""
}

// Name is what people call whom a call is made for; "": nobody is known.
func Name(ctx context.Context) string {
	if principal := From(ctx); principal != nil {
		return principal.DisplayName
	}
	return ""
}

// From returns who a call is made for; nil: nobody is known.
func From(ctx context.Context) *Principal {
	found, _ := ctx.Value(callKey{}).(call)
	return found.principal
}
