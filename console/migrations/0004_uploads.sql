-- +goose Up
-- Files that are sent in parts; their bytes lie in the data folder under the id.
CREATE TABLE console_uploads (
    id          TEXT   PRIMARY KEY,
    name        TEXT   NOT NULL,           -- what people call the file; never a path
    size        BIGINT NOT NULL,
    head        TEXT   NOT NULL,           -- by which the sender knows the file again
    received    BIGINT NOT NULL DEFAULT 0, -- bytes that are on disk
    hash        TEXT   NOT NULL DEFAULT '', -- state of the SHA-256 of them
    fingerprint TEXT   NOT NULL DEFAULT '', -- of the whole file, when it is whole
    actor_kind  TEXT   NOT NULL,
    actor_id    TEXT   NOT NULL,
    actor_name  TEXT   NOT NULL,
    created_at  BIGINT NOT NULL,
    touched_at  BIGINT NOT NULL,
    finished_at BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX console_uploads_age ON console_uploads (created_at, id);

-- Imports that this server runs itself, out of an upload.
CREATE TABLE console_import_runs (
    import_id   TEXT   PRIMARY KEY,
    upload_id   TEXT   NOT NULL,
    fingerprint TEXT   NOT NULL,
    mapping     TEXT   NOT NULL, -- YAML
    source      TEXT   NOT NULL, -- its name
    state       TEXT   NOT NULL, -- running, finished, cancelled, failed
    error       TEXT   NOT NULL DEFAULT '', -- JSON
    started_at  BIGINT NOT NULL,
    ended_at    BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX console_import_runs_upload ON console_import_runs (upload_id);

CREATE TABLE console_mappings (
    id         TEXT   PRIMARY KEY,
    name       TEXT   NOT NULL UNIQUE,
    mapping    TEXT   NOT NULL, -- JSON
    columns    TEXT   NOT NULL, -- of the file that it was made for: a list, JSON
    updated_at BIGINT NOT NULL,
    updated_by TEXT   NOT NULL
);

-- +goose Down
DROP TABLE console_mappings;
DROP TABLE console_import_runs;
DROP TABLE console_uploads;
