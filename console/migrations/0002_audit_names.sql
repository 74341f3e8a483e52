-- +goose Up

-- What the target was called then, and an index for the history of one thing.
ALTER TABLE audit_log ADD COLUMN target_name TEXT NOT NULL DEFAULT '';
CREATE INDEX audit_log_target ON audit_log (target, at, id);

-- +goose Down
DROP INDEX audit_log_target;
ALTER TABLE audit_log DROP COLUMN target_name;
