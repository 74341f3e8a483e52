-- +goose Up

-- An effect, from its decision until it is forgotten.
CREATE TABLE outbox_effects (
	id          TEXT COLLATE "C" PRIMARY KEY,
	kind        TEXT COLLATE "C" NOT NULL,
	destination TEXT COLLATE "C" NOT NULL,
	person      BIGINT NOT NULL, -- 0: nobody's
	node        BIGINT NOT NULL, -- goes with it in a split; 0: stays
	label       TEXT   NOT NULL,
	body        BYTEA  NOT NULL, -- empty once it is done
	put_at      BIGINT NOT NULL,
	place       BIGINT NOT NULL, -- orders what is due at the same moment
	since       BIGINT NOT NULL, -- when it was due first, since the last replay
	due         BIGINT NOT NULL, -- while it waits: not before; while it is claimed: the lease's end
	owner       TEXT   NOT NULL, -- the process that has claimed it, or empty
	state       BIGINT NOT NULL, -- 0 waits, 1 done, 2 dead
	attempts    BIGINT NOT NULL,
	tries       BIGINT NOT NULL, -- attempts since the last replay
	finished_at BIGINT NOT NULL, -- 0 while it waits
	-- The last attempt.
	status      BIGINT NOT NULL, -- what the destination said, 0: nothing
	took_ms     BIGINT NOT NULL,
	error       TEXT   NOT NULL, -- empty when it was done
	answer      TEXT   NOT NULL -- excerpt
);
CREATE INDEX outbox_effects_due ON outbox_effects (kind, destination, due, place) WHERE state = 0;
CREATE INDEX outbox_effects_finished ON outbox_effects (kind, destination, state, finished_at) WHERE state <> 0;
CREATE INDEX outbox_effects_person ON outbox_effects (person) WHERE person <> 0;

-- Attempts that failed. They go with their effect.
CREATE TABLE outbox_failures (
	id      TEXT COLLATE "C" NOT NULL,
	attempt BIGINT NOT NULL,
	at      BIGINT NOT NULL,
	status  BIGINT NOT NULL,
	took_ms BIGINT NOT NULL,
	error   TEXT   NOT NULL,
	answer  TEXT   NOT NULL,
	PRIMARY KEY (id, attempt)
);

-- What is known of a queue. A queue without a row has seen nothing yet.
CREATE TABLE outbox_queues (
	kind         TEXT COLLATE "C" NOT NULL,
	destination  TEXT COLLATE "C" NOT NULL,
	paused       BIGINT NOT NULL, -- 1: what is put waits
	failures     BIGINT NOT NULL, -- in a row
	held_until   BIGINT NOT NULL, -- the breaker is open until then
	delivered    BIGINT NOT NULL,
	failed       BIGINT NOT NULL, -- attempts
	dead         BIGINT NOT NULL,
	discarded    BIGINT NOT NULL,
	delivered_at BIGINT NOT NULL, -- the last one
	failed_at    BIGINT NOT NULL,
	error        TEXT   NOT NULL, -- of the last attempt that failed
	PRIMARY KEY (kind, destination)
);
