package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/encoding/protojson"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// aCase is one figure: calls of one kind from so many callers at once.
type aCase struct {
	name    string // what is called
	callers int
	rows    int    // of one call
	beside  string // the case that it is a ratio of, at the same number of callers
	call    func(ctx context.Context) error
}

const maxMessage = 64 << 20

// example is the row that is measured with, as it is and as JSON.
func example(ctx context.Context, inference *grpc.ClientConn) (*futurisysv1.EmployeeProfile, []byte, error) {
	model, err := futurisysv1.NewModelServiceClient(inference).GetModel(ctx, &futurisysv1.GetModelRequest{Model: "attrition"})
	if err != nil {
		return nil, nil, fmt.Errorf("read the model: %w", err)
	}
	profile := model.GetChampion().GetExampleProfile()
	row, err := protojson.Marshal(profile)
	if err != nil {
		return nil, nil, fmt.Errorf("write the row: %w", err)
	}
	return profile, row, nil
}

func makeCases(ctx context.Context, echo *stack, stacks map[string]*stack) ([]aCase, error) {
	off, err := connect(stacks["off"].grpc)
	if err != nil {
		return nil, err
	}
	bare, err := connect(echo.grpc)
	if err != nil {
		return nil, err
	}
	profile, row, err := example(ctx, off)
	if err != nil {
		return nil, err
	}
	single := []byte(`{"profile":` + string(row) + `}`)
	many := []byte(`{"profiles":[` + strings.Repeat(string(row)+",", batchRows-1) + string(row) + `]}`)
	manyExplained := []byte(strings.TrimSuffix(string(many), "}") + `,"explain":{"top":3}}`)
	profiles := make([]*futurisysv1.EmployeeProfile, batchRows)
	for i := range profiles {
		profiles[i] = profile
	}
	predict := func(connection *grpc.ClientConn) func(context.Context) error {
		client := futurisysv1.NewPredictionServiceClient(connection)
		request := &futurisysv1.PredictRequest{Model: "attrition", Profile: profile}
		return func(ctx context.Context) error {
			_, err := client.Predict(ctx, request)
			return err
		}
	}
	var cases []aCase
	for _, callers := range []int{1, 32, 128} {
		cases = append(cases,
			aCase{"HTTP no-op", callers, 1, "", post(echo.web, single)},
			aCase{"gRPC echo", callers, 1, "", predict(bare)},
			aCase{"gRPC predict, off", callers, 1, "gRPC echo", predict(off)},
			aCase{"REST predict, off", callers, 1, "HTTP no-op", post(stacks["off"].web+"/v1/models/attrition:predict", single)},
			aCase{"REST predict, SQLite", callers, 1, "REST predict, off", post(stacks["SQLite"].web+"/v1/models/attrition:predict", single)},
			aCase{"REST predict, PostgreSQL", callers, 1, "REST predict, off", post(stacks["PostgreSQL"].web+"/v1/models/attrition:predict", single)},
		)
	}
	cases = append(cases, explainedCases(stacks, row)...)
	cases = append(cases, aCase{"FastAPI, pandas, XGBoost, SQLAlchemy, PostgreSQL", 32, 1, "REST predict, PostgreSQL", post(stacks["baseline"].web+"/predict", single)})
	client := futurisysv1.NewPredictionServiceClient(off)
	cases = append(cases, aCase{"gRPC batch of 1,000, off", 1, batchRows, "", func(ctx context.Context) error {
		_, err := client.BatchPredict(ctx, &futurisysv1.BatchPredictRequest{Model: "attrition", Profiles: profiles})
		return err
	}})
	for _, name := range []string{"off", "SQLite", "PostgreSQL"} {
		cases = append(cases, aCase{
			"REST batch of 1,000, " + name, 1, batchRows, "gRPC batch of 1,000, off",
			post(stacks[name].web+"/v1/models/attrition:batchPredict", many),
		}, aCase{
			"REST batch of 1,000 explained, " + name, 1, batchRows, "REST batch of 1,000, " + name,
			post(stacks[name].web+"/v1/models/attrition:batchPredict", manyExplained),
		})
	}
	return cases, nil
}

// explainedCases are single predictions with their reasons, beside those without, by
// the additive version and by the trees.
func explainedCases(stacks map[string]*stack, row []byte) []aCase {
	body := func(rest string) []byte { return []byte(`{"profile":` + string(row) + rest + `}`) }
	cases := make([]aCase, 0, 12)
	for _, name := range []string{"off", "PostgreSQL"} {
		url := stacks[name].web + "/v1/models/attrition:predict"
		for _, callers := range []int{1, 32} {
			cases = append(cases,
				aCase{"REST predict explained, " + name, callers, 1, "REST predict, " + name, post(url, body(`,"explain":{}`))},
				aCase{"REST predict by trees, " + name, callers, 1, "REST predict, " + name, post(url, body(`,"version":2`))},
				aCase{"REST predict by trees explained, " + name, callers, 1, "REST predict by trees, " + name, post(url, body(`,"version":2,"explain":{}`))},
			)
		}
	}
	return cases
}

func connect(address string) (*grpc.ClientConn, error) {
	connection, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxMessage), grpc.MaxCallSendMsgSize(maxMessage)))
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", address, err)
	}
	return connection, nil
}

// post is one POST of a body; an answer other than 200 is an error.
func post(url string, body []byte) func(context.Context) error {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 256}}
	return func(ctx context.Context) error {
		request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
		if err != nil {
			return fmt.Errorf("post to %s: %w", url, err)
		}
		request.Header.Set("Content-Type", "application/json")
		response, err := client.Do(request)
		if err != nil {
			return fmt.Errorf("post to %s: %w", url, err)
		}
		defer response.Body.Close()
		if _, err := io.Copy(io.Discard, response.Body); err != nil {
			return fmt.Errorf("read the answer of %s: %w", url, err)
		}
		if response.StatusCode != http.StatusOK {
			return fmt.Errorf("%s answered %s", url, response.Status)
		}
		return nil
	}
}
