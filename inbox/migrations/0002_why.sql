-- +goose Up

-- Beside each error in English, what it is made of, for other languages: JSON, empty when that is not known.
ALTER TABLE inbox_reactors ADD COLUMN why TEXT NOT NULL DEFAULT '';
ALTER TABLE inbox_dead ADD COLUMN why TEXT NOT NULL DEFAULT '';

-- +goose Down
ALTER TABLE inbox_reactors DROP COLUMN why;
ALTER TABLE inbox_dead DROP COLUMN why;
