-- +goose Up

CREATE TABLE console_users (
    id           TEXT PRIMARY KEY,
    email        TEXT NOT NULL UNIQUE,
    password     TEXT NOT NULL,
    role         TEXT NOT NULL,
    created_at   BIGINT NOT NULL,
    last_seen_at BIGINT NOT NULL DEFAULT 0
);

-- token is the SHA-256 of what the cookie holds.
CREATE TABLE console_sessions (
    token        TEXT PRIMARY KEY,
    user_id      TEXT NOT NULL,
    created_at   BIGINT NOT NULL,
    last_seen_at BIGINT NOT NULL
);
CREATE INDEX console_sessions_user ON console_sessions (user_id);

CREATE TABLE console_api_keys (
    id           TEXT PRIMARY KEY,
    name         TEXT NOT NULL,
    prefix       TEXT NOT NULL,
    hash         TEXT NOT NULL UNIQUE,
    scopes       TEXT NOT NULL,
    created_by   TEXT NOT NULL,
    created_at   BIGINT NOT NULL,
    last_used_at BIGINT NOT NULL DEFAULT 0
);

CREATE TABLE console_settings (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
);

-- status 0: the call still runs.
CREATE TABLE console_answers (
    owner      TEXT NOT NULL,
    idem_key   TEXT NOT NULL,
    request    TEXT NOT NULL,
    status     BIGINT NOT NULL,
    body       BYTEA,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (owner, idem_key)
);
CREATE INDEX console_answers_age ON console_answers (created_at);

CREATE TABLE console_imports (
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
    UNIQUE (fingerprint, source_name)
);
CREATE INDEX console_imports_age ON console_imports (created_at, id);

CREATE TABLE audit_log (
    id         TEXT PRIMARY KEY,
    at         BIGINT NOT NULL,
    actor_kind TEXT NOT NULL,
    actor_id   TEXT NOT NULL,
    actor_name TEXT NOT NULL,
    action     TEXT NOT NULL,
    target     TEXT NOT NULL,
    detail     TEXT NOT NULL,
    request_id TEXT NOT NULL
);
CREATE INDEX audit_log_age ON audit_log (at, id);

-- +goose Down
DROP TABLE audit_log;
DROP TABLE console_imports;
DROP TABLE console_answers;
DROP TABLE console_settings;
DROP TABLE console_api_keys;
DROP TABLE console_sessions;
DROP TABLE console_users;
