-- +goose Up
-- Who may send events, each with a write key of its own.
CREATE TABLE sources (
	id                 TEXT             NOT NULL PRIMARY KEY,
	name               TEXT             NOT NULL UNIQUE,
	kind               TEXT             NOT NULL,
	write_key          TEXT             NOT NULL UNIQUE,
	previous_key       TEXT             NOT NULL, -- '' or the key before the last rotation,
	previous_key_until BIGINT           NOT NULL, -- which works until then
	enabled            BOOLEAN          NOT NULL,
	rate_limit         DOUBLE PRECISION NOT NULL, -- events per second; 0: none
	created_at         BIGINT           NOT NULL,
	last_event_at      BIGINT           NOT NULL, -- 0: never
	accepted           BIGINT           NOT NULL,
	quarantined        BIGINT           NOT NULL
);

-- Grows with every change of a source, so that each process sees when to read them again.
CREATE TABLE sources_version (
	id      BIGINT PRIMARY KEY,
	version BIGINT NOT NULL
);
INSERT INTO sources_version (id, version) VALUES (1, 1);

-- What the edge refused, to be repaired and replayed.
CREATE TABLE quarantine (
	id          TEXT   NOT NULL PRIMARY KEY,
	received_at BIGINT NOT NULL,
	source      TEXT   NOT NULL,
	message_id  TEXT   NOT NULL,
	code        TEXT   NOT NULL, -- stable reason
	reason      TEXT   NOT NULL, -- for people
	raw         TEXT   NOT NULL, -- what was sent, JSON
	bytes       BIGINT NOT NULL, -- of raw
	origin      TEXT   NOT NULL, -- http or import
	row_number  BIGINT NOT NULL, -- of an import's file; 0: none
	request     TEXT   NOT NULL, -- what else a replay needs to know, JSON
	replayed_at BIGINT NOT NULL  -- 0: never
);
-- A client that repeats a request must not fill the quarantine.
CREATE UNIQUE INDEX quarantine_once ON quarantine (message_id, source);
CREATE INDEX quarantine_newest ON quarantine (received_at, id);
CREATE INDEX quarantine_code ON quarantine (code, source, received_at);

-- +goose Down
DROP TABLE quarantine;
DROP TABLE sources_version;
DROP TABLE sources;
