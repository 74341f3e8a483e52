-- +goose Up
-- What some reactor wants to hear of, in order: usually one row for a batch of the pipeline.
-- The form of body is version 1 of pack.go.
CREATE TABLE inbox_rows (
	id         BIGINT PRIMARY KEY, -- in the order of commits, without gaps
	written_at BIGINT NOT NULL,
	wants      BIGINT NOT NULL, -- bits of the reactors that something in it is for
	edition    BIGINT NOT NULL, -- counts rewritings: an erasure empties places
	before     BIGINT NOT NULL, -- bytes of all earlier rows since the data folder was made
	body       BYTEA  NOT NULL
);

-- The one row that gives rows their order.
CREATE TABLE inbox_head (
	one      BIGINT PRIMARY KEY,
	last_row BIGINT NOT NULL,
	bytes    BIGINT NOT NULL -- of all rows since the data folder was made
);
INSERT INTO inbox_head (one, last_row, bytes) VALUES (1, 0, 0);

-- Changes whenever some reactor's interest may have changed. Apart from the head, so that
-- a definition and a batch never wait for each other.
CREATE TABLE inbox_interest (
	one     BIGINT PRIMARY KEY,
	version BIGINT NOT NULL
);
INSERT INTO inbox_interest (one, version) VALUES (1, 1);

-- How much has been written for each reactor. The pipeline's.
CREATE TABLE inbox_written (
	bit         BIGINT PRIMARY KEY,
	occurrences BIGINT NOT NULL
);

-- How far each reactor is. The runner's. Its next occurrence is the one at place item of
-- row row_id, or a later one.
CREATE TABLE inbox_reactors (
	name     TEXT   NOT NULL PRIMARY KEY,
	bit      BIGINT NOT NULL, -- its number in wants; a name keeps it for ever
	row_id   BIGINT NOT NULL,
	item     BIGINT NOT NULL,
	passed   BIGINT NOT NULL, -- occurrences behind it: reacted on, set aside or erased
	dropped  BIGINT NOT NULL, -- occurrences that went unread, because it stood still for too long
	seen_at  BIGINT NOT NULL, -- when a program that has this reactor last said so
	gone_at  BIGINT NOT NULL, -- since when none has; 0: it holds its rows
	failing  BIGINT NOT NULL, -- since when it fails; 0: it does not
	attempts BIGINT NOT NULL, -- failures in a row
	error    TEXT   NOT NULL, -- of the latest failure
	stopped  BOOLEAN NOT NULL -- it is not tried again by this release
);

-- Occurrences that a reactor could not work on.
CREATE TABLE inbox_dead (
	id       TEXT   NOT NULL PRIMARY KEY,
	reactor  TEXT   NOT NULL,
	row_id   BIGINT NOT NULL, -- where it stood: the order
	item     BIGINT NOT NULL,
	person   BIGINT NOT NULL, -- 0: nobody's
	kind     BIGINT NOT NULL,
	name     TEXT   NOT NULL,
	died_at  BIGINT NOT NULL,
	reason   TEXT   NOT NULL,
	attempts BIGINT NOT NULL, -- of replaying it
	replay   BIGINT NOT NULL, -- when somebody asked for another try; 0: nobody has
	body     BYTEA  NOT NULL  -- as a row's, of one occurrence
);
CREATE UNIQUE INDEX inbox_dead_place ON inbox_dead (reactor, row_id, item);
CREATE INDEX inbox_dead_replay ON inbox_dead (reactor, replay);
CREATE INDEX inbox_dead_person ON inbox_dead (person);

-- +goose Down
DROP TABLE inbox_dead;
DROP TABLE inbox_reactors;
DROP TABLE inbox_written;
DROP TABLE inbox_interest;
DROP TABLE inbox_head;
DROP TABLE inbox_rows;
