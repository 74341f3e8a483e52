-- +goose Up
CREATE TABLE retention_rules (
	one     BIGINT PRIMARY KEY,
	version BIGINT NOT NULL, -- place in the log of the command; 0: none
	rules   TEXT   NOT NULL, -- JSON
	actor   TEXT   NOT NULL,
	set_at  BIGINT NOT NULL
);
INSERT INTO retention_rules (one, version, rules, actor, set_at) VALUES (1, 0, '[]', '', 0);

-- What was removed: the receipt of each run. Counts only.
CREATE TABLE retention_runs (
	id         TEXT   PRIMARY KEY, -- of the job
	started_at BIGINT NOT NULL,
	ended_at   BIGINT NOT NULL, -- 0: under way, or it failed
	version    BIGINT NOT NULL, -- of the rules
	counts     TEXT   NOT NULL  -- JSON
);
CREATE INDEX retention_runs_started ON retention_runs (started_at);

-- +goose Down
DROP TABLE retention_runs;
DROP TABLE retention_rules;
