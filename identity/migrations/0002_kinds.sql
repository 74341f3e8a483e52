-- +goose Up
-- The kinds of identifiers in use. There is room for so many; a restart must not give the
-- place of one that persons have to one that somebody has just made up.
CREATE TABLE identity_kinds (
    kind TEXT PRIMARY KEY
);
INSERT INTO identity_kinds (kind) SELECT DISTINCT kind FROM identity_nodes;

-- +goose Down
DROP TABLE identity_kinds;
