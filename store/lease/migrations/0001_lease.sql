-- +goose Up
-- Who works on what. The row changes when a lease changes hands, and at no other time, so
-- that a holder's transactions can lock it without waiting for renewals.
CREATE TABLE leases (
	name  TEXT   NOT NULL PRIMARY KEY,
	owner TEXT   NOT NULL, -- one start of one process
	epoch BIGINT NOT NULL  -- counts the holders
);

-- Until when: by the database's clock.
CREATE TABLE lease_beats (
	name  TEXT   NOT NULL PRIMARY KEY,
	until BIGINT NOT NULL
);

-- +goose Down
DROP TABLE lease_beats;
DROP TABLE leases;
