-- +goose Up
-- Events of a span that went to quarantine, and how many of them came in later, mended.
ALTER TABLE quality_scores ADD COLUMN refused BIGINT NOT NULL DEFAULT 0;
ALTER TABLE quality_scores ADD COLUMN mended BIGINT NOT NULL DEFAULT 0;
-- Sources of which is to be forgotten what was usual: the process that watches takes note.
CREATE TABLE quality_relearn (
	source TEXT PRIMARY KEY
);

-- +goose Down
DROP TABLE quality_relearn;
ALTER TABLE quality_scores DROP COLUMN mended;
ALTER TABLE quality_scores DROP COLUMN refused;
