-- +goose Up
-- The set of persons that whoever asked was limited to; empty: nobody was, or it was not noted yet.
ALTER TABLE jobs ADD COLUMN rows_set TEXT NOT NULL DEFAULT '';

-- +goose Down
ALTER TABLE jobs DROP COLUMN rows_set;
