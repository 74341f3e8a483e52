-- +goose Up
-- What people have said of events, properties and traits.
CREATE TABLE catalogue_entries (
	sort        TEXT   NOT NULL, -- event, property or trait; a property is one of all events
	name        TEXT   NOT NULL,
	name_zh     TEXT   NOT NULL, -- how it is shown; empty: by its name
	name_en     TEXT   NOT NULL,
	description TEXT   NOT NULL,
	owner       TEXT   NOT NULL,
	unit        TEXT   NOT NULL,
	class       TEXT   NOT NULL, -- of personal data, by hand; empty: as seen; none: it holds none
	hidden      BIGINT NOT NULL, -- 1: not offered where one is chosen
	starred     BIGINT NOT NULL, -- 1: offered first
	changed_by  TEXT   NOT NULL,
	changed_at  BIGINT NOT NULL, -- milliseconds since 1970
	PRIMARY KEY (sort, name)
);

-- In which fields values were seen that have the form of personal data: counts, and no value.
CREATE TABLE catalogue_seen (
	sort    TEXT   NOT NULL, -- property or trait
	event   TEXT   NOT NULL, -- of a property
	name    TEXT   NOT NULL,
	class   TEXT   NOT NULL, -- stays when later values are others; empty: by its name only
	values_seen    BIGINT NOT NULL, -- different ones, in the sample that was looked at last
	values_matched BIGINT NOT NULL, -- of them those that have the form of the class
	seen_at BIGINT NOT NULL, -- milliseconds since 1970
	PRIMARY KEY (sort, event, name)
);

-- Processes follow changes by the version.
CREATE TABLE catalogue_version (
	id      BIGINT PRIMARY KEY,
	version BIGINT NOT NULL
);
INSERT INTO catalogue_version (id, version) VALUES (1, 0);

-- +goose Down
DROP TABLE catalogue_version;
DROP TABLE catalogue_seen;
DROP TABLE catalogue_entries;
