-- +goose Up
CREATE TABLE webhooks (
	id         TEXT   PRIMARY KEY,
	name       TEXT   NOT NULL UNIQUE,
	definition TEXT   NOT NULL, -- JSON
	secrets    TEXT   NOT NULL, -- JSON list, the newest first
	created_at BIGINT NOT NULL,
	updated_at BIGINT NOT NULL
);

-- Counts changes, so that processes know when what they hold is old.
CREATE TABLE webhook_version (
	one     BIGINT PRIMARY KEY,
	version BIGINT NOT NULL
);
INSERT INTO webhook_version (one, version) VALUES (1, 1);
