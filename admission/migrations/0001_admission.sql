-- +goose Up
-- Each set of rules that has held, as long as the log may hold events that it decides about.
CREATE TABLE admission_versions (
	version BIGINT PRIMARY KEY, -- the record of its command
	set_at  BIGINT NOT NULL,
	actor   TEXT   NOT NULL,
	rules   TEXT   NOT NULL     -- JSON
);

-- From which record of each partition it holds. A partition without a row came later, or
-- has dropped the records before: it holds from the beginning there.
CREATE TABLE admission_places (
	version      BIGINT NOT NULL,
	partition_id BIGINT NOT NULL,
	from_record  BIGINT NOT NULL,
	PRIMARY KEY (partition_id, version)
);

-- +goose Down
DROP TABLE admission_places;
DROP TABLE admission_versions;
