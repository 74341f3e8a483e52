-- +goose Up
-- What operators have asked for: a row per command, from the moment it is in the log.
CREATE TABLE commands (
	id           TEXT PRIMARY KEY,
	kind         TEXT NOT NULL,
	actor        TEXT NOT NULL,
	submitted_at BIGINT NOT NULL,
	body         TEXT NOT NULL,
	seq          BIGINT NOT NULL, -- place in the log
	state        TEXT NOT NULL,   -- waiting, done, failed
	done_at      BIGINT NOT NULL, -- 0 while it waits
	result       TEXT NOT NULL,
	failure      TEXT NOT NULL    -- JSON: why it could not be done
);
CREATE INDEX commands_time ON commands (submitted_at, id);

-- +goose Down
DROP TABLE commands;
