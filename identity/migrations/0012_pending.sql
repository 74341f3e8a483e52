-- +goose Up
-- By which rules the whole graph was last judged, as what takes the changes since back, and whether a
-- re-run has stopped in the middle. logged is 0 while rules of an earlier release are in no log.
ALTER TABLE identity_rules ADD COLUMN was TEXT NOT NULL DEFAULT '';
ALTER TABLE identity_rules ADD COLUMN beyond BIGINT NOT NULL DEFAULT 0;  -- changes that was has no room for
ALTER TABLE identity_rules ADD COLUMN since BIGINT NOT NULL DEFAULT 0;   -- when the first of them was made
ALTER TABLE identity_rules ADD COLUMN latest TEXT NOT NULL DEFAULT '';   -- the command that made the last change
ALTER TABLE identity_rules ADD COLUMN partial BIGINT NOT NULL DEFAULT 0; -- 1: a part of the graph was judged since
ALTER TABLE identity_rules ADD COLUMN logged BIGINT NOT NULL DEFAULT 1;
UPDATE identity_rules SET logged = 0 WHERE EXISTS (SELECT 1 FROM identity_kind_rules) OR EXISTS (SELECT 1 FROM identity_blocked);

-- +goose Down
ALTER TABLE identity_rules DROP COLUMN logged;
ALTER TABLE identity_rules DROP COLUMN partial;
ALTER TABLE identity_rules DROP COLUMN latest;
ALTER TABLE identity_rules DROP COLUMN since;
ALTER TABLE identity_rules DROP COLUMN beyond;
ALTER TABLE identity_rules DROP COLUMN was;
