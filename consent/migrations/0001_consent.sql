-- +goose Up
-- What held from which command of the log on.
CREATE TABLE consent_policies (
	version BIGINT PRIMARY KEY, -- the command's record
	set_at  BIGINT NOT NULL,
	actor   TEXT   NOT NULL,
	note    TEXT   NOT NULL,
	policy  TEXT   NOT NULL -- JSON
);

-- The latest decision that came under a node.
CREATE TABLE consent_cells (
	node    BIGINT NOT NULL,
	purpose TEXT   NOT NULL,
	channel TEXT   NOT NULL, -- '': as a whole
	person  BIGINT NOT NULL,
	choice  TEXT   NOT NULL,
	at      BIGINT NOT NULL, -- ms
	wording BIGINT NOT NULL,
	proof   TEXT   NOT NULL,
	PRIMARY KEY (node, purpose, channel)
);
CREATE INDEX consent_cells_person ON consent_cells (person);

-- Each decision as it was made; rows are only added, and erased with the person.
CREATE TABLE consent_proofs (
	id       TEXT   PRIMARY KEY, -- place of the event in the log, and number in it
	person   BIGINT NOT NULL,
	node     BIGINT NOT NULL,
	purpose  TEXT   NOT NULL,
	channel  TEXT   NOT NULL,
	choice   TEXT   NOT NULL,
	at       BIGINT NOT NULL, -- when it was decided
	taken_at BIGINT NOT NULL, -- when it was received
	wording  BIGINT NOT NULL, -- 0: not said
	source   TEXT   NOT NULL,
	method   TEXT   NOT NULL,
	language TEXT   NOT NULL,
	place    TEXT   NOT NULL, -- page or form
	event    TEXT   NOT NULL,
	origin   TEXT   NOT NULL  -- the event's message id
);
CREATE INDEX consent_proofs_person ON consent_proofs (person, at);

-- How many decisions were made on a day: of nobody.
CREATE TABLE consent_days (
	day     BIGINT NOT NULL, -- since 1970, UTC
	purpose TEXT   NOT NULL,
	channel TEXT   NOT NULL,
	choice  TEXT   NOT NULL,
	n       BIGINT NOT NULL,
	PRIMARY KEY (day, purpose, channel, choice)
);

-- How many events were left out on a day, by source: of nobody.
CREATE TABLE consent_left_out (
	day    BIGINT NOT NULL,
	source TEXT   NOT NULL,
	n      BIGINT NOT NULL,
	PRIMARY KEY (day, source)
);

-- What links to the preference page are signed with.
CREATE TABLE consent_keys (
	one BIGINT PRIMARY KEY,
	key TEXT   NOT NULL -- base64
);
