-- +goose Up
-- Persons to be asked again because their household, or who is in it, has changed.
CREATE TABLE segment_moved (
	person BIGINT PRIMARY KEY,
	quiet  BIGINT NOT NULL -- 1: it follows from history, nobody is messaged
);
