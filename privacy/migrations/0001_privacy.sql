-- +goose Up
-- What people have asked for. Identifiers are there until it is done, then they go.
CREATE TABLE privacy_requests (
	id          TEXT   NOT NULL PRIMARY KEY,
	kind        TEXT   NOT NULL, -- erasure or access
	state       TEXT   NOT NULL, -- waiting, running, held, done, nobody, failed, cancelled
	bulk        TEXT   NOT NULL, -- those that were asked for together; '' alone
	mark        TEXT   NOT NULL, -- keyed hash of kind and identifiers: what is open is asked for once
	identifiers TEXT   NOT NULL, -- JSON list of kind:value; '' when it has ended
	persons     BIGINT NOT NULL, -- how many it concerned
	suppress    BOOLEAN NOT NULL,
	reason      TEXT   NOT NULL, -- why, in a word
	note        TEXT   NOT NULL, -- for whoever works on it
	asked_by    TEXT   NOT NULL, -- who has put it in
	asked_at    BIGINT NOT NULL,
	due_at      BIGINT NOT NULL, -- by law
	ended_at    BIGINT NOT NULL, -- 0: open
	command     TEXT   NOT NULL, -- that has done it
	job         TEXT   NOT NULL, -- that works on it
	failure     TEXT   NOT NULL, -- in words
	hold        TEXT   NOT NULL  -- what keeps it from being done
);
CREATE INDEX privacy_requests_open ON privacy_requests (state, asked_at, id);
CREATE INDEX privacy_requests_listed ON privacy_requests (asked_at, id);
CREATE INDEX privacy_requests_mark ON privacy_requests (mark);
CREATE INDEX privacy_requests_bulk ON privacy_requests (bulk);

-- What is left of identifiers of the erased: a keyed hash.
CREATE TABLE privacy_tombstones (
	mac       TEXT    NOT NULL PRIMARY KEY, -- hexadecimal
	key_id    TEXT    NOT NULL,
	at        BIGINT  NOT NULL, -- when it was asked for
	suppress  BOOLEAN NOT NULL, -- nothing at all is taken in
	lifted_at BIGINT  NOT NULL, -- 0: imports are refused
	command   TEXT    NOT NULL,
	seq       BIGINT  NOT NULL, -- the command's place in the log
	version   BIGINT  NOT NULL
);
CREATE INDEX privacy_tombstones_version ON privacy_tombstones (version);
CREATE INDEX privacy_tombstones_command ON privacy_tombstones (command);

-- An erasure of a person, and what was counted of it.
CREATE TABLE privacy_erasures (
	id       TEXT   NOT NULL PRIMARY KEY, -- command and number
	command  TEXT   NOT NULL,
	request  TEXT   NOT NULL, -- '' if it was not asked for by a request
	number   BIGINT NOT NULL, -- of the person that was
	at       BIGINT NOT NULL,
	identifiers BIGINT NOT NULL,
	before   TEXT   NOT NULL, -- JSON: rows by table
	after    TEXT   NOT NULL, -- the same, in the end of the transaction
	receipt  TEXT   NOT NULL  -- '' until it is written
);
CREATE INDEX privacy_erasures_receipt ON privacy_erasures (receipt, at, id);
CREATE INDEX privacy_erasures_command ON privacy_erasures (command);

-- Signed receipts, as they were given out. A later one of the same request says more.
CREATE TABLE privacy_receipts (
	id      TEXT   NOT NULL PRIMARY KEY,
	request TEXT   NOT NULL,
	command TEXT   NOT NULL,
	at      BIGINT NOT NULL,
	body    TEXT   NOT NULL
);
CREATE INDEX privacy_receipts_request ON privacy_receipts (request, at);
CREATE INDEX privacy_receipts_at ON privacy_receipts (at, id);

-- When the files were rewritten so that nothing is in them that was deleted.
CREATE TABLE privacy_compactions (
	id       TEXT   NOT NULL PRIMARY KEY,
	began_at BIGINT NOT NULL,
	ended_at BIGINT NOT NULL, -- 0: under way, or cut short
	report   TEXT   NOT NULL  -- JSON: what was done to each store
);

-- +goose Down
DROP TABLE privacy_compactions;
DROP TABLE privacy_receipts;
DROP TABLE privacy_erasures;
DROP TABLE privacy_tombstones;
DROP TABLE privacy_requests;
