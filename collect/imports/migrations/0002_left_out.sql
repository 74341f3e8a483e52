-- +goose Up
-- Sets of identifiers (their hashes) whose rows a run leaves out, because they would merge persons: what the dry run has
-- found, kept until the run ends, so that it goes on in the same way after a restart.
CREATE TABLE import_left_out (
    import_id TEXT   NOT NULL,
    key       BIGINT NOT NULL,
    PRIMARY KEY (import_id, key)
);

-- +goose Down
DROP TABLE import_left_out;
