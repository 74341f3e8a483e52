-- +goose Up
-- The processes that share this store. A row of one that is gone stays for a day.
CREATE TABLE processes (
	id      TEXT   NOT NULL PRIMARY KEY, -- the owner of its leases
	host    TEXT   NOT NULL,
	pid     BIGINT NOT NULL,
	address TEXT   NOT NULL,
	version TEXT   NOT NULL,
	roles   TEXT   NOT NULL, -- separated by commas
	started BIGINT NOT NULL, -- by its own clock
	seen    BIGINT NOT NULL, -- by the database's clock
	status  TEXT   NOT NULL  -- JSON
);

-- +goose Down
DROP TABLE processes;
