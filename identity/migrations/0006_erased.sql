-- +goose Up
-- The tombstones of persons that were erased: nothing but numbers, which are never given
-- twice.
CREATE TABLE identity_erased (
    node    BIGINT PRIMARY KEY,
    erasure BIGINT NOT NULL
);

-- Where each erasure stands among the events of each partition, and the greatest node at that
-- moment: an event up to there did not come under a greater one.
CREATE TABLE identity_erasures (
    erasure      BIGINT NOT NULL,
    partition_id BIGINT NOT NULL,
    seq          BIGINT NOT NULL,
    last_node    BIGINT NOT NULL,
    at           BIGINT NOT NULL,
    PRIMARY KEY (partition_id, seq, erasure)
);

-- Whom a value was kept from, so that it can be forgotten there, too.
CREATE INDEX identity_dropped_value ON identity_dropped (value);

-- A split takes back the merges across it.
DELETE FROM identity_merges WHERE EXISTS (SELECT 1 FROM identity_apart) AND id IN (
    SELECT m.id FROM identity_merges m JOIN identity_nodes k ON k.id = m.kept
    WHERE EXISTS (SELECT 1 FROM identity_nodes n WHERE n.id IN (m.absorbed, m.a, m.b) AND n.person <> k.person));

-- +goose Down
DROP INDEX identity_dropped_value;
DROP TABLE identity_erasures;
DROP TABLE identity_erased;
