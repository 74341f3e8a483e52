-- +goose Up
-- Tracking plans as people edit them. What holds is in admission_versions.
CREATE TABLE plans (
	id         TEXT   PRIMARY KEY, -- pln_…
	name       TEXT   NOT NULL,
	sources    TEXT   NOT NULL,    -- JSON list of ids; empty: all that no other plan names
	draft      TEXT   NOT NULL,    -- JSON: the document that is being edited
	version    BIGINT NOT NULL,    -- of the draft; counts changes
	revision   BIGINT NOT NULL,    -- the last that was published; 0 for none
	live       BIGINT NOT NULL,    -- 1: that revision holds
	created_at BIGINT NOT NULL,
	updated_at BIGINT NOT NULL
);

-- Every revision that was published, by a command in the log.
CREATE TABLE plan_revisions (
	plan         TEXT   NOT NULL,
	revision     BIGINT NOT NULL,
	name         TEXT   NOT NULL,
	sources      TEXT   NOT NULL,
	document     TEXT   NOT NULL,
	note         TEXT   NOT NULL,
	actor        TEXT   NOT NULL,
	published_at BIGINT NOT NULL,
	PRIMARY KEY (plan, revision)
);

-- How many events broke what, by hour. Values are not kept: they may be somebody's.
CREATE TABLE plan_breaches (
	hour    BIGINT NOT NULL, -- milliseconds since 1970
	source  TEXT   NOT NULL,
	event   TEXT   NOT NULL,
	path    TEXT   NOT NULL, -- "items[].price"; "" for the event itself
	rule    TEXT   NOT NULL,
	action  TEXT   NOT NULL,
	wanted  TEXT   NOT NULL,
	number  BIGINT NOT NULL,
	last_at BIGINT NOT NULL,
	PRIMARY KEY (hour, source, event, path, rule, action)
);

-- How many events were held against a plan, by minute, and how many of them broke it.
CREATE TABLE plan_checks (
	minute BIGINT NOT NULL,
	source TEXT   NOT NULL,
	events BIGINT NOT NULL,
	broken BIGINT NOT NULL,
	PRIMARY KEY (minute, source)
);

-- +goose Down
DROP TABLE plan_checks;
DROP TABLE plan_breaches;
DROP TABLE plan_revisions;
DROP TABLE plans;
