-- +goose Up
-- Times are microseconds since 1970, UTC, so that they sort and compare as numbers.
CREATE TABLE employees (
    id INTEGER PRIMARY KEY CHECK (id >= 1),
    display_name TEXT NOT NULL DEFAULT '',
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
    create_time INTEGER NOT NULL,
    update_time INTEGER NOT NULL,
    -- Counts the changes of the record: half of its etag.
    revision INTEGER NOT NULL DEFAULT 1
);
CREATE INDEX employees_by_update_time ON employees (update_time, id);
CREATE INDEX employees_by_department ON employees (department, id);
CREATE INDEX employees_by_job_title ON employees (job_title, id);

-- +goose Down
DROP TABLE employees;
