-- +goose Up
-- Until when nobody is told of an alarm, nor of later ones of the same kind about the same thing; 0: they are.
ALTER TABLE quality_alarms ADD COLUMN muted_until BIGINT NOT NULL DEFAULT 0;
CREATE INDEX quality_alarms_muted ON quality_alarms (muted_until);

-- +goose Down
DROP INDEX quality_alarms_muted;
ALTER TABLE quality_alarms DROP COLUMN muted_until;
