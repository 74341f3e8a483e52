-- +goose Up
-- How far each partition has been worked on, and what became of its events.
CREATE TABLE pipeline_offsets (
	partition_id BIGINT PRIMARY KEY,
	through      BIGINT NOT NULL, -- last record done
	processed    BIGINT NOT NULL, -- events that reached the stages
	duplicates   BIGINT NOT NULL, -- events dropped because their message_id was seen
	rejected     BIGINT NOT NULL  -- events that went to quarantine
);

-- Hashes of the message ids of one batch: the duplicate window, ready to be loaded at start.
CREATE TABLE pipeline_message_ids (
	partition_id BIGINT NOT NULL,
	through      BIGINT NOT NULL,
	seen_at      BIGINT NOT NULL,
	hashes       BYTEA  NOT NULL, -- 8 bytes each, little endian
	PRIMARY KEY (partition_id, through)
);

-- Which events of a record were duplicates, for the warehouse sink that follows behind.
CREATE TABLE pipeline_dropped (
	partition_id BIGINT NOT NULL,
	record       BIGINT NOT NULL,
	indexes      BYTEA  NOT NULL, -- 2 bytes each, little endian
	PRIMARY KEY (partition_id, record)
);

CREATE TABLE timers (
	owner  TEXT   NOT NULL,
	person BIGINT NOT NULL,
	name   TEXT   NOT NULL,
	due_at BIGINT NOT NULL,
	PRIMARY KEY (owner, person, name)
);
CREATE INDEX timers_due ON timers (due_at);
