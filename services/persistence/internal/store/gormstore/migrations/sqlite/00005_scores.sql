-- +goose Up
-- Numbers that are given once and never again: employee_id is the last employee number
-- that was given or taken, employee_generation the last generation of a person,
-- prediction_commit the last place in the order of predictions.
CREATE TABLE counters (
    name TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT;
INSERT INTO counters
SELECT 'employee_id', max(
    (SELECT coalesce(max(id), 0) FROM employees), (SELECT coalesce(max(employee_id), 0) FROM predictions)
);
INSERT INTO counters VALUES ('employee_generation', 1);
INSERT INTO counters SELECT 'prediction_commit', coalesce(max(rowid), 0) FROM predictions;

-- Tells apart the persons who had a number one after the other.
ALTER TABLE employees ADD COLUMN generation INTEGER NOT NULL DEFAULT 1;
-- Name, job title and department without case and accents, written by the program.
ALTER TABLE employees ADD COLUMN search_text TEXT NOT NULL DEFAULT '';

-- 1 score, 2 simulation, 3 shadow, 4 replay: the API's PredictionKind.
ALTER TABLE predictions ADD COLUMN kind INTEGER NOT NULL DEFAULT 1;
-- 1 record, 2 caller: the API's ProfileSource.
ALTER TABLE predictions ADD COLUMN profile_source INTEGER NOT NULL DEFAULT 2;
ALTER TABLE predictions ADD COLUMN principal TEXT NOT NULL DEFAULT '';
-- 0 without an employee.
ALTER TABLE predictions ADD COLUMN employee_generation INTEGER NOT NULL DEFAULT 0;
ALTER TABLE predictions ADD COLUMN row_number INTEGER NOT NULL DEFAULT 0;
ALTER TABLE predictions ADD COLUMN row_id TEXT NOT NULL DEFAULT '';
-- An alias, or the number of a version; null without a request_id, and before it was kept.
ALTER TABLE predictions ADD COLUMN requested_version TEXT;
-- The order in which rows became visible.
ALTER TABLE predictions ADD COLUMN commit_sequence INTEGER NOT NULL DEFAULT 0;
UPDATE predictions SET commit_sequence = rowid;
UPDATE predictions SET profile_source = 1, employee_generation = 1 WHERE employee_id IS NOT NULL;

-- The newest score of each employee; one row for each, without a score at first.
CREATE TABLE latest_scores (
    employee_id INTEGER PRIMARY KEY REFERENCES employees (id) ON DELETE CASCADE,
    generation INTEGER NOT NULL,
    prediction_id TEXT,
    model TEXT,
    model_version INTEGER,
    -- -1 without a score: such employees come first by it.
    probability REAL NOT NULL DEFAULT -1,
    positive BOOLEAN,
    risk_band TEXT,
    create_time INTEGER
);
INSERT INTO latest_scores
SELECT e.id, e.generation, p.id, p.model, p.model_version, coalesce(p.probability, -1), p.positive, p.risk_band, p.create_time
FROM employees AS e LEFT JOIN predictions AS p ON p.id = (
    SELECT newest.id FROM predictions AS newest WHERE newest.employee_id = e.id
    ORDER BY newest.create_time DESC, newest.id DESC LIMIT 1
);
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
    repository TEXT NOT NULL,
    model TEXT NOT NULL,
    entry INTEGER NOT NULL CHECK (entry >= 1),
    alias TEXT NOT NULL,
    kind INTEGER NOT NULL,
    from_version INTEGER NOT NULL,
    to_version INTEGER NOT NULL,
    to_revision TEXT NOT NULL,
    changed_by TEXT NOT NULL,
    comment TEXT NOT NULL,
    forced BOOLEAN NOT NULL,
    change_time INTEGER NOT NULL,
    PRIMARY KEY (repository, model, entry)
);

-- The copies of inference, and how far each one's answers follow the journals.
CREATE TABLE alias_followers (
    repository TEXT NOT NULL,
    copy TEXT NOT NULL,
    -- Model to entry, a JSON object.
    applied_entries TEXT NOT NULL,
    seen_time INTEGER NOT NULL,
    PRIMARY KEY (repository, copy)
);

-- The text of the employees by its substrings, and by the beginnings of its words.
CREATE VIRTUAL TABLE employee_search USING fts5(search_text, content='employees', content_rowid='id', tokenize='trigram');
CREATE VIRTUAL TABLE employee_words USING fts5(search_text, content='employees', content_rowid='id', tokenize='unicode61', prefix='1 2');
-- +goose StatementBegin
CREATE TRIGGER employees_search_insert AFTER INSERT ON employees BEGIN
    INSERT INTO employee_search (rowid, search_text) VALUES (new.id, new.search_text);
    INSERT INTO employee_words (rowid, search_text) VALUES (new.id, new.search_text);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER employees_search_delete AFTER DELETE ON employees BEGIN
    INSERT INTO employee_search (employee_search, rowid, search_text) VALUES ('delete', old.id, old.search_text);
    INSERT INTO employee_words (employee_words, rowid, search_text) VALUES ('delete', old.id, old.search_text);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER employees_search_update AFTER UPDATE OF search_text ON employees WHEN old.search_text <> new.search_text BEGIN
    INSERT INTO employee_search (employee_search, rowid, search_text) VALUES ('delete', old.id, old.search_text);
    INSERT INTO employee_search (rowid, search_text) VALUES (new.id, new.search_text);
    INSERT INTO employee_words (employee_words, rowid, search_text) VALUES ('delete', old.id, old.search_text);
    INSERT INTO employee_words (rowid, search_text) VALUES (new.id, new.search_text);
END;
-- +goose StatementEnd
INSERT INTO employee_search (employee_search) VALUES ('rebuild');
INSERT INTO employee_words (employee_words) VALUES ('rebuild');

-- +goose Down
DROP TRIGGER employees_search_update;
DROP TRIGGER employees_search_delete;
DROP TRIGGER employees_search_insert;
DROP TABLE employee_words;
DROP TABLE employee_search;
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
ALTER TABLE predictions DROP COLUMN kind;
ALTER TABLE predictions DROP COLUMN profile_source;
ALTER TABLE predictions DROP COLUMN principal;
ALTER TABLE predictions DROP COLUMN employee_generation;
ALTER TABLE predictions DROP COLUMN row_number;
ALTER TABLE predictions DROP COLUMN row_id;
ALTER TABLE predictions DROP COLUMN requested_version;
ALTER TABLE predictions DROP COLUMN commit_sequence;
ALTER TABLE employees DROP COLUMN generation;
ALTER TABLE employees DROP COLUMN search_text;
DROP TABLE counters;
