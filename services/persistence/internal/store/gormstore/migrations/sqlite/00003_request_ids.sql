-- +goose Up
-- What made the id, for readers: the id itself is what is unique.
ALTER TABLE predictions ADD COLUMN request_id TEXT;

-- Answers that were given although another one is on record under their id.
CREATE TABLE prediction_conflicts (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    prediction_id TEXT NOT NULL,
    create_time INTEGER NOT NULL,
    record_time INTEGER NOT NULL,
    -- The whole prediction, as JSON.
    prediction TEXT NOT NULL,
    UNIQUE (prediction_id, create_time)
) STRICT;

-- +goose Down
DROP TABLE prediction_conflicts;
ALTER TABLE predictions DROP COLUMN request_id;
