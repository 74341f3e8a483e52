-- +goose Up
-- People give the end of a phone number, a chassis number or a plate.
CREATE INDEX identity_nodes_tail ON identity_nodes (substr(value, length(value) - 3)) WHERE kind IN ('phone', 'vin', 'plate');

-- +goose Down
DROP INDEX identity_nodes_tail;
