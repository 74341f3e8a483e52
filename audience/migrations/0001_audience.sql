-- +goose Up
-- What fixed lists were made from. A row may outlive its segment for a day.
CREATE TABLE audience_origins (
	segment TEXT   PRIMARY KEY,
	origin  TEXT   NOT NULL, -- JSON: audience.Origin
	made_at BIGINT NOT NULL
);

-- +goose Down
DROP TABLE audience_origins;
