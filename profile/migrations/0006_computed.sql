-- +goose Up
-- Traits that another part of the program has computed, by the identifier that they were written
-- under, so that they follow merges and splits. The latest value only. seq is its place in the log.
CREATE TABLE profile_computed (
	node  BIGINT NOT NULL,
	trait TEXT   NOT NULL,
	seq   BIGINT NOT NULL,
	at    BIGINT NOT NULL,
	value TEXT   NOT NULL, -- JSON
	PRIMARY KEY (node, trait)
);

-- +goose Down
DROP TABLE profile_computed;
