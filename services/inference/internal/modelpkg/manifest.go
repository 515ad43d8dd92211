package modelpkg

// Manifest is what manifest.json says of a version. The JSON schema beside this
// file is the authority on what may stand in it.
type Manifest struct {
	SchemaVersion   int               `json:"schema_version"`
	Name            string            `json:"name"`
	Version         string            `json:"version"` // semantic
	Task            string            `json:"task"`    // "binary"
	PositiveLabel   string            `json:"positive_label"`
	NegativeLabel   string            `json:"negative_label"`
	HorizonDays     int32             `json:"horizon_days"`
	Created         string            `json:"created"` // RFC 3339
	Training        map[string]any    `json:"training"`
	Features        []Feature         `json:"features"` // in the graph's order
	Threshold       Threshold         `json:"threshold"`
	Bands           []Band            `json:"bands"` // ascending, the first from 0
	Metrics         map[string]Metric `json:"metrics"`
	Explain         Explain           `json:"explain"`
	LatencyBudgetUs float64           `json:"latency_budget_us"`
	Files           map[string]string `json:"files"` // name to SHA-256 in hex
}

// Types of a feature.
const (
	TypeNumber   = "number"
	TypeCategory = "category"
	TypeBoolean  = "boolean"
)

// Feature is one column of the graph's input.
type Feature struct {
	Name       string      `json:"name"` // field of the employee profile
	Type       string      `json:"type"`
	Categories []string    `json:"categories,omitempty"` // a value is its index
	Min        *float64    `json:"min,omitempty"`        // seen in training
	Max        *float64    `json:"max,omitempty"`
	Unit       string      `json:"unit,omitempty"`
	Label      Label       `json:"label"`
	Required   bool        `json:"required"`
	Impute     *float64    `json:"impute,omitempty"` // encoded; nil and not required: NaN
	Actionable *Actionable `json:"actionable,omitempty"`
	Protected  bool        `json:"protected"`
}

// Label is what to call a feature.
type Label struct {
	FR string `json:"fr"`
	EN string `json:"en"`
}

// Actionable says how a manager can change a feature.
type Actionable struct {
	Direction string   `json:"direction"` // increase, decrease, any
	Min       *float64 `json:"min,omitempty"`
	Max       *float64 `json:"max,omitempty"`
}

// Threshold is where a probability becomes a positive.
type Threshold struct {
	Value     float64          `json:"value"`
	Method    string           `json:"method"`
	Precision float64          `json:"precision"` // out of fold
	Recall    float64          `json:"recall"`
	Curve     []ThresholdPoint `json:"curve"`
}

// ThresholdPoint is what another threshold would give, out of fold.
type ThresholdPoint struct {
	Threshold    float64 `json:"threshold"`
	Precision    float64 `json:"precision"`
	Recall       float64 `json:"recall"`
	FlaggedShare float64 `json:"flagged_share"`
}

// Band names the probabilities from From up to the next band.
type Band struct {
	Name string  `json:"name"`
	From float64 `json:"from"`
}

// Metric is a figure over the folds of the cross-validation.
type Metric struct {
	Mean float64 `json:"mean"`
	SD   float64 `json:"sd"`
}

// Explain says how a score is explained.
type Explain struct {
	Method string `json:"method"`
	Space  string `json:"space"`
}

// Golden is golden.json: rows with the training framework's own answers. The
// labels stand here as well, because nothing else would notice a manifest that
// swaps them.
type Golden struct {
	PositiveLabel string      `json:"positive_label"`
	NegativeLabel string      `json:"negative_label"`
	BaseValue     float64     `json:"base_value"`
	Rows          []GoldenRow `json:"rows"`
}

// GoldenRow is one row with its answer.
type GoldenRow struct {
	Name          string             `json:"name"`
	Profile       map[string]any     `json:"profile"`
	Probability   float64            `json:"probability"`
	Contributions map[string]float64 `json:"contributions,omitempty"`
}

// Background is background.json: rows of the training that a score is compared with.
type Background struct {
	Profiles []map[string]any `json:"profiles"`
}
