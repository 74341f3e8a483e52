-- +goose Up
-- Two persons who may be one. The nodes are the persons' numbers when the pair was found, the lesser
-- first; the persons are those whom the nodes belong to now.
CREATE TABLE linkage_pairs (
	node_a     BIGINT NOT NULL,
	node_b     BIGINT NOT NULL,
	person_a   BIGINT NOT NULL,
	person_b   BIGINT NOT NULL,
	weight     DOUBLE PRECISION NOT NULL, -- bits
	chance     DOUBLE PRECISION NOT NULL, -- that they are one, 0 to 1
	evidence   TEXT   NOT NULL, -- JSON: levels and their bits, no values
	model      BIGINT NOT NULL,
	decision   TEXT   NOT NULL, -- link, reject, or empty
	refusal    TEXT   NOT NULL, -- why a decision to link was not done
	decided_by TEXT   NOT NULL, -- empty: nobody yet
	decided_at BIGINT NOT NULL,
	found_at   BIGINT NOT NULL,
	PRIMARY KEY (node_a, node_b)
);
CREATE INDEX linkage_pairs_decision ON linkage_pairs (decision, weight, node_a, node_b);
CREATE INDEX linkage_pairs_linked ON linkage_pairs (weight, node_a, node_b) WHERE person_a = person_b;
CREATE INDEX linkage_pairs_a ON linkage_pairs (person_a);
CREATE INDEX linkage_pairs_b ON linkage_pairs (person_b);

CREATE TABLE linkage_models (
	id         BIGINT PRIMARY KEY,
	made_at    BIGINT NOT NULL,
	compared   BIGINT NOT NULL, -- persons
	model      TEXT   NOT NULL -- JSON
);

CREATE TABLE linkage_settings (
	one      BIGINT PRIMARY KEY,
	version  BIGINT NOT NULL,
	settings TEXT   NOT NULL -- JSON
);
INSERT INTO linkage_settings (one, version, settings) VALUES (1, 1, '{}');
