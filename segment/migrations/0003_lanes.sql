-- +goose Up
-- The row that lanes lock when they add to the feed of changes, so that its ids are in the order
-- of commits. Its figures mean nothing.
INSERT INTO segment_meta (id, version, next_generation, next_leaf, chunk) VALUES (2, 0, 0, 0, 0);

-- +goose Down
DELETE FROM segment_meta WHERE id = 2;
