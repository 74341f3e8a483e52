-- +goose Up
-- Clients that unbind an identifier part persons, too, so there may be many pairs; both
-- sides are looked for.
CREATE INDEX identity_apart_b ON identity_apart (b);

-- +goose Down
DROP INDEX identity_apart_b;
