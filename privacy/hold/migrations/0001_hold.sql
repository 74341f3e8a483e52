-- +goose Up
CREATE TABLE privacy_holds (
	id        TEXT   PRIMARY KEY, -- hold_…, of the command that placed it
	reason    TEXT   NOT NULL,
	segment   TEXT   NOT NULL, -- whoever is in it is held; empty: those named
	placed_by TEXT   NOT NULL,
	placed_at BIGINT NOT NULL,
	until_at  BIGINT NOT NULL, -- 0: until it is lifted
	lifted_by TEXT   NOT NULL,
	lifted_at BIGINT NOT NULL  -- 0: it holds
);
CREATE INDEX privacy_holds_placed ON privacy_holds (placed_at, id);

-- Who is named, by each node that they had when it was placed: so both sides of a split stay held.
CREATE TABLE privacy_held (
	hold   TEXT   NOT NULL,
	node   BIGINT NOT NULL,
	person BIGINT NOT NULL,
	PRIMARY KEY (hold, node)
);
CREATE INDEX privacy_held_person ON privacy_held (person);

-- +goose Down
DROP TABLE privacy_held;
DROP TABLE privacy_holds;
