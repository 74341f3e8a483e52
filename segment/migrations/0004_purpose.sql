-- +goose Up
-- The consent purpose that a segment serves; '': that of what is done with it.
ALTER TABLE segments ADD COLUMN purpose TEXT NOT NULL DEFAULT '';

-- +goose Down
ALTER TABLE segments DROP COLUMN purpose;
