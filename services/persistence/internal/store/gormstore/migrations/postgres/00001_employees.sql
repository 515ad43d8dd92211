-- +goose Up
CREATE TABLE employees (
    id integer PRIMARY KEY CHECK (id >= 1),
    display_name text NOT NULL DEFAULT '',
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
    create_time timestamptz NOT NULL,
    update_time timestamptz NOT NULL,
    -- Counts the changes of the record: half of its etag.
    revision integer NOT NULL DEFAULT 1
);
CREATE INDEX employees_by_update_time ON employees (update_time, id);
CREATE INDEX employees_by_department ON employees (department, id);
CREATE INDEX employees_by_job_title ON employees (job_title, id);

-- +goose Down
DROP TABLE employees;
