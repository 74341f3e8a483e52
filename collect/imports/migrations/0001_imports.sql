-- +goose Up
-- These tables were the console's once; its migration 7 hands them over where they are there.

CREATE TABLE IF NOT EXISTS imports (
    id          TEXT PRIMARY KEY,
    file        TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    size        BIGINT NOT NULL,
    source_id   TEXT NOT NULL,
    source_name TEXT NOT NULL,
    mapping     TEXT NOT NULL,
    next_row    BIGINT NOT NULL,
    accepted    BIGINT NOT NULL,
    rejected    BIGINT NOT NULL,
    duplicates  BIGINT NOT NULL,
    created_at  BIGINT NOT NULL,
    finished_at BIGINT NOT NULL DEFAULT 0,
    reasons     TEXT NOT NULL DEFAULT '[]', -- why rows are in quarantine: a list of {reason, rows, first_row}, JSON
    UNIQUE (fingerprint, source_name)
);
CREATE INDEX IF NOT EXISTS imports_age ON imports (created_at, id);

-- Files that are sent in parts; their bytes lie in the data folder under the id.
CREATE TABLE IF NOT EXISTS import_uploads (
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
CREATE INDEX IF NOT EXISTS import_uploads_age ON import_uploads (created_at, id);

-- Imports that this server runs itself, out of an upload.
CREATE TABLE IF NOT EXISTS import_runs (
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
CREATE INDEX IF NOT EXISTS import_runs_upload ON import_runs (upload_id);

CREATE TABLE IF NOT EXISTS import_mappings (
    id         TEXT   PRIMARY KEY,
    name       TEXT   NOT NULL UNIQUE,
    mapping    TEXT   NOT NULL, -- JSON
    columns    TEXT   NOT NULL, -- of the file that it was made for: a list, JSON
    updated_at BIGINT NOT NULL,
    updated_by TEXT   NOT NULL
);

-- +goose Down
DROP TABLE import_mappings;
DROP TABLE import_runs;
DROP TABLE import_uploads;
DROP TABLE imports;
