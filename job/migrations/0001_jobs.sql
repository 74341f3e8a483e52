-- +goose Up
CREATE TABLE jobs (
	id         TEXT    PRIMARY KEY,
	kind       TEXT    NOT NULL,
	heavy      BOOLEAN NOT NULL,
	key        TEXT    NOT NULL, -- unique among unfinished ones, unless empty
	subject    TEXT    NOT NULL, -- what it is about: the id of a segment; may be empty
	title      TEXT    NOT NULL, -- the subject in words
	input      TEXT    NOT NULL, -- JSON
	asker_kind TEXT    NOT NULL, -- who asked: user | key | dev | system
	asker_id   TEXT    NOT NULL,
	asker_name TEXT    NOT NULL,
	need       TEXT    NOT NULL, -- the right to read the result; empty: who sees the job
	schedule   TEXT    NOT NULL, -- the one that started it, or empty
	due_at     BIGINT  NOT NULL, -- when that was due; 0 without a schedule
	late       BOOLEAN NOT NULL, -- it was due while nothing ran

	status     TEXT    NOT NULL, -- queued | running | done | failed | cancelled
	cancel     BOOLEAN NOT NULL, -- somebody wants a running one to end
	slot       TEXT    NOT NULL, -- of a running one
	owner      TEXT    NOT NULL, -- process that has or had it last
	not_before BIGINT  NOT NULL,
	attempts   BIGINT  NOT NULL, -- times that it was taken up
	idle       BIGINT  NOT NULL, -- of these, the last ones that saved nothing

	done       BIGINT  NOT NULL,
	total      BIGINT  NOT NULL, -- 0: unknown
	base       BIGINT  NOT NULL, -- done when the attempt began
	note       TEXT    NOT NULL, -- a text of what it does right now, as JSON
	state      TEXT    NOT NULL, -- what the kind saved last, JSON
	result     TEXT    NOT NULL, -- JSON
	failure    TEXT    NOT NULL, -- the error in words, JSON

	created_at BIGINT  NOT NULL,
	started_at BIGINT  NOT NULL, -- of the last attempt
	moved_at   BIGINT  NOT NULL, -- last progress
	ended_at   BIGINT  NOT NULL
);
CREATE INDEX jobs_time ON jobs (created_at, id);
CREATE INDEX jobs_queue ON jobs (created_at, id) WHERE status IN ('queued', 'running');
CREATE UNIQUE INDEX jobs_key ON jobs (key) WHERE status IN ('queued', 'running') AND key <> '';

CREATE TABLE job_schedules (
	id         TEXT    PRIMARY KEY,
	name       TEXT    NOT NULL,
	cron       TEXT    NOT NULL,
	days       TEXT    NOT NULL, -- all | working | holiday
	kind       TEXT    NOT NULL,
	input      TEXT    NOT NULL, -- JSON, as checked
	subject    TEXT    NOT NULL,
	title      TEXT    NOT NULL,
	key        TEXT    NOT NULL, -- of its jobs
	need       TEXT    NOT NULL,
	asker_kind TEXT    NOT NULL, -- for whom its jobs run
	asker_id   TEXT    NOT NULL,
	asker_name TEXT    NOT NULL,
	paused     BOOLEAN NOT NULL,
	next_at    BIGINT  NOT NULL, -- 0: never
	basis      TEXT    NOT NULL, -- zone and calendar that next_at was worked out by
	last_at    BIGINT  NOT NULL, -- when the last run was due; 0 for none
	last_job   TEXT    NOT NULL,
	last_late  BOOLEAN NOT NULL,
	skipped    BIGINT  NOT NULL, -- times that the last run was still under way
	created_at BIGINT  NOT NULL,
	updated_at BIGINT  NOT NULL
);
CREATE INDEX job_schedules_next ON job_schedules (next_at);

-- Days on which the organisation does otherwise than the calendar says.
CREATE TABLE job_days (
	day     TEXT    PRIMARY KEY, -- 2026-10-01
	working BOOLEAN NOT NULL,
	name    TEXT    NOT NULL
);

-- What is chosen for all schedules: calendar.
CREATE TABLE job_settings (
	name  TEXT PRIMARY KEY,
	value TEXT NOT NULL
);

-- +goose Down
DROP TABLE job_settings;
DROP TABLE job_days;
DROP TABLE job_schedules;
DROP TABLE jobs;
