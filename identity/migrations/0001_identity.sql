-- +goose Up

-- One row. version counts changes of the graph: a cache that has seen another one is stale.
CREATE TABLE identity_state (
    id            BIGINT PRIMARY KEY,
    version       BIGINT NOT NULL,
    last_node     BIGINT NOT NULL,
    last_override BIGINT NOT NULL,
    last_merge    BIGINT NOT NULL,
    persons       BIGINT NOT NULL,
    known_persons BIGINT NOT NULL
);
INSERT INTO identity_state VALUES (1, 0, 0, 0, 0, 0, 0);

-- An identifier. Values compare byte by byte, so that a prefix is a range.
CREATE TABLE identity_nodes (
    id         BIGINT PRIMARY KEY,
    kind       TEXT NOT NULL,
    value      TEXT COLLATE "C" NOT NULL,
    person     BIGINT NOT NULL,
    carries    BOOLEAN NOT NULL,
    first_seen BIGINT NOT NULL,
    last_seen  BIGINT NOT NULL,
    events     BIGINT NOT NULL
);
CREATE UNIQUE INDEX identity_nodes_value ON identity_nodes (value, kind);
CREATE INDEX identity_nodes_person ON identity_nodes (person);

-- Evidence that two identifiers belong together; a < b.
CREATE TABLE identity_edges (
    a          BIGINT NOT NULL,
    b          BIGINT NOT NULL,
    evidence   TEXT NOT NULL,
    message_id TEXT NOT NULL,
    source     TEXT NOT NULL,
    first_time BIGINT NOT NULL,
    last_time  BIGINT NOT NULL,
    count      BIGINT NOT NULL,
    PRIMARY KEY (a, b, evidence)
);

CREATE TABLE identity_merges (
    id         BIGINT PRIMARY KEY,
    kept       BIGINT NOT NULL,
    absorbed   BIGINT NOT NULL,
    time       BIGINT NOT NULL,
    message_id TEXT NOT NULL,
    source     TEXT NOT NULL,
    a          BIGINT NOT NULL,
    b          BIGINT NOT NULL,
    evidence   TEXT NOT NULL
);
CREATE INDEX identity_merges_kept ON identity_merges (kept);

-- Identifiers that were not linked to a person, and why. The first time is kept.
CREATE TABLE identity_dropped (
    person     BIGINT NOT NULL,
    kind       TEXT NOT NULL,
    value      TEXT COLLATE "C" NOT NULL,
    reason     TEXT NOT NULL,
    message_id TEXT NOT NULL,
    source     TEXT NOT NULL,
    time       BIGINT NOT NULL,
    PRIMARY KEY (person, kind, value)
);
CREATE INDEX identity_dropped_time ON identity_dropped (time);

-- Nodes whose events belong to another person than the one with the node's own number.
CREATE TABLE identity_overrides (
    node    BIGINT PRIMARY KEY,
    person  BIGINT NOT NULL,
    version BIGINT NOT NULL
);
CREATE UNIQUE INDEX identity_overrides_version ON identity_overrides (version);

-- Persons with many identifiers, for review.
CREATE TABLE identity_large (
    person BIGINT PRIMARY KEY,
    nodes  BIGINT NOT NULL
);
CREATE INDEX identity_large_nodes ON identity_large (nodes);

-- An operator parted the persons of nodes a and b; no event joins them again.
CREATE TABLE identity_apart (
    a    BIGINT NOT NULL,
    b    BIGINT NOT NULL,
    time BIGINT NOT NULL,
    PRIMARY KEY (a, b)
);

-- Work that operators ask of the pipeline.
CREATE TABLE identity_requests (
    id      TEXT PRIMARY KEY,
    person  BIGINT NOT NULL,
    nodes   TEXT NOT NULL,
    created BIGINT NOT NULL,
    done    BIGINT NOT NULL,
    other   BIGINT NOT NULL,
    failure TEXT NOT NULL
);
CREATE INDEX identity_requests_done ON identity_requests (done);

-- +goose Down
DROP TABLE identity_requests;
DROP TABLE identity_apart;
DROP TABLE identity_large;
DROP TABLE identity_overrides;
DROP TABLE identity_dropped;
DROP TABLE identity_merges;
DROP TABLE identity_edges;
DROP TABLE identity_nodes;
DROP TABLE identity_state;
