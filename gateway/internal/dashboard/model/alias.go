package model

import (
	"net/http"
	"net/url"
	"strconv"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/grpc/status"

	"github.com/futurisys/futurisys/gateway/internal/dashboard/ui"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// aliasData is a change of an alias that is to be confirmed.
type aliasData struct {
	Model    string
	Alias    string
	Version  string // "": back to what it stood for before
	Rollback bool
	Now      int32
	Target   *futurisysv1.ModelVersion
	Failure  *ui.Failure
	Refused  bool // the inputs differ: it can be forced
}

// aliasConfirm asks whether an alias is really to be changed.
func (h *handlers) aliasConfirm(v *ui.View, w http.ResponseWriter, r *http.Request) {
	data, ok := h.readAlias(v, w, r, r.URL.Query())
	if ok {
		h.Render(v, w, r, http.StatusOK, v.T("alias_title"), aliasPart(v, data))
	}
}

func (h *handlers) readAlias(v *ui.View, w http.ResponseWriter, r *http.Request, form url.Values) (*aliasData, bool) {
	model, err := h.Models.Get(r.Context())
	if err != nil {
		h.Fail(v, w, r, ui.Inference, err)
		return nil, false
	}
	data := &aliasData{
		Model: model.GetName(), Alias: form.Get("alias"), Version: form.Get("version"), Rollback: form.Get("rollback") == "true",
		Now: model.GetAliases()[form.Get("alias")],
	}
	if data.Rollback {
		return data, true
	}
	number, err := strconv.ParseInt(data.Version, 10, 32)
	if err != nil {
		h.NotFound(v, w, r)
		return nil, false
	}
	if data.Target, err = h.Models.Client.GetModelVersion(r.Context(), &futurisysv1.GetModelVersionRequest{Model: data.Model, Version: int32(number)}); err != nil {
		h.Fail(v, w, r, ui.Inference, err)
		return nil, false
	}
	return data, true
}

// aliasChange changes an alias, or takes it back.
func (h *handlers) aliasChange(v *ui.View, w http.ResponseWriter, r *http.Request) {
	data, ok := h.readAlias(v, w, r, r.PostForm)
	if !ok {
		return
	}
	by, comment := r.PostForm.Get("changed_by"), r.PostForm.Get("comment")
	var err error
	if data.Rollback {
		_, err = h.Models.Client.RollbackModelAlias(r.Context(), &futurisysv1.RollbackModelAliasRequest{
			Model: data.Model, Alias: data.Alias, ChangedBy: by, Comment: comment,
		})
	} else {
		_, err = h.Models.Client.SetModelAlias(r.Context(), &futurisysv1.SetModelAliasRequest{
			Model: data.Model, Alias: data.Alias, Version: data.Target.GetVersion(), ChangedBy: by, Comment: comment,
			Force: r.PostForm.Get("force") == "true",
		})
	}
	if err != nil {
		data.Failure = new(v.FailureOf(w, ui.Inference, err))
		data.Refused = !data.Rollback && len(data.Target.GetSchemaChanges()) > 0
		h.Render(v, w, r, runtime.HTTPStatusFromCode(status.Code(err)), v.T("alias_title"), aliasPart(v, data))
		return
	}
	http.Redirect(w, r, string(ui.To("model"))+"#versions", http.StatusSeeOther)
}
