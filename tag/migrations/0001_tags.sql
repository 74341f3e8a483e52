-- +goose Up
CREATE TABLE tags (
	id          TEXT   PRIMARY KEY, -- tag_…
	key         TEXT   NOT NULL UNIQUE, -- its trait is tag.<key>
	name        TEXT   NOT NULL,
	description TEXT   NOT NULL,
	owner       TEXT   NOT NULL,
	folder      TEXT   NOT NULL, -- "a/b"
	kind        TEXT   NOT NULL,
	approved    BIGINT NOT NULL, -- version; 0: none yet
	serving     BIGINT NOT NULL, -- version whose values people have
	approved_at BIGINT NOT NULL, -- Unix milliseconds
	built       BIGINT NOT NULL, -- of which builds of its sets everybody was asked: what TagRulesBuilt gave
	began_at    BIGINT NOT NULL, -- of the last run of its job
	computed_at BIGINT NOT NULL, -- up to when its values are complete
	failure     TEXT   NOT NULL, -- why the last run failed
	counted_at  BIGINT NOT NULL, -- when its values were last counted
	created_at  BIGINT NOT NULL,
	updated_at  BIGINT NOT NULL
);

CREATE TABLE tag_versions (
	tag         TEXT   NOT NULL,
	version     BIGINT NOT NULL,
	definition  TEXT   NOT NULL, -- JSON
	note        TEXT   NOT NULL,
	author      TEXT   NOT NULL,
	author_name TEXT   NOT NULL,
	written_at  BIGINT NOT NULL,
	approver    TEXT   NOT NULL, -- "" while it is a draft
	approver_name TEXT NOT NULL,
	approved_at BIGINT NOT NULL,
	PRIMARY KEY (tag, version)
);

-- Values by the identifier that they were written under. Of a person's rows of a tag one is current.
CREATE TABLE tag_values (
	tag     TEXT   NOT NULL,
	node    BIGINT NOT NULL,
	person  BIGINT NOT NULL,
	value   TEXT   NOT NULL, -- JSON; null: it was taken away
	at      BIGINT NOT NULL,
	seq     BIGINT NOT NULL, -- place in the log
	version BIGINT NOT NULL,
	origin  TEXT   NOT NULL, -- model and its version, a file, who gave it
	expires BIGINT NOT NULL, -- 0: not by itself
	current BIGINT NOT NULL, -- 1 or 0
	PRIMARY KEY (tag, node)
);
CREATE INDEX tag_values_person ON tag_values (person);
CREATE INDEX tag_values_value ON tag_values (tag, current, value);

-- Sums of interest by identifier: see Interest.
CREATE TABLE tag_scores (
	tag     TEXT   NOT NULL,
	version BIGINT NOT NULL,
	node    BIGINT NOT NULL,
	person  BIGINT NOT NULL,
	sums    BYTEA  NOT NULL,
	PRIMARY KEY (tag, version, node)
);
CREATE INDEX tag_scores_person ON tag_scores (person);

CREATE TABLE tag_days (
	tag     TEXT   NOT NULL,
	day     TEXT   NOT NULL, -- 2026-01-31
	value   TEXT   NOT NULL, -- JSON; "": all beyond the most frequent
	persons BIGINT NOT NULL,
	PRIMARY KEY (tag, day, value)
);

CREATE TABLE tag_taxonomies (
	id         TEXT   PRIMARY KEY, -- tax_…
	name       TEXT   NOT NULL UNIQUE,
	version    BIGINT NOT NULL,
	updated_at BIGINT NOT NULL
);

CREATE TABLE tag_items (
	taxonomy TEXT   NOT NULL,
	number   BIGINT NOT NULL, -- stays that of the path, whatever comes later
	path     TEXT   NOT NULL, -- names from the top, parted by U+001F
	level    BIGINT NOT NULL, -- 1 is the top
	weight   DOUBLE PRECISION NOT NULL, -- 0: that of what is above
	gone     BIGINT NOT NULL,
	PRIMARY KEY (taxonomy, number)
);

-- +goose Down
DROP TABLE tag_items;
DROP TABLE tag_taxonomies;
DROP TABLE tag_days;
DROP TABLE tag_scores;
DROP TABLE tag_values;
DROP TABLE tag_versions;
DROP TABLE tags;
