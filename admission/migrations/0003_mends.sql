-- +goose Up
-- How many events each mending rule has changed, and at how many a step failed, by day. The rules
-- are in admission_versions.
CREATE TABLE mend_counts (
	day     BIGINT NOT NULL, -- milliseconds since 1970
	rule    TEXT   NOT NULL, -- mnd_…
	changed BIGINT NOT NULL,
	failed  BIGINT NOT NULL,
	field   TEXT   NOT NULL, -- where it failed last; '' for nowhere
	last_at BIGINT NOT NULL,
	PRIMARY KEY (day, rule)
);

-- +goose Down
DROP TABLE mend_counts;
