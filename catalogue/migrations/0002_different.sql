-- +goose Up
-- How many different values a property of an event has had: a sketch, from which no value can be read.
CREATE TABLE catalogue_different (
	event  TEXT  NOT NULL,
	name   TEXT  NOT NULL,
	sketch BYTEA NOT NULL,
	PRIMARY KEY (event, name)
);

-- Up to which event of each partition sketches have counted.
CREATE TABLE catalogue_counted (
	lane BIGINT PRIMARY KEY, -- partition of the log
	seq  BIGINT NOT NULL
);

-- +goose Down
DROP TABLE catalogue_counted;
DROP TABLE catalogue_different;
