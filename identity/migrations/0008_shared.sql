-- +goose Up
-- Whether an identifier says who somebody is: 0 as its kind does, 1 it is shared and does not,
-- 2 somebody has said that it does. company are fingerprints of what it was seen with of the
-- kinds that tell persons apart.
ALTER TABLE identity_nodes ADD COLUMN trust BIGINT NOT NULL DEFAULT 0;
ALTER TABLE identity_nodes ADD COLUMN company BYTEA;

-- Identifiers that are shared, and those of which somebody has said that they are not.
CREATE TABLE identity_shared (
    node    BIGINT PRIMARY KEY,
    verdict TEXT NOT NULL, -- shared, trusted
    decided TEXT NOT NULL, -- detector, operator
    at      BIGINT NOT NULL,
    witness TEXT NOT NULL, -- the kind of which it was seen with too many; empty: an operator's word
    seen    BIGINT NOT NULL, -- how many of them
    bears   BIGINT NOT NULL, -- how many it may be seen with
    source  TEXT NOT NULL, -- of the event that brought it about
    parted  BIGINT NOT NULL -- persons that came apart by it
);
CREATE INDEX identity_shared_at ON identity_shared (at);

-- A link that was refused is one of two identifiers, so that it can be tried again, and goes
-- with the identifier when its person falls into two. A person's number is that of a node.
ALTER TABLE identity_dropped RENAME COLUMN person TO node;

-- What is known of a link beside its event: the model and the weight of a match, as JSON.
ALTER TABLE identity_edges ADD COLUMN detail TEXT NOT NULL DEFAULT '';

-- Which kinds tell persons apart, and when identifiers are taken for shared; null: as the program has it.
ALTER TABLE identity_kind_rules ADD COLUMN tells_apart BIGINT;
ALTER TABLE identity_kind_rules ADD COLUMN shared_after BIGINT;

-- +goose Down
ALTER TABLE identity_kind_rules DROP COLUMN shared_after;
ALTER TABLE identity_kind_rules DROP COLUMN tells_apart;
ALTER TABLE identity_edges DROP COLUMN detail;
ALTER TABLE identity_dropped RENAME COLUMN node TO person;
DROP TABLE identity_shared;
ALTER TABLE identity_nodes DROP COLUMN company;
ALTER TABLE identity_nodes DROP COLUMN trust;
