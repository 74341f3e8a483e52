-- +goose Up
-- What is kept of a leaf's events beside the latest times: rule.Leaf.ShapeJSON; empty for those.
ALTER TABLE segment_leaves ADD COLUMN shape TEXT NOT NULL DEFAULT '';
-- The shortest window that looks into the middle of the times, 0 where none does.
ALTER TABLE segment_leaves ADD COLUMN span_ms BIGINT NOT NULL DEFAULT 0;
