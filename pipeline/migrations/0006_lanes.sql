-- +goose Up
-- Lanes share the work on persons between processes: each has the persons (and other subjects)
-- whose number modulo 64 is in its range. No rows: one pipeline does everything.
CREATE TABLE pipeline_lanes (
	lane        BIGINT PRIMARY KEY, -- from 1
	first_shard BIGINT NOT NULL,
	last_shard  BIGINT NOT NULL,
	through     BIGINT NOT NULL, -- the last route that it has worked on
	ready       BIGINT NOT NULL, -- it touches nobody any more whom this route gives to another lane
	alone       BIGINT NOT NULL, -- 1: the pipeline has worked alone since; the lane knows nothing
	aside       BIGINT NOT NULL  -- events that it has set aside since then
);

-- A route is a batch of the pipeline: what its events are about and who works on it. The latest
-- stays, and those before it until all lanes have worked on them.
CREATE TABLE pipeline_routes (
	id           BIGINT PRIMARY KEY,
	partition_id BIGINT NOT NULL,
	first_record BIGINT NOT NULL,
	last_record  BIGINT NOT NULL,
	positions    TEXT   NOT NULL -- of all partitions behind it: through:processed:duplicates:rejected
);

-- What of a route is a lane's; the form of body is version 1 of route.go.
CREATE TABLE pipeline_route_parts (
	lane  BIGINT NOT NULL,
	route BIGINT NOT NULL,
	body  BYTEA  NOT NULL,
	PRIMARY KEY (lane, route)
);

-- +goose Down
DROP TABLE pipeline_route_parts;
DROP TABLE pipeline_routes;
DROP TABLE pipeline_lanes;
