-- +goose Up
CREATE TABLE activations (
	id         TEXT   PRIMARY KEY, -- act_…
	name       TEXT   NOT NULL UNIQUE,
	segment    TEXT   NOT NULL,
	purpose    TEXT   NOT NULL, -- of consent; '': that of sharing
	format     TEXT   NOT NULL,
	kinds      TEXT   NOT NULL, -- of identifiers, parted by commas
	changes    BIGINT NOT NULL, -- 1: what has changed since the last run; 0: everything each time
	target     TEXT   NOT NULL, -- JSON, without secrets
	secret     TEXT   NOT NULL, -- a password, a private key or a signing secret
	run        BIGINT NOT NULL, -- number of the last run that began
	arrived    BIGINT NOT NULL, -- number of the last run that arrived; 0: none
	whole      BIGINT NOT NULL, -- more than 0: the next run sends everything; it grows with each reason
	created_at BIGINT NOT NULL,
	updated_at BIGINT NOT NULL
);

-- What a receiver holds, or is about to be sent: a line of a file, and whose it is.
CREATE TABLE activation_lines (
	activation TEXT   NOT NULL,
	line       TEXT   NOT NULL, -- kind and value, hashed where the format says so
	person     BIGINT NOT NULL,
	node       BIGINT NOT NULL, -- the identifier that it was made of
	first_run  BIGINT NOT NULL, -- that found it first
	last_run   BIGINT NOT NULL, -- that found it last
	PRIMARY KEY (activation, line)
);
CREATE INDEX activation_lines_person ON activation_lines (person);
CREATE INDEX activation_lines_node ON activation_lines (node);

CREATE TABLE activation_runs (
	activation TEXT   NOT NULL,
	run        BIGINT NOT NULL,
	job        TEXT   NOT NULL,
	whole      BIGINT NOT NULL, -- 1: it replaced what was there
	added      BIGINT NOT NULL, -- lines
	removed    BIGINT NOT NULL, -- lines
	held       BIGINT NOT NULL, -- lines that the receiver has now
	persons    BIGINT NOT NULL, -- members who agree and are not protected
	left_out   BIGINT NOT NULL, -- members who do not agree, or are protected
	without    BIGINT NOT NULL, -- members without such an identifier
	file       TEXT   NOT NULL,
	ended_at   BIGINT NOT NULL,
	PRIMARY KEY (activation, run)
);
