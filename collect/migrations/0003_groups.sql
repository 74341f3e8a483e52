-- +goose Up
-- What refused events have in common: those of one group one rule may mend. Rows from before get
-- their group at the next start.
ALTER TABLE quarantine ADD COLUMN event TEXT NOT NULL DEFAULT '';     -- its name; '' where none can be read
ALTER TABLE quarantine ADD COLUMN template TEXT NOT NULL DEFAULT '';  -- the reason, with names for what differs
ALTER TABLE quarantine ADD COLUMN params TEXT NOT NULL DEFAULT '';    -- JSON: what stands for them
ALTER TABLE quarantine ADD COLUMN group_key TEXT NOT NULL DEFAULT ''; -- qg_…
CREATE INDEX quarantine_group ON quarantine (group_key, received_at, id);

-- +goose Down
DROP INDEX quarantine_group;
ALTER TABLE quarantine DROP COLUMN group_key;
ALTER TABLE quarantine DROP COLUMN params;
ALTER TABLE quarantine DROP COLUMN template;
ALTER TABLE quarantine DROP COLUMN event;
