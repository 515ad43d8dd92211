-- +goose Up
-- A follower of commit_sequence sees a row once every transaction with a lower number has
-- ended. It misses none only if the order of the rows is that of the transactions: one
-- that has its number but not yet its places would come before what was shown already.
-- Both are given under one lock, which is held for the call, not for the transaction.
-- +goose StatementBegin
CREATE FUNCTION begin_commit(places bigint, OUT first_place bigint, OUT transaction xid8) AS $$
DECLARE
    turn CONSTANT bigint := 'prediction_commits'::regclass::oid::bigint;
BEGIN
    PERFORM pg_advisory_lock(turn);
    transaction := pg_current_xact_id();
    first_place := nextval('prediction_commits');
    PERFORM setval('prediction_commits', first_place + places - 1);
    PERFORM pg_advisory_unlock(turn);
EXCEPTION WHEN query_canceled OR OTHERS THEN
    -- The lock is the session's and would outlive the transaction.
    PERFORM pg_advisory_unlock(turn);
    RAISE;
END
$$ LANGUAGE plpgsql;
-- +goose StatementEnd

-- Places come from begin_commit alone.
ALTER TABLE predictions
    ALTER COLUMN commit_sequence DROP DEFAULT,
    ALTER COLUMN commit_transaction DROP DEFAULT;

-- New entries go into the index at once: each search would read a list of those that wait.
ALTER INDEX IF EXISTS employees_by_search_text SET (fastupdate = off);

-- +goose Down
ALTER INDEX IF EXISTS employees_by_search_text RESET (fastupdate);
ALTER TABLE predictions
    ALTER COLUMN commit_sequence SET DEFAULT nextval('prediction_commits'),
    ALTER COLUMN commit_transaction SET DEFAULT pg_current_xact_id();
DROP FUNCTION begin_commit;
