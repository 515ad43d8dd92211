-- +goose Up
-- Which programs a schema is fit for: oldest_program is the newest version of the schema that
-- a program has to know. A migration that only adds leaves it as it is, so that copies of the
-- release before go on, and start again, during an upgrade; one that takes something away
-- raises it to its own number.
CREATE TABLE schema_compatibility (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    oldest_program INTEGER NOT NULL
) STRICT;
INSERT INTO schema_compatibility (id, oldest_program) VALUES (1, 8);

-- +goose Down
DROP TABLE schema_compatibility;
