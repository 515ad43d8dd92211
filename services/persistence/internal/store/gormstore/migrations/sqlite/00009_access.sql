-- +goose Up
-- Who did what, and whose data were answered or changed. Events are added, and nothing else:
-- a trigger refuses to change one, and to remove one within its first year.
CREATE TABLE audit_events (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    create_time INTEGER NOT NULL,
    principal TEXT NOT NULL,
    principal_name TEXT NOT NULL,
    action TEXT NOT NULL,
    -- A JSON array, ascending.
    employee_ids TEXT NOT NULL,
    filter TEXT NOT NULL,
    request_id TEXT NOT NULL,
    refused BOOLEAN NOT NULL
);
CREATE INDEX audit_events_by_create_time ON audit_events (create_time);
CREATE INDEX audit_events_by_principal ON audit_events (principal, number);
-- +goose StatementBegin
CREATE TRIGGER audit_events_stay_as_they_are BEFORE UPDATE ON audit_events BEGIN
    SELECT RAISE(ABORT, 'audit events are not changed');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER audit_events_stay BEFORE DELETE ON audit_events
WHEN old.create_time > (CAST(strftime('%s', 'now') AS INTEGER) - 365 * 86400) * 1000000 BEGIN
    SELECT RAISE(ABORT, 'audit events of the last year are not removed');
END;
-- +goose StatementEnd

-- Whose predictions are not recorded any more: of a number those persons whose generations
-- are from one to the other.
CREATE TABLE erasures (
    employee_id INTEGER NOT NULL,
    first_generation INTEGER NOT NULL,
    last_generation INTEGER NOT NULL,
    erase_time INTEGER NOT NULL,
    PRIMARY KEY (employee_id, first_generation)
) WITHOUT ROWID;
-- +goose StatementBegin
CREATE TRIGGER predictions_of_erased BEFORE INSERT ON predictions WHEN new.employee_id IS NOT NULL AND EXISTS (
    SELECT 1 FROM erasures AS e WHERE e.employee_id = new.employee_id AND new.employee_generation BETWEEN e.first_generation AND e.last_generation
) BEGIN
    SELECT RAISE(IGNORE);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER conflicts_of_erased BEFORE INSERT ON prediction_conflicts WHEN EXISTS (
    SELECT 1 FROM erasures AS e WHERE e.employee_id = json_extract(new.prediction, '$.EmployeeID')
        AND json_extract(new.prediction, '$.EmployeeGeneration') BETWEEN e.first_generation AND e.last_generation
) BEGIN
    SELECT RAISE(IGNORE);
END;
-- +goose StatementEnd

-- The keys of callers, by the hashes of their secrets. The counter counts their changes.
CREATE TABLE api_keys (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    owner TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    -- Names separated by commas.
    roles TEXT NOT NULL,
    created_by TEXT NOT NULL,
    create_time INTEGER NOT NULL,
    expire_time INTEGER,
    revoke_time INTEGER,
    last_use_time INTEGER
);
INSERT INTO counters VALUES ('api_keys', 1);

-- +goose Down
DELETE FROM counters WHERE name = 'api_keys';
DROP TABLE api_keys;
DROP TRIGGER conflicts_of_erased;
DROP TRIGGER predictions_of_erased;
DROP TABLE erasures;
DROP TRIGGER audit_events_stay;
DROP TABLE audit_events;
