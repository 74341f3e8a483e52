-- +goose Up
-- Why rows of an import are in quarantine: a list of {reason, rows, first_row}, JSON.
ALTER TABLE console_imports ADD COLUMN reasons TEXT NOT NULL DEFAULT '[]';

-- +goose Down
ALTER TABLE console_imports DROP COLUMN reasons;
