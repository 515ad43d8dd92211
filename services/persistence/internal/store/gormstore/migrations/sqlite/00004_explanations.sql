-- +goose Up
-- Why the probability is what it is, as it was computed then; null unless the call
-- asked for it. The API's Explanation, as JSON.
ALTER TABLE predictions ADD COLUMN explanation TEXT;

-- +goose Down
ALTER TABLE predictions DROP COLUMN explanation;
