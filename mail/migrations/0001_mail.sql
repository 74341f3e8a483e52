-- +goose Up
-- How mail is sent and who is told, of which there is one.
CREATE TABLE mail_settings (
	one        BIGINT PRIMARY KEY,
	settings   TEXT   NOT NULL, -- JSON
	password   TEXT   NOT NULL,
	updated_at BIGINT NOT NULL
);

-- A mail that gathers, or was sent.
CREATE TABLE mail_letters (
	id        TEXT   PRIMARY KEY,
	kind      TEXT   NOT NULL, -- opened, closed
	sealed    BIGINT NOT NULL, -- 1: nothing is added any more
	lines     BIGINT NOT NULL, -- alarms, also those that have no row
	opened_at BIGINT NOT NULL, -- milliseconds since 1970
	due_at    BIGINT NOT NULL
);
CREATE INDEX mail_letters_due ON mail_letters (kind, due_at);

CREATE TABLE mail_lines (
	letter TEXT   NOT NULL,
	place  BIGINT NOT NULL,
	alarm  TEXT   NOT NULL, -- JSON, as it was
	PRIMARY KEY (letter, place)
);

-- +goose Down
DROP TABLE mail_lines;
DROP TABLE mail_letters;
DROP TABLE mail_settings;
