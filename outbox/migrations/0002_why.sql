-- +goose Up

-- Beside each error in English, what it is made of, for other languages: JSON, empty when that is not known.
ALTER TABLE outbox_effects ADD COLUMN why TEXT NOT NULL DEFAULT '';
ALTER TABLE outbox_failures ADD COLUMN why TEXT NOT NULL DEFAULT '';
ALTER TABLE outbox_queues ADD COLUMN why TEXT NOT NULL DEFAULT '';

-- +goose Down
ALTER TABLE outbox_effects DROP COLUMN why;
ALTER TABLE outbox_failures DROP COLUMN why;
ALTER TABLE outbox_queues DROP COLUMN why;
