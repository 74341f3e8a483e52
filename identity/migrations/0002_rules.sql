-- +goose Up

-- Which kinds relate, when persons was last counted: a node of such a kind is no person.
ALTER TABLE identity_state ADD COLUMN relating TEXT NOT NULL DEFAULT '';

-- Identifiers that were seen with one that says who somebody is, and do not say it
-- themselves: cars, accounts, households. node is the strongest of the event.
CREATE TABLE identity_relations (
    node       BIGINT NOT NULL,
    related    BIGINT NOT NULL,
    message_id TEXT NOT NULL,
    source     TEXT NOT NULL,
    first_time BIGINT NOT NULL,
    last_time  BIGINT NOT NULL,
    count      BIGINT NOT NULL,
    PRIMARY KEY (node, related)
);
CREATE INDEX identity_relations_related ON identity_relations (related, last_time);

-- Kinds whose rules somebody has changed or added; the others have the built-in ones.
CREATE TABLE identity_kind_rules (
    kind       TEXT PRIMARY KEY,
    role       TEXT NOT NULL,
    priority   BIGINT NOT NULL,
    max_count  BIGINT NOT NULL,
    normaliser TEXT NOT NULL,
    max_length BIGINT NOT NULL
);

-- Differences to the built-in lists of blocked values; kind is empty for every kind.
CREATE TABLE identity_blocked (
    kind       TEXT NOT NULL,
    value      TEXT COLLATE "C" NOT NULL,
    blocked    BOOLEAN NOT NULL,
    changed_at BIGINT NOT NULL,
    PRIMARY KEY (kind, value)
);

-- One row; version counts changes of the two tables above.
CREATE TABLE identity_rules (
    id      BIGINT PRIMARY KEY,
    version BIGINT NOT NULL
);
INSERT INTO identity_rules VALUES (1, 0);

-- Values that join or touch suspiciously many persons.
CREATE TABLE identity_suggestions (
    kind     TEXT NOT NULL,
    value    TEXT COLLATE "C" NOT NULL,
    state    TEXT NOT NULL, -- open, blocked, dismissed
    first_at BIGINT NOT NULL,
    last_at  BIGINT NOT NULL,
    decided  BIGINT NOT NULL,
    merges   BIGINT NOT NULL,
    refusals BIGINT NOT NULL,
    others   BIGINT NOT NULL,
    examples TEXT NOT NULL,
    PRIMARY KEY (kind, value)
);

-- +goose Down
DROP TABLE identity_suggestions;
DROP TABLE identity_rules;
DROP TABLE identity_blocked;
DROP TABLE identity_kind_rules;
DROP TABLE identity_relations;
ALTER TABLE identity_state DROP COLUMN relating;
