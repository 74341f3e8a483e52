-- +goose Up

-- One row. version counts batches: a cache that has seen another one is stale.
CREATE TABLE profile_state (
    id      BIGINT PRIMARY KEY,
    version BIGINT NOT NULL,
    persons BIGINT NOT NULL
);
INSERT INTO profile_state VALUES (1, 0, 0);

-- What changes with every event of a person. Small, because it is written so often;
-- see docs/design/profile.md for the form of state.
CREATE TABLE profile_activity (
    person BIGINT PRIMARY KEY,
    state  BYTEA NOT NULL
);

-- What changes rarely: traits, groups, consent. Persons without any have no row.
CREATE TABLE profile_traits (
    person BIGINT PRIMARY KEY,
    state  BYTEA NOT NULL
);

-- The day of each person's latest event, for lists of the recently active.
CREATE TABLE profile_days (
    person BIGINT PRIMARY KEY,
    day    BIGINT NOT NULL
);
CREATE INDEX profile_days_day ON profile_days (day, person);

-- Words that states mention by number: 0 events, 1 traits, 2 labels.
CREATE TABLE profile_words (
    class BIGINT NOT NULL,
    id    BIGINT NOT NULL,
    word  TEXT NOT NULL,
    PRIMARY KEY (class, id)
);

-- Names, e-mail addresses and phone numbers by which a person can be found, folded.
CREATE TABLE profile_terms (
    term   TEXT COLLATE "C" NOT NULL,
    person BIGINT NOT NULL,
    PRIMARY KEY (term, person)
);

-- How many persons have each trait: exact.
CREATE TABLE profile_catalogue (
    trait   BIGINT PRIMARY KEY,
    persons BIGINT NOT NULL
);

-- Types and frequent values of each trait, written every few seconds.
CREATE TABLE profile_examples (
    trait  BIGINT PRIMARY KEY,
    detail TEXT NOT NULL
);

-- Persons whose profile is being computed anew after a split.
CREATE TABLE profile_rebuilds (
    person   BIGINT PRIMARY KEY,
    mark     TEXT NOT NULL,
    activity BYTEA NOT NULL,
    traits   BYTEA NOT NULL
);

-- +goose Down
DROP TABLE profile_rebuilds;
DROP TABLE profile_examples;
DROP TABLE profile_catalogue;
DROP TABLE profile_terms;
DROP TABLE profile_words;
DROP TABLE profile_days;
DROP TABLE profile_traits;
DROP TABLE profile_activity;
DROP TABLE profile_state;
