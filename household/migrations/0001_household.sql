-- +goose Up
-- What one identifier has said about one thing that people may share.
CREATE TABLE household_clues (
	identifier TEXT   NOT NULL, -- kind:value that the events came under
	kind       TEXT   NOT NULL,
	key        TEXT   NOT NULL, -- the thing, normalised
	person     BIGINT NOT NULL,
	days       TEXT   NOT NULL, -- days since 1970 on which it was seen, ascending
	seq        BIGINT NOT NULL, -- place in the log of the first to arrive
	note       TEXT   NOT NULL, -- how that one wrote it
	PRIMARY KEY (identifier, kind, key)
);
CREATE INDEX household_clues_key ON household_clues (kind, key);
CREATE INDEX household_clues_person ON household_clues (person);

-- What came under an identifier is worth, in ten-thousandths.
CREATE TABLE household_value (
	identifier TEXT   PRIMARY KEY,
	person     BIGINT NOT NULL,
	orders     BIGINT NOT NULL,
	paid       BIGINT NOT NULL,
	first_at   BIGINT NOT NULL, -- Unix milliseconds
	last_at    BIGINT NOT NULL
);
CREATE INDEX household_value_person ON household_value (person);

-- Derived from the clues and decisions; nothing else is kept of a household.
CREATE TABLE household_members (
	household BIGINT NOT NULL,
	person    BIGINT NOT NULL,
	spans     TEXT   NOT NULL, -- "from-until from-until", in days
	from_day  BIGINT NOT NULL, -- of the last span
	until_day BIGINT NOT NULL,
	score     BIGINT NOT NULL, -- per mille
	roles     TEXT   NOT NULL,
	born      BIGINT NOT NULL, -- day; a great one is unknown
	evidence  TEXT   NOT NULL, -- JSON
	PRIMARY KEY (household, person)
);
CREATE INDEX household_members_person ON household_members (person);

-- Who a person of known birth is, whether in a household or not.
CREATE TABLE household_births (
	person BIGINT PRIMARY KEY,
	born   BIGINT NOT NULL
);

-- What operators have decided about two identifiers.
CREATE TABLE household_decisions (
	who          TEXT   NOT NULL, -- identifier
	with_whom    TEXT   NOT NULL, -- identifier
	person       BIGINT NOT NULL,
	other        BIGINT NOT NULL,
	verdict      TEXT   NOT NULL, -- together, apart
	seq          BIGINT NOT NULL,
	day          BIGINT NOT NULL,
	actor        TEXT   NOT NULL,
	PRIMARY KEY (who, with_whom)
);
CREATE INDEX household_decisions_person ON household_decisions (person);
CREATE INDEX household_decisions_other ON household_decisions (other);

-- Persons whose households are to be derived anew.
CREATE TABLE household_dirty (person BIGINT PRIMARY KEY);

-- Households that became others.
CREATE TABLE household_aliases (
	old       BIGINT PRIMARY KEY,
	household BIGINT NOT NULL
);

CREATE TABLE household_rules (
	one     BIGINT PRIMARY KEY,
	version BIGINT NOT NULL,
	rules   TEXT   NOT NULL, -- JSON; empty: the defaults
	actor   TEXT   NOT NULL,
	set_at  BIGINT NOT NULL
);
INSERT INTO household_rules (one, version, rules, actor, set_at) VALUES (1, 0, '', '', 0);

-- Counts what may change an answer about households.
CREATE TABLE household_version (
	one     BIGINT PRIMARY KEY,
	version BIGINT NOT NULL
);
INSERT INTO household_version (one, version) VALUES (1, 1);
