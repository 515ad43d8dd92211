package server_test

import (
	"math"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/futurisys/futurisys/services/inference/internal/engine/enginetest"
	"github.com/futurisys/futurisys/services/inference/internal/recorder"
	"github.com/futurisys/futurisys/services/inference/internal/scoring"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// adds checks that an explanation adds up and means the probability.
func adds(t *testing.T, explanation *futurisysv1.Explanation, probability float64) {
	t.Helper()
	sum := explanation.GetBase() + explanation.GetRest()
	for _, contribution := range explanation.GetContributions() {
		sum += contribution.GetContribution()
	}
	if math.Abs(sum-explanation.GetMargin()) > 1e-9 {
		t.Errorf("the shares add up to %g, the margin is %g", sum, explanation.GetMargin())
	}
	if meant := 1 / (1 + math.Exp(-explanation.GetMargin())); explanation.GetLink() != futurisysv1.ExplainLink_EXPLAIN_LINK_LOGISTIC || math.Abs(meant-probability) > 1e-5 {
		t.Errorf("the margin means %g, the answer is %g", meant, probability)
	}
}

func TestPredictionIsExplainedOnRequestAndOnRecord(t *testing.T) {
	a := start(t, recorder.Required)
	profile := example(t, a)
	for version, method := range map[int32]futurisysv1.ExplainMethod{1: futurisysv1.ExplainMethod_EXPLAIN_METHOD_ADDITIVE, 2: futurisysv1.ExplainMethod_EXPLAIN_METHOD_TREE} {
		if version == 2 {
			load(t, a, version)
		}
		got, err := a.predictions.Predict(t.Context(), &futurisysv1.PredictRequest{
			Model: "attrition", Version: version, Profile: profile, Explain: &futurisysv1.ExplainOptions{},
		})
		if err != nil {
			t.Fatal(err)
		}
		explanation := got.GetExplanation()
		adds(t, explanation, got.GetProbability())
		if explanation.GetMethod() != method || len(explanation.GetContributions()) != 24 || explanation.GetRestCount() != 0 {
			t.Errorf("version %d: got %v", version, explanation)
		}
		for i, contribution := range explanation.GetContributions() {
			if i > 0 && math.Abs(contribution.GetContribution()) > math.Abs(explanation.GetContributions()[i-1].GetContribution()) {
				t.Error("the greatest does not come first")
			}
			if contribution.GetValue() == nil || contribution.StandardError != nil {
				t.Errorf("got %v", contribution)
			}
		}
		if stored := a.ledger.find(got.GetId()); !proto.Equal(stored.GetExplanation(), explanation) {
			t.Errorf("on record is %v", stored.GetExplanation())
		}
	}
	plain, err := a.predictions.Predict(t.Context(), &futurisysv1.PredictRequest{Model: "attrition", Profile: profile})
	if err != nil || plain.GetExplanation() != nil {
		t.Errorf("nobody asked: %v, %v", plain.GetExplanation(), err)
	}
}

func load(t *testing.T, a api, version int32) {
	t.Helper()
	if _, err := a.models.LoadModelVersion(t.Context(), &futurisysv1.LoadModelVersionRequest{Model: "attrition", Version: version}); err != nil {
		t.Fatal(err)
	}
}

func TestBatchIsExplainedByItsTopReasons(t *testing.T) {
	a := start(t, recorder.Required)
	good := example(t, a)
	other := proto.CloneOf(good)
	other.Overtime = new(!good.GetOvertime())
	answer, err := a.predictions.BatchPredict(t.Context(), &futurisysv1.BatchPredictRequest{
		Model: "attrition", Profiles: []*futurisysv1.EmployeeProfile{good, {}, other}, Explain: &futurisysv1.ExplainOptions{Top: 3},
	})
	if err != nil || answer.GetPredictedCount() != 2 {
		t.Fatalf("got %v, %v", answer, err)
	}
	for _, i := range []int{0, 2} {
		prediction := answer.GetResults()[i].GetPrediction()
		adds(t, prediction.GetExplanation(), prediction.GetProbability())
		if len(prediction.GetExplanation().GetContributions()) != 3 || prediction.GetExplanation().GetRestCount() != 21 {
			t.Errorf("row %d: got %v", i, prediction.GetExplanation())
		}
	}
	if proto.Equal(answer.GetResults()[0].GetPrediction().GetExplanation(), answer.GetResults()[2].GetPrediction().GetExplanation()) {
		t.Error("two rows have one explanation")
	}
	_, err = a.predictions.BatchPredict(t.Context(), &futurisysv1.BatchPredictRequest{
		Model: "attrition", Profiles: []*futurisysv1.EmployeeProfile{good}, Explain: &futurisysv1.ExplainOptions{Top: -1},
	})
	refused(t, err, codes.InvalidArgument, "INVALID_ARGUMENT")
}

// An estimate takes thousands of runs of the graph: it says how far it may be off, and
// is not made in bulk.
func TestEstimatesAreNotMadeInBulk(t *testing.T) {
	repository, version := enginetest.CopyModel(t)
	enginetest.EditManifest(t, version, false, func(manifest map[string]any) {
		manifest["explain"] = map[string]any{"method": "permutation", "space": "log_odds"}
	})
	a := startOn(t, recorder.Off, repository)
	profiles := make([]*futurisysv1.EmployeeProfile, scoring.MaxEstimated+1)
	for i := range profiles {
		profiles[i] = example(t, a)
	}
	request := &futurisysv1.BatchPredictRequest{Model: "attrition", Profiles: profiles, Explain: &futurisysv1.ExplainOptions{}}
	_, err := a.predictions.BatchPredict(t.Context(), request)
	refused(t, err, codes.InvalidArgument, "INVALID_ARGUMENT")
	request.Profiles = profiles[:2]
	answer, err := a.predictions.BatchPredict(t.Context(), request)
	if err != nil {
		t.Fatal(err)
	}
	explanation := answer.GetResults()[1].GetPrediction().GetExplanation()
	if explanation.GetMethod() != futurisysv1.ExplainMethod_EXPLAIN_METHOD_PERMUTATION || explanation.GetContributions()[0].StandardError == nil {
		t.Errorf("got %v", explanation)
	}
}

func TestStreamIsExplained(t *testing.T) {
	a := start(t, recorder.Off)
	stream, err := a.predictions.StreamPredict(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	request := &futurisysv1.StreamPredictRequest{Model: "attrition", Profile: example(t, a), Explain: &futurisysv1.ExplainOptions{Top: 1}}
	if err := stream.Send(request); err != nil {
		t.Fatal(err)
	}
	answer, err := stream.Recv()
	if err != nil {
		t.Fatal(err)
	}
	adds(t, answer.GetResult().GetPrediction().GetExplanation(), answer.GetResult().GetPrediction().GetProbability())
}

// A what-if says what a change does and which field does it, and nothing is recorded.
func TestWhatIf(t *testing.T) {
	a := start(t, recorder.Required)
	profile := proto.CloneOf(example(t, a))
	profile.Overtime = new(false)
	got, err := a.predictions.Explain(t.Context(), &futurisysv1.ExplainRequest{
		Model: "attrition", Profile: profile, Changes: &futurisysv1.EmployeeProfile{Overtime: new(true), JobLevel: profile.JobLevel},
	})
	if err != nil {
		t.Fatal(err)
	}
	adds(t, got.GetScore().GetExplanation(), got.GetScore().GetProbability())
	adds(t, got.GetChangedScore().GetExplanation(), got.GetChangedScore().GetProbability())
	sum := 0.0
	for _, difference := range got.GetDifferences() {
		sum += difference.GetDifference()
	}
	if want := got.GetChangedScore().GetExplanation().GetMargin() - got.GetScore().GetExplanation().GetMargin(); math.Abs(sum-want) > 1e-9 || sum <= 0 {
		t.Errorf("the differences add up to %g, the margin moves by %g", sum, want)
	}
	// An additive model: the field that was changed does all of it.
	if first := got.GetDifferences()[0]; len(got.GetDifferences()) != 1 || first.GetFeature() != "overtime" || first.GetFrom().GetBoolean() || !first.GetTo().GetBoolean() {
		t.Errorf("got %v", got.GetDifferences())
	}
	if !got.GetChangedScore().GetProfile().GetOvertime() || got.GetScore().GetProfile().GetOvertime() {
		t.Error("the profiles are not those that were scored")
	}
	if got.GetCounterfactual() != nil || len(a.ledger.rows) != 0 {
		t.Errorf("nobody asked: %v, recorded %v", got.GetCounterfactual(), a.ledger.rows)
	}
}

// What a counterfactual proposes is under the threshold when it is scored.
func TestCounterfactualHoldsWhenItIsScored(t *testing.T) {
	a := start(t, recorder.Off)
	load(t, a, 2)
	risky := proto.CloneOf(example(t, a))
	risky.Overtime, risky.BusinessTravel, risky.MonthlyIncome, risky.JobSatisfaction = new(true), new("Frequent"), new(int32(2000)), new(int32(1))
	for _, version := range []int32{1, 2} {
		got, err := a.predictions.Explain(t.Context(), &futurisysv1.ExplainRequest{Model: "attrition", Version: version, Profile: risky, Counterfactual: true})
		if err != nil {
			t.Fatal(err)
		}
		found := got.GetCounterfactual()
		t.Logf("version %d: %.3f, %v", version, got.GetScore().GetProbability(), found)
		if !got.GetScore().GetPositive() {
			t.Fatalf("version %d: the row is to be risky", version)
		}
		if len(found.GetChanges()) == 0 || found.GetOutcome() == futurisysv1.CounterfactualOutcome_COUNTERFACTUAL_OUTCOME_NOT_NEEDED {
			t.Fatalf("version %d: got %v", version, found)
		}
		again, err := a.predictions.Explain(t.Context(), &futurisysv1.ExplainRequest{Model: "attrition", Version: version, Profile: risky, Changes: changesOf(t, found)})
		if err != nil {
			t.Fatal(err)
		}
		under := again.GetChangedScore().GetProbability() < again.GetThreshold()
		if math.Abs(again.GetChangedScore().GetProbability()-found.GetProbability()) > 1e-6 ||
			under != (found.GetOutcome() == futurisysv1.CounterfactualOutcome_COUNTERFACTUAL_OUTCOME_FOUND) {
			t.Errorf("version %d: proposed %v, scored %g", version, found, again.GetChangedScore().GetProbability())
		}
	}
	calm, err := a.predictions.Explain(t.Context(), &futurisysv1.ExplainRequest{
		Model: "attrition", Profile: example(t, a), Changes: &futurisysv1.EmployeeProfile{}, Counterfactual: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	if calm.GetScore().GetPositive() != (len(calm.GetCounterfactual().GetChanges()) > 0) {
		t.Errorf("got %v for %g", calm.GetCounterfactual(), calm.GetScore().GetProbability())
	}
}

// changesOf are a counterfactual's changes as a profile.
func changesOf(t *testing.T, found *futurisysv1.Counterfactual) *futurisysv1.EmployeeProfile {
	t.Helper()
	changes := &futurisysv1.EmployeeProfile{}
	for _, change := range found.GetChanges() {
		switch change.GetFeature() {
		case "overtime":
			changes.Overtime = new(change.GetTo().GetBoolean())
		case "business_travel":
			changes.BusinessTravel = new(change.GetTo().GetCategory())
		default:
			fields := changes.ProtoReflect()
			fields.Set(fields.Descriptor().Fields().ByName(protoreflect.Name(change.GetFeature())), protoreflect.ValueOfInt32(int32(change.GetTo().GetNumber())))
		}
	}
	return changes
}

func TestExplainIsRefused(t *testing.T) {
	a := start(t, recorder.Off)
	good := example(t, a)
	explain := func(change func(*futurisysv1.ExplainRequest)) error {
		request := &futurisysv1.ExplainRequest{Model: "attrition", Profile: proto.CloneOf(good)}
		change(request)
		_, err := a.predictions.Explain(t.Context(), request)
		return err
	}
	refused(t, explain(func(r *futurisysv1.ExplainRequest) { r.Profile = nil }), codes.InvalidArgument, "INVALID_ARGUMENT")
	refused(t, explain(func(r *futurisysv1.ExplainRequest) { r.EmployeeId = new(int32(1)) }), codes.InvalidArgument, "INVALID_ARGUMENT")
	refused(t, explain(func(r *futurisysv1.ExplainRequest) { r.Profile, r.EmployeeId = nil, new(int32(1)) }), codes.NotFound, "NO_DATABASE")
	refused(t, explain(func(r *futurisysv1.ExplainRequest) { r.Version = 9 }), codes.NotFound, "MODEL_VERSION_NOT_FOUND")
	wrong := refused(t, explain(func(r *futurisysv1.ExplainRequest) { r.Profile.Overtime = nil }), codes.InvalidArgument, "INVALID_PROFILE")
	if wrong["profile.overtime"] == "" {
		t.Errorf("got %v", wrong)
	}
	wrong = refused(t, explain(func(r *futurisysv1.ExplainRequest) {
		r.Changes = &futurisysv1.EmployeeProfile{Department: new("Lune"), JobLevel: new(int32(9))}
	}), codes.InvalidArgument, "INVALID_PROFILE")
	if wrong["changes.department"] == "" || wrong["changes.job_level"] == "" {
		t.Errorf("got %v", wrong)
	}
}

func TestCurvesAreThoseOfTheContributions(t *testing.T) {
	a := start(t, recorder.Off)
	got, err := a.models.ListFeatureCurves(t.Context(), &futurisysv1.ListFeatureCurvesRequest{Model: "attrition", Version: 1})
	if err != nil || len(got.GetFeatureCurves()) != 24 || got.GetExplainMethod() != futurisysv1.ExplainMethod_EXPLAIN_METHOD_ADDITIVE || got.GetSpace() != futurisysv1.ExplainSpace_EXPLAIN_SPACE_LOG_ODDS {
		t.Fatalf("got %v, %v", got, err)
	}
	answer, err := a.predictions.Explain(t.Context(), &futurisysv1.ExplainRequest{Model: "attrition", Profile: example(t, a)})
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, contribution := range answer.GetScore().GetExplanation().GetContributions() {
		for _, curve := range got.GetFeatureCurves() {
			if n := len(curve.GetPoints()); n < 2 || n > 102 {
				t.Fatalf("%s has %d points", curve.GetFeature(), n)
			}
			for _, point := range curve.GetPoints() {
				if curve.GetFeature() == contribution.GetFeature() && proto.Equal(point.GetValue(), contribution.GetValue()) {
					found++
					if math.Abs(point.GetContribution()-contribution.GetContribution()) > 1e-9 {
						t.Errorf("%s: the curve says %g, the explanation %g", curve.GetFeature(), point.GetContribution(), contribution.GetContribution())
					}
				}
			}
		}
	}
	if found < 23 { // the income may lie between two points
		t.Errorf("%d of 24 values lie on their curve", found)
	}
	load(t, a, 2)
	if got, err = a.models.ListFeatureCurves(t.Context(), &futurisysv1.ListFeatureCurvesRequest{Model: "attrition", Version: 2}); err != nil || len(got.GetFeatureCurves()) != 0 {
		t.Errorf("trees have no curves: %v, %v", got, err)
	}
	_, err = a.models.ListFeatureCurves(t.Context(), &futurisysv1.ListFeatureCurvesRequest{Model: "attrition", Version: 9})
	refused(t, err, codes.NotFound, "MODEL_VERSION_NOT_FOUND")
}
