-- +goose Up
-- SQLite writes one transaction at a time: the order of the places is that of the commits.
SELECT 1;

-- +goose Down
SELECT 1;
