-- +goose Up
-- How many identifiers of a kind that were first seen within so many days a person may hold; 0: any.
ALTER TABLE identity_kind_rules ADD COLUMN window_limit BIGINT NOT NULL DEFAULT 0;
ALTER TABLE identity_kind_rules ADD COLUMN window_days BIGINT NOT NULL DEFAULT 0;

-- +goose Down
ALTER TABLE identity_kind_rules DROP COLUMN window_days;
ALTER TABLE identity_kind_rules DROP COLUMN window_limit;
