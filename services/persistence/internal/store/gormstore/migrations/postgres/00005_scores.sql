-- +goose Up
-- Numbers that are given once and never again: employee_id is the last employee number
-- that was given or taken, employee_generation the last generation of a person.
CREATE TABLE counters (
    name text PRIMARY KEY,
    value bigint NOT NULL
);
INSERT INTO counters
SELECT 'employee_id', greatest(
    (SELECT coalesce(max(id), 0) FROM employees), (SELECT coalesce(max(employee_id), 0) FROM predictions)
);
INSERT INTO counters VALUES ('employee_generation', 1);

ALTER TABLE employees
    -- Tells apart the persons who had a number one after the other.
    ADD COLUMN generation integer NOT NULL DEFAULT 1,
    -- Name, job title and department without case and accents, written by the program.
    ADD COLUMN search_text text NOT NULL DEFAULT '';

CREATE SEQUENCE prediction_commits;
ALTER TABLE predictions
    -- 1 score, 2 simulation, 3 shadow, 4 replay: the API's PredictionKind.
    ADD COLUMN kind smallint NOT NULL DEFAULT 1,
    -- 1 record, 2 caller: the API's ProfileSource.
    ADD COLUMN profile_source smallint NOT NULL DEFAULT 2,
    ADD COLUMN principal text NOT NULL DEFAULT '',
    -- 0 without an employee.
    ADD COLUMN employee_generation integer NOT NULL DEFAULT 0,
    ADD COLUMN row_number integer NOT NULL DEFAULT 0,
    ADD COLUMN row_id text NOT NULL DEFAULT '',
    -- An alias, or the number of a version; null without a request_id, and before it was kept.
    ADD COLUMN requested_version text,
    -- The order in which rows became visible. A sequence alone is not that order: a
    -- follower passes over rows of transactions that others still overlap.
    ADD COLUMN commit_sequence bigint NOT NULL DEFAULT nextval('prediction_commits'),
    ADD COLUMN commit_transaction xid8 NOT NULL DEFAULT pg_current_xact_id();
UPDATE predictions SET profile_source = 1, employee_generation = 1 WHERE employee_id IS NOT NULL;

-- The newest score of each employee; one row for each, without a score at first.
CREATE TABLE latest_scores (
    employee_id integer PRIMARY KEY REFERENCES employees (id) ON DELETE CASCADE,
    generation integer NOT NULL,
    prediction_id uuid,
    model text,
    model_version integer,
    -- -1 without a score: such employees come first by it.
    probability double precision NOT NULL DEFAULT -1,
    positive boolean,
    risk_band text,
    create_time timestamptz
);
INSERT INTO latest_scores
SELECT e.id, e.generation, p.id, p.model, p.model_version, coalesce(p.probability, -1), p.positive, p.risk_band, p.create_time
FROM employees AS e LEFT JOIN (
    SELECT DISTINCT ON (employee_id) * FROM predictions WHERE employee_id IS NOT NULL
    ORDER BY employee_id, create_time DESC, id DESC
) AS p ON p.employee_id = e.id;
CREATE INDEX latest_scores_by_probability ON latest_scores (probability, employee_id);
CREATE INDEX latest_scores_by_risk_band ON latest_scores (risk_band, employee_id);

-- Scores are kind < 2, not kind = 1: of a table that it has not analysed a planner takes
-- an equality for rare.
DROP INDEX predictions_by_create_time;
DROP INDEX predictions_by_employee;
CREATE INDEX predictions_by_employee ON predictions (employee_id, employee_generation, create_time, id) WHERE employee_id IS NOT NULL;
CREATE INDEX predictions_by_create_time ON predictions (create_time, id) WHERE kind < 2;
CREATE INDEX predictions_by_risk_band ON predictions (risk_band, create_time, id) WHERE kind < 2;
CREATE INDEX predictions_by_version ON predictions (model, model_version, create_time, id) WHERE kind < 2;
CREATE INDEX predictions_by_probability ON predictions (probability, create_time, id) WHERE kind < 2;
CREATE INDEX predictions_by_kind ON predictions (kind, create_time, id) WHERE kind >= 2;
CREATE UNIQUE INDEX predictions_by_commit_sequence ON predictions (commit_sequence);

-- Which version answers: all changes of each alias, in order. Copies of inference follow it.
CREATE TABLE alias_changes (
    repository text NOT NULL,
    model text NOT NULL,
    entry integer NOT NULL CHECK (entry >= 1),
    alias text NOT NULL,
    kind smallint NOT NULL,
    from_version integer NOT NULL,
    to_version integer NOT NULL,
    to_revision text NOT NULL,
    changed_by text NOT NULL,
    comment text NOT NULL,
    forced boolean NOT NULL,
    change_time timestamptz NOT NULL,
    PRIMARY KEY (repository, model, entry)
);

-- The copies of inference, and how far each one's answers follow the journals.
CREATE TABLE alias_followers (
    repository text NOT NULL,
    copy text NOT NULL,
    -- Model to entry, a JSON object.
    applied_entries jsonb NOT NULL,
    seen_time timestamptz NOT NULL,
    PRIMARY KEY (repository, copy)
);

-- Substrings are found by an index where the extension may be used; elsewhere by reading
-- all employees.
-- +goose StatementBegin
DO $$
BEGIN
    CREATE EXTENSION IF NOT EXISTS pg_trgm;
    CREATE INDEX employees_by_search_text ON employees USING gin (search_text gin_trgm_ops);
EXCEPTION WHEN insufficient_privilege OR undefined_file OR feature_not_supported OR undefined_object THEN
    RAISE NOTICE 'no index for the search of employees: %', SQLERRM;
END
$$;
-- +goose StatementEnd

-- +goose Down
DROP INDEX IF EXISTS employees_by_search_text;
DROP TABLE alias_followers;
DROP TABLE alias_changes;
DROP INDEX predictions_by_commit_sequence;
DROP INDEX predictions_by_kind;
DROP INDEX predictions_by_probability;
DROP INDEX predictions_by_version;
DROP INDEX predictions_by_risk_band;
DROP INDEX predictions_by_create_time;
CREATE INDEX predictions_by_create_time ON predictions (create_time, id);
DROP INDEX predictions_by_employee;
CREATE INDEX predictions_by_employee ON predictions (employee_id, create_time, id) WHERE employee_id IS NOT NULL;
DROP TABLE latest_scores;
ALTER TABLE predictions
    DROP COLUMN kind, DROP COLUMN profile_source, DROP COLUMN principal, DROP COLUMN employee_generation, DROP COLUMN row_number,
    DROP COLUMN row_id, DROP COLUMN requested_version, DROP COLUMN commit_sequence, DROP COLUMN commit_transaction;
DROP SEQUENCE prediction_commits;
ALTER TABLE employees DROP COLUMN generation, DROP COLUMN search_text;
DROP TABLE counters;
