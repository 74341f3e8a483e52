-- +goose Up
-- Things that events are about, as 神策's clients describe them with item_set.
CREATE TABLE items (
	type       TEXT    NOT NULL,
	id         TEXT    NOT NULL,
	properties TEXT    NOT NULL, -- JSON object; '' once it is deleted
	deleted    BOOLEAN NOT NULL, -- kept, so that an older set that comes late does not bring it back
	time       BIGINT  NOT NULL, -- of the latest call
	source     TEXT    NOT NULL,
	PRIMARY KEY (type, id)
);

-- +goose Down
DROP TABLE items;
