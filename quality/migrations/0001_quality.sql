-- +goose Up
-- What is usual of a source ("" as event) and of each of its events.
CREATE TABLE quality_series (
	source TEXT   NOT NULL,
	event  TEXT   NOT NULL,
	known  TEXT   NOT NULL, -- JSON
	PRIMARY KEY (source, event)
);

CREATE TABLE quality_alarms (
	id         TEXT   PRIMARY KEY, -- alm_…
	source     TEXT   NOT NULL,
	event      TEXT   NOT NULL,
	kind       TEXT   NOT NULL,
	field      TEXT   NOT NULL,
	began_at   BIGINT NOT NULL, -- milliseconds since 1970: when it first was not as usual
	opened_at  BIGINT NOT NULL, -- when that was sure
	last_at    BIGINT NOT NULL,
	closed_at  BIGINT NOT NULL, -- 0 while it is open
	usual      DOUBLE PRECISION NOT NULL,
	seen       DOUBLE PRECISION NOT NULL,
	usual_type TEXT   NOT NULL,
	seen_type  TEXT   NOT NULL,
	noted_by   TEXT   NOT NULL, -- who has taken notice
	noted_at   BIGINT NOT NULL
);
CREATE INDEX quality_alarms_closed ON quality_alarms (closed_at, opened_at);

-- How good a source's data was, by minute (kept three days) and by hour (kept 400).
CREATE TABLE quality_scores (
	span   BIGINT NOT NULL, -- milliseconds: 60000 or 3600000
	start  BIGINT NOT NULL, -- milliseconds since 1970
	source TEXT   NOT NULL,
	events BIGINT NOT NULL,
	parts  TEXT   NOT NULL, -- JSON: completeness, validity, … from 0 to 1
	score  DOUBLE PRECISION NOT NULL,
	PRIMARY KEY (span, start, source)
);

-- +goose Down
DROP TABLE quality_scores;
DROP TABLE quality_alarms;
DROP TABLE quality_series;
