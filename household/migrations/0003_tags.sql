-- +goose Up
-- Tags that somebody has given to a household by hand. The household is the one that was named: an alias leads from it to
-- the one of today.
CREATE TABLE household_tags (
	household BIGINT NOT NULL,
	tag       TEXT   NOT NULL,
	actor     TEXT   NOT NULL,
	at        BIGINT NOT NULL, -- milliseconds
	PRIMARY KEY (household, tag)
);
CREATE INDEX household_tags_tag ON household_tags (tag);

-- +goose Down
DROP TABLE household_tags;
