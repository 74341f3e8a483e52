-- +goose Up
-- Events that the warehouse does not hold because their persons were erased, of all partitions.
ALTER TABLE sink_positions ADD COLUMN erased BIGINT NOT NULL DEFAULT 0;

-- +goose Down
ALTER TABLE sink_positions DROP COLUMN erased;
