-- +goose Up
-- Times are microseconds since 1970, UTC, so that they sort and compare as numbers.
-- The row that was scored stands beside its score in typed columns, so that SQL
-- can watch both. Never updated, and no foreign key: predictions outlive employees.
CREATE TABLE predictions (
    id TEXT PRIMARY KEY,
    batch_id TEXT,
    employee_id INTEGER,
    model TEXT NOT NULL,
    model_version INTEGER NOT NULL,
    model_revision TEXT NOT NULL,
    probability REAL NOT NULL CHECK (probability BETWEEN 0 AND 1),
    threshold REAL NOT NULL,
    predicted_label TEXT NOT NULL,
    positive BOOLEAN NOT NULL,
    risk_band TEXT NOT NULL,
    age INTEGER,
    gender TEXT,
    marital_status TEXT,
    monthly_income INTEGER,
    department TEXT,
    job_title TEXT,
    previous_employers INTEGER,
    total_experience_years INTEGER,
    tenure_years INTEGER,
    years_in_position INTEGER,
    environment_satisfaction INTEGER,
    job_satisfaction INTEGER,
    team_satisfaction INTEGER,
    work_life_balance INTEGER,
    previous_rating INTEGER,
    current_rating INTEGER,
    job_level INTEGER,
    overtime BOOLEAN,
    last_raise_percent INTEGER,
    savings_plan_participations INTEGER,
    trainings_last_year INTEGER,
    commute_distance INTEGER,
    education_level INTEGER,
    field_of_study TEXT,
    business_travel TEXT,
    years_since_promotion INTEGER,
    years_under_manager INTEGER,
    -- Field and message of each, a JSON array.
    warnings TEXT NOT NULL,
    create_time INTEGER NOT NULL
);
CREATE INDEX predictions_by_create_time ON predictions (create_time, id);
CREATE INDEX predictions_by_employee ON predictions (employee_id, create_time, id) WHERE employee_id IS NOT NULL;
CREATE INDEX predictions_by_batch ON predictions (batch_id, create_time, id) WHERE batch_id IS NOT NULL;

-- +goose Down
DROP TABLE predictions;
