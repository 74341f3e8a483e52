-- +goose Up
-- Of the events that were left out, those that are kept as nobody's.
ALTER TABLE consent_left_out ADD COLUMN kept BIGINT NOT NULL DEFAULT 0;

-- What pseudonyms of a day are made with; it goes, with them, when the next day is over, and nobody can tell then whose they were.
CREATE TABLE consent_pseudonym_keys (
	day  BIGINT PRIMARY KEY, -- of the events, since 1970 in the organisation's zone
	key  TEXT   NOT NULL,    -- base64
	made BIGINT NOT NULL     -- day on which the first of them came
);
CREATE TABLE consent_pseudonyms (
	day BIGINT NOT NULL,
	mac TEXT   NOT NULL, -- of the person, with the day's key
	n   BIGINT NOT NULL,
	PRIMARY KEY (day, mac)
);
CREATE TABLE consent_pseudonym_count (
	one BIGINT PRIMARY KEY,
	n   BIGINT NOT NULL -- how many have been given
);
INSERT INTO consent_pseudonym_count (one, n) VALUES (1, 0);

-- +goose Down
DROP TABLE consent_pseudonym_count;
DROP TABLE consent_pseudonyms;
DROP TABLE consent_pseudonym_keys;
ALTER TABLE consent_left_out DROP COLUMN kept;
