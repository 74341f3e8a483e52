-- +goose Up
-- What has been read of the history so far, up to the part joined.
ALTER TABLE profile_rebuilds ADD COLUMN past_activity BYTEA;
ALTER TABLE profile_rebuilds ADD COLUMN past_traits BYTEA;
ALTER TABLE profile_rebuilds ADD COLUMN joined BIGINT NOT NULL DEFAULT 0;

-- Traits that operators have set by hand, by the identifier that they named, so that they
-- follow merges and splits. seq is the command's place in the log.
CREATE TABLE profile_corrections (
	seq    BIGINT PRIMARY KEY,
	node   BIGINT NOT NULL,
	at     BIGINT NOT NULL,
	actor  TEXT NOT NULL,
	traits TEXT NOT NULL
);
CREATE INDEX profile_corrections_node ON profile_corrections (node);

-- +goose Down
DROP TABLE profile_corrections;
ALTER TABLE profile_rebuilds DROP COLUMN joined;
ALTER TABLE profile_rebuilds DROP COLUMN past_traits;
ALTER TABLE profile_rebuilds DROP COLUMN past_activity;
