-- +goose Up
-- Whether identifiers of the kind are contacts; null: as the form of its values says.
ALTER TABLE identity_kind_rules ADD COLUMN contact BIGINT;

-- +goose Down
ALTER TABLE identity_kind_rules DROP COLUMN contact;
