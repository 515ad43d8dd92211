package e2e

import (
	"net/http"
	"net/url"
	"regexp"
	"testing"
	"time"

	"google.golang.org/grpc/metadata"

	"github.com/futurisys/futurisys/services/platform/access"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// Keys are made, listed and revoked over the API and on a screen; each program knows them within
// seconds, and while persistence is away.
func TestKeysAreMadeAndRevoked(t *testing.T) {
	g := startGuarded(t)
	admin := g.keys[access.Admin]
	create := func(body string) answer {
		t.Helper()
		g.key = admin
		return g.call(http.MethodPost, "/v1/keys", body)
	}
	for body, code := range map[string]int{
		`{"name": "x"}`:                                           http.StatusBadRequest,
		`{"roles": ["analyst"]}`:                                  http.StatusBadRequest,
		`{"name": "x", "roles": ["service"]}`:                     http.StatusBadRequest,
		`{"name": "x", "roles": ["root"]}`:                        http.StatusBadRequest,
		`{"name": "a\nb", "roles": ["analyst"]}`:                  http.StatusBadRequest,
		`{"name": "x", "roles": ["analyst"], "lifetimeDays": -1}`: http.StatusBadRequest,
	} {
		if got := create(body); got.code != code {
			t.Errorf("%s: got %d %s", body, got.code, got.body)
		}
	}
	for role, key := range g.keys {
		g.key = key
		if got := g.call(http.MethodGet, "/v1/keys", nil); (got.code == http.StatusOK) != (role == access.Admin) {
			t.Errorf("%s lists keys: %d", role, got.code)
		}
	}
	made := &futurisysv1.CreateKeyResponse{}
	create(`{"name": "payroll", "owner": "pay", "roles": ["analyst"]}`).into(t, made)
	as := func(secret string) int {
		g.key = secret
		return g.call(http.MethodGet, "/v1/employees", nil).code
	}
	services := func(secret string) (known bool) {
		ctx := metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer "+secret)
		_, one := futurisysv1.NewModelServiceClient(dial(t, g.grpc)).ListModels(ctx, &futurisysv1.ListModelsRequest{})
		_, two := futurisysv1.NewEmployeeServiceClient(dial(t, g.setting("PERSISTENCE_GRPC_ADDR"))).ListEmployees(ctx, &futurisysv1.ListEmployeesRequest{})
		return one == nil && two == nil
	}
	g.eventually("the key is known", func() bool { return as(made.GetSecret()) == http.StatusOK && services(made.GetSecret()) })
	g.expectEvent(t, "pay", "ListEmployees", 0, false)
	g.expectEvent(t, "test", "CreateKey", 0, false)
	g.eventually("its use is known", func() bool {
		g.key = admin
		list := &futurisysv1.ListKeysResponse{}
		g.call(http.MethodGet, "/v1/keys", nil).into(t, list)
		for _, key := range list.GetKeys() {
			if key.GetId() == made.GetKey().GetId() {
				return key.GetLastUseTime() != nil && key.GetOwner() == "pay" && key.GetCreatedBy() == "test"
			}
		}
		return false
	})

	// While persistence is away those that are known go on, and whether others are is not known.
	other, err := access.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	models := func(secret string) int {
		g.key = secret
		return g.call(http.MethodGet, "/v1/models", nil).code
	}
	g.persistence.stop()
	if got := models(made.GetSecret()); got != http.StatusOK {
		t.Errorf("while persistence is away: got %d", got)
	}
	if got := models(other.Secret); got != http.StatusUnauthorized {
		t.Errorf("a key that is nobody's: got %d", got)
	}
	g.persistence.start()
	g.eventually("persistence is back", func() bool { return as(made.GetSecret()) == http.StatusOK })

	g.key = admin
	revoked := &futurisysv1.ApiKey{}
	g.call(http.MethodPost, "/v1/keys/"+made.GetKey().GetId()+":revoke", nil).into(t, revoked)
	start := time.Now()
	g.eventually("a revoked key is nobody's", func() bool { return as(made.GetSecret()) == http.StatusUnauthorized })
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("it takes %s", took)
	}
	g.key = admin
	if got := g.call(http.MethodPost, "/v1/keys/nobody:revoke", nil); got.code != http.StatusNotFound {
		t.Errorf("got %d %s", got.code, got.body)
	}

	// The screen does the same.
	b := newBrowser(t, g.stack)
	b.signIn(admin, "/ui/access")
	page := string(b.ask("/ui/access", url.Values{"name": {"Zoé"}, "role": {"auditor"}, "days": {"30"}}).body)
	secret := regexp.MustCompile(`fsk_\w+`).FindString(page)
	g.eventually("a key of the screen is known", func() bool { return as(secret) == http.StatusOK })
	id := regexp.MustCompile(`/ui/access/(\w+)/revoke`).FindStringSubmatch(page)[1]
	if got := b.ask("/ui/access/"+id+"/revoke", url.Values{}); got.code != http.StatusSeeOther {
		t.Errorf("got %d", got.code)
	}
	g.eventually("it is revoked on the screen", func() bool { return as(secret) == http.StatusUnauthorized })
}
