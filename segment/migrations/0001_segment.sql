-- +goose Up
CREATE TABLE segments (
	id          TEXT   PRIMARY KEY,
	name        TEXT   NOT NULL UNIQUE,
	description TEXT   NOT NULL,
	kind        TEXT   NOT NULL, -- rule | static
	rule        TEXT   NOT NULL, -- canonical JSON as last saved; empty for static
	version     BIGINT NOT NULL, -- counts changes of the rule
	live        BIGINT NOT NULL, -- the generation that answers, 0 while there is none
	building    BIGINT NOT NULL, -- the generation that will replace it, 0 while there is none
	failure     TEXT   NOT NULL, -- why the last build failed
	created_at  BIGINT NOT NULL,
	updated_at  BIGINT NOT NULL
);

-- A generation is one build of a segment: its members by one version of the rule.
CREATE TABLE segment_generations (
	generation BIGINT PRIMARY KEY,
	segment    TEXT   NOT NULL,
	rule       TEXT   NOT NULL,
	phase      BIGINT NOT NULL, -- 0 wanted, 1 tracking and being built, 2 live, 3 dead
	leaves     TEXT   NOT NULL, -- phase 1: the ids of the rule's leaves, in the rule's order
	members    BIGINT NOT NULL
);

-- A leaf is a set of events of which the latest times are kept per person.
CREATE TABLE segment_leaves (
	leaf       BIGINT PRIMARY KEY,
	event      TEXT   NOT NULL,
	filters    TEXT   NOT NULL, -- JSON list of property conditions, or empty
	keep       BIGINT NOT NULL,
	horizon_ms BIGINT NOT NULL, -- 0 = all time
	windowed   BIGINT NOT NULL, -- 0: only the number of times matters
	ready      BIGINT NOT NULL, -- 1: complete for every person
	stale      BIGINT NOT NULL  -- 1: a person was split since; new builds do not use it again
);

-- What is known of a person: event times per leaf, memberships, the pending timer.
CREATE TABLE segment_states (
	person BIGINT PRIMARY KEY,
	state  BYTEA  NOT NULL
);

-- Members by generation. The key is in the order of the member list; that a person is in
-- a generation at most once follows from segment_states.
CREATE TABLE segment_members (
	generation BIGINT NOT NULL,
	entered_at BIGINT NOT NULL,
	person     BIGINT NOT NULL,
	PRIMARY KEY (generation, entered_at, person)
);

-- The persons of a static segment until its build has put them into segment_states.
CREATE TABLE segment_static (
	generation BIGINT NOT NULL,
	person     BIGINT NOT NULL,
	PRIMARY KEY (generation, person)
);

CREATE TABLE segment_changes (
	id      BIGINT PRIMARY KEY,
	segment TEXT   NOT NULL,
	person  BIGINT NOT NULL,
	entered BIGINT NOT NULL, -- 1 entered, 0 left
	at      BIGINT NOT NULL
);
CREATE INDEX segment_changes_segment ON segment_changes (segment, id);

CREATE TABLE segment_days (
	segment  TEXT   NOT NULL,
	day      TEXT   NOT NULL, -- 2026-01-31
	members  BIGINT NOT NULL, -- at the end of the day, or now
	entered  BIGINT NOT NULL,
	departed BIGINT NOT NULL,
	PRIMARY KEY (segment, day)
);

-- The last event of each partition that the stage has worked on.
CREATE TABLE segment_positions (
	partition_id BIGINT PRIMARY KEY,
	seq          BIGINT NOT NULL
);

CREATE TABLE segment_meta (
	id              BIGINT PRIMARY KEY,
	version         BIGINT NOT NULL, -- grows with every change of definitions
	next_generation BIGINT NOT NULL,
	next_leaf       BIGINT NOT NULL,
	chunk           BIGINT NOT NULL  -- the last builder's chunk that was merged
);
INSERT INTO segment_meta (id, version, next_generation, next_leaf, chunk) VALUES (1, 1, 1, 1, 0);
