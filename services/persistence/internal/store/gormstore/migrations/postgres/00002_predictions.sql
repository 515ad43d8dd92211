-- +goose Up
-- The row that was scored stands beside its score in typed columns, so that SQL
-- can watch both. Never updated, and no foreign key: predictions outlive employees.
CREATE TABLE predictions (
    id uuid PRIMARY KEY,
    batch_id uuid,
    employee_id integer,
    model text NOT NULL,
    model_version integer NOT NULL,
    model_revision text NOT NULL,
    probability double precision NOT NULL CHECK (probability BETWEEN 0 AND 1),
    threshold double precision NOT NULL,
    predicted_label text NOT NULL,
    positive boolean NOT NULL,
    risk_band text NOT NULL,
    age integer,
    gender text,
    marital_status text,
    monthly_income integer,
    department text,
    job_title text,
    previous_employers integer,
    total_experience_years integer,
    tenure_years integer,
    years_in_position integer,
    environment_satisfaction integer,
    job_satisfaction integer,
    team_satisfaction integer,
    work_life_balance integer,
    previous_rating integer,
    current_rating integer,
    job_level integer,
    overtime boolean,
    last_raise_percent integer,
    savings_plan_participations integer,
    trainings_last_year integer,
    commute_distance integer,
    education_level integer,
    field_of_study text,
    business_travel text,
    years_since_promotion integer,
    years_under_manager integer,
    -- Field and message of each, a JSON array.
    warnings jsonb NOT NULL,
    create_time timestamptz NOT NULL
);
CREATE INDEX predictions_by_create_time ON predictions (create_time, id);
CREATE INDEX predictions_by_employee ON predictions (employee_id, create_time, id) WHERE employee_id IS NOT NULL;
CREATE INDEX predictions_by_batch ON predictions (batch_id, create_time, id) WHERE batch_id IS NOT NULL;

-- +goose Down
DROP TABLE predictions;
