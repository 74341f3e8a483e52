-- +goose Up
-- The table's name changes so that a process of an earlier release, which writes offsets
-- whatever they are, cannot go on beside this one: its events wait in the log.
ALTER TABLE pipeline_offsets RENAME TO pipeline_positions;

-- How far the warehouse is, for the processes that do not hold it.
CREATE TABLE sink_positions (
	partition_id     BIGINT PRIMARY KEY,
	through          BIGINT NOT NULL, -- last record in the warehouse
	events           BIGINT NOT NULL, -- in the warehouse, of all partitions
	override_version BIGINT NOT NULL  -- of the persons of nodes
);

-- Counts the wishes of other processes that the pipeline run a batch soon.
CREATE TABLE pipeline_wakes (
	id    BIGINT PRIMARY KEY,
	count BIGINT NOT NULL
);
INSERT INTO pipeline_wakes (id, count) VALUES (1, 0);

-- +goose Down
DROP TABLE pipeline_wakes;
DROP TABLE sink_positions;
ALTER TABLE pipeline_positions RENAME TO pipeline_offsets;
