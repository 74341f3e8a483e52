-- +goose Up
-- What operators' splits and merges need to be taken back: the first nodes of the two persons.
CREATE TABLE identity_undo (
    command TEXT PRIMARY KEY,
    kind    TEXT NOT NULL, -- split, merge
    a       BIGINT NOT NULL,
    b       BIGINT NOT NULL,
    at      BIGINT NOT NULL,
    lifted  BIGINT NOT NULL -- 1: the two had been parted before the merge
);

-- The edges that a split has cut.
CREATE TABLE identity_cut (
    command    TEXT NOT NULL,
    a          BIGINT NOT NULL,
    b          BIGINT NOT NULL,
    evidence   TEXT NOT NULL,
    message_id TEXT NOT NULL,
    source     TEXT NOT NULL,
    first_time BIGINT NOT NULL,
    last_time  BIGINT NOT NULL,
    count      BIGINT NOT NULL,
    detail     TEXT NOT NULL,
    PRIMARY KEY (command, a, b, evidence)
);

-- +goose Down
DROP TABLE identity_cut;
DROP TABLE identity_undo;
