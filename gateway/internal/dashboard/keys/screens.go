// Package keys is the screen of the keys of callers: who has one, new ones, and revoking.
package keys

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/futurisys/futurisys/gateway/internal/dashboard/ui"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// handlers answer for the screens.
type handlers struct{ *ui.Site }

// Screens returns the screens.
func Screens(site *ui.Site) []ui.Screen {
	h := &handlers{site}
	return []ui.Screen{
		ui.Page("GET /ui/access", futurisysv1.AccessService_ListKeys_FullMethodName, h.list),
		ui.Page("POST /ui/access", futurisysv1.AccessService_CreateKey_FullMethodName, h.create),
		ui.Page("POST /ui/access/{key}/revoke", futurisysv1.AccessService_RevokeKey_FullMethodName, h.revoke),
	}
}

// roles are what a key may be of.
func roles() []string {
	return []string{"viewer", "analyst", "engineer", "auditor", "admin", "scorer"}
}

// page is what the screen shows.
type page struct {
	Keys    []*futurisysv1.ApiKey
	Made    *futurisysv1.CreateKeyResponse // with the secret, which is shown once
	Problem string
	Name    string // as it was typed
	Owner   string
	Role    string
	Days    string
}

func (h *handlers) list(v *ui.View, w http.ResponseWriter, r *http.Request) {
	h.show(v, w, r, http.StatusOK, &page{})
}

func (h *handlers) show(v *ui.View, w http.ResponseWriter, r *http.Request, code int, p *page) {
	answer, err := h.Access.ListKeys(r.Context(), &futurisysv1.ListKeysRequest{})
	if err != nil {
		h.Fail(v, w, r, ui.Persistence, err)
		return
	}
	p.Keys = answer.GetKeys()
	h.Render(v, w, r, code, v.T("access_title"), pagePart(v, p))
}

// create makes a key, and shows its secret.
func (h *handlers) create(v *ui.View, w http.ResponseWriter, r *http.Request) {
	typed := func(name string) string { return strings.TrimSpace(r.PostForm.Get(name)) }
	p := &page{Name: typed("name"), Owner: typed("owner"), Role: typed("role"), Days: typed("days")}
	key := &futurisysv1.CreateKeyRequest{Name: p.Name, Owner: p.Owner, Roles: []string{p.Role}}
	if p.Days != "" {
		days, err := strconv.ParseInt(p.Days, 10, 32)
		if err != nil || days < 1 {
			p.Problem = v.T("access_not_days")
			h.show(v, w, r, http.StatusBadRequest, p)
			return
		}
		key.LifetimeDays = int32(days)
	}
	made, err := h.Access.CreateKey(r.Context(), key)
	if err != nil {
		h.Fail(v, w, r, ui.Persistence, err)
		return
	}
	h.show(v, w, r, http.StatusOK, &page{Made: made})
}

// revoke revokes a key.
func (h *handlers) revoke(v *ui.View, w http.ResponseWriter, r *http.Request) {
	if _, err := h.Access.RevokeKey(r.Context(), &futurisysv1.RevokeKeyRequest{Key: r.PathValue("key")}); err != nil {
		h.Fail(v, w, r, ui.Persistence, err)
		return
	}
	http.Redirect(w, r, ui.Prefix+"access", http.StatusSeeOther)
}

// rolesOf are the roles of a key in words.
func rolesOf(v *ui.View, key *futurisysv1.ApiKey) string {
	words := make([]string, len(key.GetRoles()))
	for i, role := range key.GetRoles() {
		words[i] = v.T("role_" + role)
	}
	return strings.Join(words, ", ")
}

func roleName(v *ui.View) func(string) string {
	return func(role string) string { return v.T("role_" + role) }
}

// timeOf is a time in words, or a dash.
func timeOf(v *ui.View, t *timestamppb.Timestamp) string {
	if t == nil {
		return "–"
	}
	return v.Time(t.AsTime())
}

// isGood says whether a key is somebody's.
func isGood(key *futurisysv1.ApiKey) bool {
	return key.GetRevokeTime() == nil && (key.GetExpireTime() == nil || key.GetExpireTime().AsTime().After(time.Now()))
}
