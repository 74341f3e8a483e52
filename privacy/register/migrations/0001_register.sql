-- +goose Up
-- The register of processing: its head, activities, assessments, as they are now.
CREATE TABLE register_records (
	id         TEXT   PRIMARY KEY, -- act_…, pia_…; head
	kind       TEXT   NOT NULL, -- head, activity, assessment
	version    BIGINT NOT NULL, -- counts changes, from 1
	body       TEXT   NOT NULL, -- JSON
	changed_by TEXT   NOT NULL,
	changed_at BIGINT NOT NULL
);

-- As they were. Never changed, and never deleted.
CREATE TABLE register_versions (
	id         TEXT   NOT NULL,
	version    BIGINT NOT NULL,
	body       TEXT   NOT NULL,
	changed_by TEXT   NOT NULL,
	changed_at BIGINT NOT NULL,
	PRIMARY KEY (id, version)
);

-- What the register does not cover, since when, until it was covered.
CREATE TABLE register_gaps (
	key       TEXT   PRIMARY KEY,
	gap       TEXT   NOT NULL, -- JSON
	found_at  BIGINT NOT NULL,
	closed_at BIGINT NOT NULL -- 0: it is open
);

-- +goose Down
DROP TABLE register_gaps;
DROP TABLE register_versions;
DROP TABLE register_records;
