package e2e

import (
	"bytes"
	"context"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/futurisys/futurisys/proto/policy"
	"github.com/futurisys/futurisys/services/platform/access"

	internalv1 "github.com/futurisys/futurisys/proto/gen/futurisys/internalapi/v1"
	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// guarded is a stack whose callers must be known, and a key of each role.
type guarded struct {
	*stack

	keysFile string
	settings []string
	keys     map[access.Role]string
}

func startGuarded(t *testing.T) *guarded {
	t.Helper()
	g := newGuarded(t)
	g.stack = start(t, options{database: sqliteURL(t), environment: g.settings})
	return g
}

// newGuarded makes what a stack needs whose callers must be known.
func newGuarded(t *testing.T) *guarded {
	t.Helper()
	g := &guarded{keysFile: filepath.Join(t.TempDir(), "keys.json"), keys: map[access.Role]string{}}
	for _, role := range access.Roles() {
		g.keys[role] = g.newKey(t, "--role", string(role))
		if role == access.Service {
			g.keys[role] = g.newKey(t, "--role", string(role), "--owner", access.AnyService)
		}
	}
	service := filepath.Join(t.TempDir(), "service.key")
	if err := os.WriteFile(service, []byte(g.keys[access.Service]+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	g.settings = []string{"AUTH=on", "KEYS_FILE=" + g.keysFile, "SERVICE_KEY_FILE=" + service}
	return g
}

// keysCommand runs persistence keys.
func (g *guarded) keysCommand(t *testing.T, arguments ...string) string {
	t.Helper()
	command := exec.CommandContext(t.Context(), filepath.Join(binaries, "persistence"), append([]string{"keys"}, arguments...)...)
	command.Env = []string{"HOME=" + t.TempDir(), "KEYS_FILE=" + g.keysFile}
	command.Dir = t.TempDir()
	out, err := command.Output()
	if err != nil {
		t.Fatalf("keys %v: %v", arguments, err)
	}
	return strings.TrimSpace(string(out))
}

func (g *guarded) newKey(t *testing.T, arguments ...string) string {
	t.Helper()
	if !slices.Contains(arguments, "--owner") {
		arguments = append(arguments, "--owner", "test")
	}
	return g.keysCommand(t, append([]string{"create", "--name", "test"}, arguments...)...)
}

// nobodies are credentials that are nobody's.
func (g *guarded) nobodies(t *testing.T) map[string]string {
	t.Helper()
	good := g.keys[access.Admin]
	expired := g.newKey(t, "--role", "admin", "--expires", "1ns")
	other, err := access.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(5 * time.Second) // until the programs have read the file
	return map[string]string{
		"nobody": "", "an expired key": "Bearer " + expired, "a key of elsewhere": "Bearer " + other.Secret,
		"a cut key": "Bearer " + good[:len(good)-1], "another scheme": "Basic " + good, "no scheme": good,
	}
}

// invoke calls a method with an empty request, and returns its code.
func invoke(t *testing.T, connection *grpc.ClientConn, method protoreflect.MethodDescriptor, authorization string) codes.Code {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if authorization != "" {
		ctx = metadata.AppendToOutgoingContext(ctx, "authorization", authorization)
	}
	var empty, answer []byte
	if !method.IsStreamingClient() && !method.IsStreamingServer() {
		return status.Code(connection.Invoke(ctx, policy.FullMethod(method), &empty, &answer, grpc.ForceCodec(rawBytes{})))
	}
	stream, err := connection.NewStream(ctx, &grpc.StreamDesc{ClientStreams: true, ServerStreams: true}, policy.FullMethod(method), grpc.ForceCodec(rawBytes{}))
	if err != nil {
		return status.Code(err)
	}
	_ = stream.CloseSend()
	return status.Code(stream.RecvMsg(&answer))
}

// Every method of each service, by whoever asks: those pass whose role has the permission of
// the contract, over gRPC at the services' own ports. A new method is in here by itself.
func TestEveryMethodAsksForItsPermission(t *testing.T) {
	g := startGuarded(t)
	nobodies := g.nobodies(t)
	for _, target := range []string{g.setting("INFERENCE_GRPC_ADDR"), g.setting("PERSISTENCE_GRPC_ADDR")} {
		connection, err := grpc.NewClient(target, grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			t.Fatal(err)
		}
		defer connection.Close()
		tried := 0
		protoregistry.GlobalFiles.RangeFiles(func(file protoreflect.FileDescriptor) bool {
			for service := range file.Services().Len() {
				methods := file.Services().Get(service).Methods()
				for i := range methods.Len() {
					method := methods.Get(i)
					wanted := policy.Of(method)
					if wanted == nil || invoke(t, connection, method, "Bearer "+g.keys[access.Service]) == codes.Unimplemented {
						continue // another service's
					}
					tried++
					for name, credential := range nobodies {
						if got := invoke(t, connection, method, credential); got != codes.Unauthenticated {
							t.Errorf("%s by %s: got %s", method.FullName(), name, got)
						}
					}
					for role, key := range g.keys {
						got := invoke(t, connection, method, "Bearer "+key)
						if may := slices.Contains(role.Permissions(), wanted.GetPermission()); may != (got != codes.PermissionDenied) || got == codes.Unauthenticated {
							t.Errorf("%s by %s: got %s", method.FullName(), role, got)
						}
					}
				}
			}
			return true
		})
		if tried < 5 {
			t.Errorf("%s: %d methods were tried", target, tried)
		}
	}
}

// The same over REST, and at the screens.
func TestEveryRouteAsksForItsPermission(t *testing.T) {
	g := startGuarded(t)
	policies, err := policy.Load()
	if err != nil {
		t.Fatal(err)
	}
	permission := map[string]futurisysv1.Permission{}
	for name, one := range policies {
		method := name[strings.LastIndex(name, "/")+1:]
		permission[strings.ToLower(method[:1])+method[1:]] = one.GetPermission()
	}
	permission["listPredictionsByEmployee"] = permission["listPredictions"]
	call := func(operation documented, authorization string) int {
		request, err := http.NewRequestWithContext(t.Context(), operation.method, g.web+strings.NewReplacer("{model}", "nothing", "{version}", "9", "{employee}", "9999", "{prediction}", "00000000-0000-0000-0000-000000000000").Replace(operation.path), http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Content-Type", "application/json")
		if authorization != "" {
			request.Header.Set("Authorization", authorization)
		}
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		if (answer.StatusCode == http.StatusUnauthorized) != (answer.Header.Get("WWW-Authenticate") != "") {
			t.Errorf("%s: %d, WWW-Authenticate is %q", operation.ID, answer.StatusCode, answer.Header.Get("WWW-Authenticate"))
		}
		return answer.StatusCode
	}
	nobodies := g.nobodies(t)
	for id, operation := range g.operations() {
		if permission[id] == 0 {
			t.Errorf("%s has no permission", id)
		}
		for name, credential := range nobodies {
			if got := call(operation, credential); got != http.StatusUnauthorized {
				t.Errorf("%s by %s: got %d", id, name, got)
			}
		}
		for role, key := range g.keys {
			got := call(operation, "Bearer "+key)
			if may := slices.Contains(role.Permissions(), permission[id]); may != (got != http.StatusForbidden) || got == http.StatusUnauthorized {
				t.Errorf("%s by %s: got %d", id, role, got)
			}
		}
	}
	nobody := newBrowser(t, g.stack) // who is led to where people sign in
	for path, want := range map[string]int{"/ui/employees": 303, "/ui/history": 303, "/readyz": 200, "/healthz": 200, "/openapi.json": 200, "/docs/": 200} {
		if got := nobody.ask(path, nil); got.code != want {
			t.Errorf("%s: got %d, want %d", path, got.code, want)
		}
	}
}

// A caller's key goes with his call to the service behind, and what the services do among
// themselves goes on by keys of their own; a revoked key is nobody's within seconds.
func TestAKeyScoresAndIsRevoked(t *testing.T) {
	g := startGuarded(t)
	as := func(role access.Role, method, path, body string) answer {
		request, err := http.NewRequestWithContext(t.Context(), method, g.web+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Content-Type", "application/json")
		request.Header.Set("Authorization", "Bearer "+g.keys[role])
		return g.do(request)
	}
	var model futurisysv1.Model
	as(access.Viewer, http.MethodGet, "/v1/models/attrition", "").into(t, &model)
	var made futurisysv1.Employee
	example, err := protojson.Marshal(model.GetChampion().GetExampleProfile())
	if err != nil {
		t.Fatal(err)
	}
	profile := string(example)
	as(access.Analyst, http.MethodPost, "/v1/employees", `{"profile": `+profile+`}`).into(t, &made)
	var scored futurisysv1.Prediction
	as(access.Scorer, http.MethodPost, "/v1/models/attrition:predict", `{"profile": `+profile+`}`).into(t, &scored)
	if scored.GetRecording() != futurisysv1.Recording_RECORDING_RECORDED {
		t.Errorf("got %s", scored.GetRecording())
	}
	id := as(access.Analyst, http.MethodPost, "/v1/models/attrition:predictEmployees", `{"employeeIds": [1]}`)
	if id.code != http.StatusOK || !strings.Contains(string(id.body), `"prediction"`) {
		t.Errorf("got %d %s", id.code, id.body)
	}
	// A row of the caller's own that is said to be an employee's asks for more.
	as(access.Scorer, http.MethodPost, "/v1/models/attrition:predict", `{"employeeId": 1, "profile": `+profile+`}`).refused(t, http.StatusForbidden, "PERMISSION_DENIED")
	as(access.Engineer, http.MethodGet, "/v1/employees", "").refused(t, http.StatusForbidden, "PERMISSION_DENIED")

	list := g.keysCommand(t, "list")
	if strings.Contains(list, g.keys[access.Scorer]) {
		t.Error("a secret is listed")
	}
	publicID := strings.Split(g.keys[access.Scorer], "_")[1]
	g.keysCommand(t, "revoke", publicID)
	g.eventually("the key is revoked", func() bool {
		return as(access.Scorer, http.MethodGet, "/v1/models", "").code == http.StatusUnauthorized
	})
	for _, p := range []*program{g.gateway, g.inference, g.persistence} {
		for role, key := range g.keys {
			if strings.Contains(p.log.String(), key) {
				t.Errorf("the log of %s has the key of the %s", p.name, role)
			}
		}
	}
}

// A caller who asks too often is told so, over REST and at the services, and keeps nobody else
// out; so is who guesses keys.
func TestCallersAreHeldToARate(t *testing.T) {
	g := newGuarded(t)
	another, third := g.newKey(t, "--role", "viewer", "--owner", "another"), g.newKey(t, "--role", "viewer", "--owner", "a third")
	g.stack = start(t, options{database: sqliteURL(t), environment: append(g.settings, "RATE_LIMIT=5")})
	ask := func(key string) answer {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, g.web+"/v1/models", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Authorization", "Bearer "+key)
		return g.do(request)
	}
	for key, want := range map[string]int{g.keys[access.Viewer]: http.StatusOK, "fsk_guess": http.StatusUnauthorized} {
		byCode := map[int]int{}
		for range 50 {
			got := ask(key)
			byCode[got.code]++
			if got.code == http.StatusTooManyRequests && (got.header.Get("Retry-After") == "" || !strings.Contains(string(got.body), "RATE_LIMITED")) {
				t.Errorf("got %v %s", got.header, got.body)
			}
		}
		if byCode[want] < 10 || byCode[want] > 30 || byCode[want]+byCode[http.StatusTooManyRequests] != 50 {
			t.Errorf("got %v", byCode)
		}
	}
	// Also at what is not there: that a key is refused, or is not, tells as much.
	byCode := map[int]int{}
	for range 50 {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, g.web+"/nothing", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Authorization", "Bearer fsk_guess")
		byCode[g.do(request).code]++
	}
	if byCode[http.StatusTooManyRequests] < 30 {
		t.Errorf("at what is not there: got %v", byCode)
	}
	// A probe and the parts of a page are nobody's requests, and tell nothing of a key.
	for _, path := range []string{"/readyz", "/ui/static/app.css"} {
		for range 20 {
			request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, g.web+path, http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			request.Header.Set("Authorization", "Bearer fsk_guess")
			if got := g.do(request); got.code != http.StatusOK {
				t.Fatalf("%s: got %d %s", path, got.code, got.body)
			}
		}
	}
	if got := ask(another); got.code != http.StatusOK {
		t.Errorf("another caller: got %d %s", got.code, got.body)
	}
	connection := dial(t, g.grpc)
	client := futurisysv1.NewModelServiceClient(connection)
	ofGRPC := map[codes.Code]int{}
	for range 50 {
		_, err := client.ListModels(metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer "+third), &futurisysv1.ListModelsRequest{})
		ofGRPC[status.Code(err)]++
	}
	if ofGRPC[codes.OK] < 10 || ofGRPC[codes.OK]+ofGRPC[codes.ResourceExhausted] != 50 || ofGRPC[codes.ResourceExhausted] == 0 {
		t.Errorf("over gRPC: got %v", ofGRPC)
	}
}

// Who asked stands in the record, and not who says that he did; two callers who choose the same
// request_id each have their own answer.
func TestTheRecordSaysWhoAsked(t *testing.T) {
	g := newGuarded(t)
	first, second := g.newKey(t, "--role", "analyst", "--owner", "Zoé"), g.newKey(t, "--role", "analyst", "--owner", "Max")
	rotated := g.newKey(t, "--role", "analyst", "--owner", "Zoé")
	engineer := g.newKey(t, "--role", "engineer", "--owner", "Eve")
	g.stack = start(t, options{database: sqliteURL(t), environment: g.settings})
	predict := func(key string) *futurisysv1.Prediction {
		g.key = key
		got := &futurisysv1.Prediction{}
		g.call(http.MethodPost, "/v1/models/attrition:predict", `{"requestId": "mine", "profile": `+exampleJSON(t, g.stack)+`}`).into(t, got)
		return got
	}
	of, again, other := predict(first), predict(rotated), predict(second)
	if of.GetPrincipal() != "Zoé" || again.GetId() != of.GetId() || other.GetId() == of.GetId() || other.GetPrincipal() != "Max" {
		t.Errorf("got %v, %v, %v", of, again, other)
	}
	var kept futurisysv1.Prediction
	g.call(http.MethodGet, "/v1/predictions/"+of.GetId(), nil).into(t, &kept)
	if kept.GetPrincipal() != "Zoé" {
		t.Errorf("on record: got %v", &kept)
	}
	g.key = engineer
	var model futurisysv1.Model
	g.call(http.MethodPost, "/v1/models/attrition:setAlias", `{"alias": "next", "version": 1, "changedBy": "somebody else"}`).into(t, &model)
	changes := model.GetAliasChanges()
	if got := changes[0]; got.GetAlias() != "next" || got.GetChangedBy() != "Eve" {
		t.Errorf("got %v", got)
	}
}

// What the gateway calls for nobody is not its own: paths that its table of routes does not know,
// and grpc-gateway does, reached the services with the gateway's own key.
func TestNobodyCallsAsTheGateway(t *testing.T) {
	g := startGuarded(t)
	for path, method := range map[string]string{
		"/v1/models/a:b": http.MethodGet, "/v1/models/a:b/versions": http.MethodGet, "/v1/models/": http.MethodGet, "/v1/predictions/a:b": http.MethodGet,
		"/v1/models/a:b:predict": http.MethodPost, "/v1/employees%3Aimport": http.MethodPost, "/v1/models/attrition%3Apredict": http.MethodPost,
	} {
		got := g.call(method, path, "{}")
		refused := slices.Contains([]int{http.StatusUnauthorized, http.StatusMethodNotAllowed, http.StatusUnsupportedMediaType}, got.code)
		if !refused && !strings.Contains(string(got.body), "ROUTE_NOT_FOUND") {
			t.Errorf("%s %s: got %d %s", method, path, got.code, got.body)
		}
	}
}

// A stream ends with the key that it was begun with.
func TestARevokedKeyEndsItsStream(t *testing.T) {
	g := newGuarded(t)
	key := g.newKey(t, "--role", "scorer", "--owner", "Max")
	g.stack = start(t, options{database: sqliteURL(t), environment: g.settings})
	stream, err := futurisysv1.NewPredictionServiceClient(dial(t, g.grpc)).StreamPredict(metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer "+key))
	if err != nil {
		t.Fatal(err)
	}
	row := func() error {
		if err := stream.Send(&futurisysv1.StreamPredictRequest{Model: "attrition", Profile: &futurisysv1.EmployeeProfile{Age: new(int32(40))}}); err != nil {
			return err
		}
		_, err := stream.Recv()
		return err
	}
	if err := row(); err != nil {
		t.Fatal(err)
	}
	id, _, _ := strings.Cut(strings.TrimPrefix(key, "fsk_"), "_")
	g.keysCommand(t, "revoke", id)
	g.eventually("the stream of a revoked key ends", func() bool {
		if row() == nil {
			return false
		}
		_, err := stream.Recv()
		return status.Code(err) == codes.Unauthenticated
	})
}

// What costs is not reached by who is not known, or may not: his message is not even read.
func TestNobodyCostsAnything(t *testing.T) {
	g := startGuarded(t)
	programs := []*program{g.gateway, g.inference, g.persistence}
	before := map[string]int64{}
	for _, p := range programs {
		peakMemory(t, p, true)
		before[p.name] = peakMemory(t, p, false)
	}
	other, err := access.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	large := make([]byte, 60<<20)
	for name, authorization := range map[string]string{"nobody": "", "a key of elsewhere": "Bearer " + other.Secret, "a viewer": "Bearer " + g.keys[access.Viewer]} {
		want, refused := codes.Unauthenticated, http.StatusUnauthorized
		if name == "a viewer" {
			want, refused = codes.PermissionDenied, http.StatusForbidden
		}
		for target, method := range map[string]string{
			g.grpc:                             futurisysv1.PredictionService_BatchPredict_FullMethodName,
			g.setting("PERSISTENCE_GRPC_ADDR"): internalv1.RecordingService_RecordPredictions_FullMethodName,
		} {
			ctx := t.Context()
			if authorization != "" {
				ctx = metadata.AppendToOutgoingContext(ctx, "authorization", authorization)
			}
			connection := dial(t, target)
			for range 4 {
				var answer []byte
				if got := connection.Invoke(ctx, method, &large, &answer, grpc.ForceCodec(rawBytes{})); status.Code(got) != want {
					t.Errorf("%s, %s: got %v", name, method, got)
				}
			}
		}
		for range 4 {
			request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, g.web+"/v1/models/attrition:batchPredict", bytes.NewReader(large[:16<<20]))
			if err != nil {
				t.Fatal(err)
			}
			request.Header.Set("Content-Type", "application/json")
			if authorization != "" {
				request.Header.Set("Authorization", authorization)
			}
			answer, err := http.DefaultClient.Do(request)
			if err != nil {
				continue // cut off while it was still sending
			}
			_ = answer.Body.Close()
			if answer.StatusCode != refused {
				t.Errorf("%s: got %d", name, answer.StatusCode)
			}
		}
	}
	for _, p := range programs {
		const most = 20 << 20
		if grown := peakMemory(t, p, false) - before[p.name]; grown > most {
			t.Errorf("%s grows by %d MB", p.name, grown>>20)
		}
	}
}
