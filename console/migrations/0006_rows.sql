-- +goose Up

-- Whom a user or a key may see: conditions as JSON, and the set of persons that segments keep
-- for them; empty: everybody.
ALTER TABLE console_users ADD COLUMN rows_any TEXT NOT NULL DEFAULT '';
ALTER TABLE console_users ADD COLUMN rows_set TEXT NOT NULL DEFAULT '';
ALTER TABLE console_api_keys ADD COLUMN rows_any TEXT NOT NULL DEFAULT '';
ALTER TABLE console_api_keys ADD COLUMN rows_set TEXT NOT NULL DEFAULT '';

-- +goose Down
ALTER TABLE console_api_keys DROP COLUMN rows_set;
ALTER TABLE console_api_keys DROP COLUMN rows_any;
ALTER TABLE console_users DROP COLUMN rows_set;
ALTER TABLE console_users DROP COLUMN rows_any;
