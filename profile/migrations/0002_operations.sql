-- +goose Up
-- No table changes. From here on the state of profile_traits may have version 2, which a
-- program before cannot read; it refuses a store with a migration that it does not know.
UPDATE profile_state SET version = version + 1 WHERE id = 1;

-- +goose Down
UPDATE profile_state SET version = version + 1 WHERE id = 1;
