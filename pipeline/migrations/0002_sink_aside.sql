-- +goose Up
-- Events that the pipeline has taken in and the warehouse has not, because of what they
-- hold. They are in quarantine; a warehouse that is rebuilt leaves them out again.
CREATE TABLE sink_aside (
	partition_id BIGINT NOT NULL,
	seq          BIGINT NOT NULL,
	PRIMARY KEY (partition_id, seq)
);

-- How many there have been: rows go when the log is trimmed.
CREATE TABLE sink_totals (
	partition_id BIGINT PRIMARY KEY,
	set_aside    BIGINT NOT NULL
);

-- +goose Down
DROP TABLE sink_totals;
DROP TABLE sink_aside;
