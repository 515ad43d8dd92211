package registry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"google.golang.org/protobuf/encoding/protojson"

	"github.com/futurisys/futurisys/services/inference/internal/engine"
	"github.com/futurisys/futurisys/services/inference/internal/explain"
	"github.com/futurisys/futurisys/services/inference/internal/features"
	"github.com/futurisys/futurisys/services/inference/internal/modelpkg"
	"github.com/futurisys/futurisys/services/inference/internal/repository"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// GoldenTolerance is how far an answer may be from the training framework's own.
const GoldenTolerance = 1e-5

// timedRuns is how many single rows are scored to find the median latency; the
// first ones also warm the session up.
const timedRuns = 200

// Reasons to refuse a version, besides those of modelpkg, features and engine.
var (
	ErrName     = errors.New("the manifest names another model than the repository")
	ErrSemantic = errors.New("the manifest is of another version than the tag")
	ErrGolden   = errors.New("the graph does not answer the golden rows as the training framework did")
	ErrExplain  = errors.New("the explanations are not those of the training")
	ErrLatency  = errors.New("scoring one row takes longer than the manifest's budget")
	ErrMemory   = errors.New("loading it takes more memory than the budget")
)

// check reads a candidate's package, loads it and checks all that can be checked
// before it answers anybody. The result is ready or refused.
func (r *Registry) check(ctx context.Context, candidate repository.Candidate) *Version {
	version := known(candidate)
	version.LoadTime = time.Now().UTC()
	var err error
	if version.Package, err = r.options.Repository.Read(ctx, candidate); err == nil {
		err = version.load(r.options.Runtime, r.options.MemoryBudget) //nolint:contextcheck // what it prepares outlives the call
	}
	if version.Package != nil && version.Revision == "" {
		version.Revision = version.Package.Revision
	}
	if err == nil {
		version.State = Ready
		version.lease = newLease(func() { r.closeSession(version) })
		r.findImportance(version) //nolint:contextcheck // it outlives the call
		return version
	}
	version.State, version.Refusal = Refused, errors.Join(err, version.close())
	return version
}

// Check does all that is checked before a version may answer, for one package and
// without serving it. It returns what was found, or why it is refused.
func Check(pkg *modelpkg.Package, runtime engine.Runtime, memoryBudget int64) (*Version, error) {
	version := known(repository.Candidate{Model: pkg.Manifest.Name, Revision: pkg.Revision})
	version.Package = pkg
	err := version.load(runtime, memoryBudget)
	return version, errors.Join(err, version.close())
}

func (r *Registry) closeSession(version *Version) {
	if err := version.close(); err != nil {
		r.options.Logger.Error("free a version", "model", version.Model, "version", version.Number, "error", err)
		return
	}
	r.options.Logger.Info("version freed", "model", version.Model, "version", version.Number)
}

func (v *Version) load(runtime engine.Runtime, memoryBudget int64) error {
	manifest := &v.Package.Manifest
	if manifest.Name != v.Model {
		return fmt.Errorf("%w: %s, not %s", ErrName, manifest.Name, v.Model)
	}
	if v.Semantic != "" && manifest.Version != v.Semantic {
		return fmt.Errorf("%w: %s, not %s", ErrSemantic, manifest.Version, v.Semantic)
	}
	var err error
	if v.Plan, err = features.NewPlan(manifest.Features); err != nil {
		return err //nolint:wrapcheck // it says all there is to say
	}
	if err := checkInside(v.Package.Graph); err != nil {
		return err
	}
	before := residentBytes()
	if v.Session, err = runtime.Load(v.Package.Graph, v.Plan.Width()); err != nil {
		return err //nolint:wrapcheck // it says all there is to say
	}
	rows, err := v.checkGolden()
	if err != nil {
		return err
	}
	if err := v.checkAnswers(rows); err != nil {
		return err
	}
	if err := v.checkLatency(rows[:v.Plan.Width()]); err != nil {
		return err
	}
	if err := v.checkExplanations(runtime, rows); err != nil {
		return err
	}
	v.MemoryBytes = max(residentBytes()-before, int64(len(v.Package.Graph)))
	if memoryBudget > 0 && v.MemoryBytes > memoryBudget {
		return fmt.Errorf("%w: %d bytes, the budget is %d", ErrMemory, v.MemoryBytes, memoryBudget)
	}
	return nil
}

// checkGolden compares the graph's answers with the package's golden rows and
// returns these rows, encoded.
func (v *Version) checkGolden() ([]float32, error) {
	var rows []float32
	for _, golden := range v.Package.Golden.Rows {
		var err error
		if rows, err = v.encode(rows, golden.Profile); err != nil {
			return nil, fmt.Errorf("%w: row %q: %w", ErrGolden, golden.Name, err)
		}
	}
	out := make([]float32, len(v.Package.Golden.Rows))
	if err := v.Session.Score(rows, out); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrGolden, err)
	}
	for i, golden := range v.Package.Golden.Rows {
		got := float64(out[i])
		if math.IsNaN(got) || math.Abs(got-golden.Probability) > GoldenTolerance {
			return nil, fmt.Errorf("%w: row %q gives %g instead of %g", ErrGolden, golden.Name, got, golden.Probability)
		}
	}
	return rows, nil
}

// checkLatency measures the median time of scoring one row, in microseconds.
func (v *Version) checkLatency(row []float32) error {
	times := make([]time.Duration, timedRuns)
	out := make([]float32, 1)
	for i := range times {
		start := time.Now()
		if err := v.Session.Score(row, out); err != nil {
			return fmt.Errorf("%w: %w", ErrLatency, err)
		}
		times[i] = time.Since(start)
	}
	slices.Sort(times)
	v.LatencyUs = float64(times[len(times)/2]) / float64(time.Microsecond)
	if budget := v.Package.Manifest.LatencyBudgetUs; v.LatencyUs > budget {
		return fmt.Errorf("%w: %.0f us, the budget is %.0f us", ErrLatency, v.LatencyUs, budget)
	}
	return nil
}

// checkExplanations makes the version's explainer and compares what it says of the
// golden rows, which are given encoded, with the training. An estimate cannot be held
// to that.
func (v *Version) checkExplanations(runtime engine.Runtime, golden []float32) error {
	var background []float32
	var err error
	for i, profile := range v.Package.Background.Profiles {
		if background, err = v.encode(background, profile); err != nil {
			return fmt.Errorf("%w: background row %d: %w", ErrExplain, i, err)
		}
	}
	wish := explain.Method(v.Package.Manifest.Explain.Method)
	if v.Explainer, err = explain.New(wish, v.Package.Graph, runtime, v.Plan.Width(), background); err != nil {
		return fmt.Errorf("%w: %w", ErrExplain, err)
	}
	v.background = background
	if v.Explainer.Method() == explain.Permutation {
		return nil
	}
	var explained []modelpkg.GoldenRow
	var rows []float32
	for i, row := range v.Package.Golden.Rows {
		if len(row.Contributions) > 0 {
			explained = append(explained, row)
			rows = append(rows, golden[i*v.Plan.Width():(i+1)*v.Plan.Width()]...)
		}
	}
	found, err := v.Explainer.Explain(context.Background(), rows)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrExplain, err)
	}
	for i, row := range explained {
		if err := v.compareContributions(row, found[i]); err != nil {
			return err
		}
	}
	return nil
}

func (v *Version) compareContributions(golden modelpkg.GoldenRow, found explain.Explanation) error {
	if math.Abs(found.Base-v.Package.Golden.BaseValue) > GoldenTolerance {
		return fmt.Errorf("%w: the base is %g instead of %g", ErrExplain, found.Base, v.Package.Golden.BaseValue)
	}
	for i, feature := range v.Package.Manifest.Features {
		want, ok := golden.Contributions[feature.Name]
		if got := found.Contributions[i]; !ok || math.IsNaN(got) || math.Abs(got-want) > GoldenTolerance {
			return fmt.Errorf("%w: row %q, %s: %g instead of %g", ErrExplain, golden.Name, feature.Name, got, want)
		}
	}
	return nil
}

// encode appends the row of a profile of the package's own; the first becomes the
// version's example.
func (v *Version) encode(rows []float32, values map[string]any) ([]float32, error) {
	raw, err := json.Marshal(values)
	if err != nil {
		return nil, fmt.Errorf("read the profile: %w", err)
	}
	var profile futurisysv1.EmployeeProfile
	if err := protojson.Unmarshal(raw, &profile); err != nil {
		return nil, fmt.Errorf("read the profile: %w", err)
	}
	if v.Example == nil {
		v.Example = &profile
	}
	rows, problems := v.Plan.Encode(rows, &profile)
	if len(problems) > 0 {
		return nil, fmt.Errorf("%s %s", problems[0].GetField(), problems[0].GetMessage())
	}
	return rows, nil
}
