-- +goose Up
-- Each entry's place in the chain, the salt of what may be redacted (NULL: it was), the salted hashes of
-- that, 32 bytes each, and the hash of the whole. 0: not in the chain.
ALTER TABLE audit_log ADD COLUMN n BIGINT NOT NULL DEFAULT 0;
ALTER TABLE audit_log ADD COLUMN salt BYTEA;
ALTER TABLE audit_log ADD COLUMN commits BYTEA;
ALTER TABLE audit_log ADD COLUMN hash BYTEA;
CREATE INDEX audit_log_chain ON audit_log (n);

-- Where the chain ends, and where what is kept of it begins.
CREATE TABLE audit_head (
	one       BIGINT PRIMARY KEY,
	n         BIGINT NOT NULL,
	hash      BYTEA  NOT NULL,
	base_n    BIGINT NOT NULL, -- what was pruned goes up to it
	base_hash BYTEA  NOT NULL,
	began_at  BIGINT NOT NULL, -- when the entries from before the chain were taken into it; 0: not yet
	old       BIGINT NOT NULL  -- how many those were
);

-- What was signed. The log has it, too.
CREATE TABLE audit_heads (
	n         BIGINT NOT NULL,
	at        BIGINT NOT NULL,
	hash      TEXT   NOT NULL,
	signed_by TEXT   NOT NULL, -- public key, hexadecimal
	signature TEXT   NOT NULL,
	PRIMARY KEY (n, at)
);

-- +goose Down
DROP TABLE audit_heads;
DROP TABLE audit_head;
DROP INDEX audit_log_chain;
ALTER TABLE audit_log DROP COLUMN hash;
ALTER TABLE audit_log DROP COLUMN commits;
ALTER TABLE audit_log DROP COLUMN salt;
ALTER TABLE audit_log DROP COLUMN n;
