-- +goose Up
-- Links of models, of which reports ask.
CREATE INDEX identity_edges_match ON identity_edges (a) WHERE evidence = 'match';

-- +goose Down
DROP INDEX identity_edges_match;
