-- +goose Up
CREATE TABLE stage_cycles (
	id          TEXT   PRIMARY KEY, -- cyc_…
	key         TEXT   NOT NULL UNIQUE, -- its trait is stage.<key>
	name        TEXT   NOT NULL,
	description TEXT   NOT NULL,
	owner       TEXT   NOT NULL,
	wanted      BIGINT NOT NULL, -- version that was written last
	serving     BIGINT NOT NULL, -- version that decides; 0: none yet
	built       BIGINT NOT NULL, -- of which builds of its sets everybody was asked
	began_at    BIGINT NOT NULL, -- Unix milliseconds: when the first version began to decide; 0: not yet
	failure     TEXT   NOT NULL, -- why the sets could not be built, or people not be asked
	turn        BIGINT NOT NULL, -- grows with each transaction that writes spans: who writes it has them to himself
	retired     BIGINT NOT NULL, -- 1 while it is taken away
	created_at  BIGINT NOT NULL,
	updated_at  BIGINT NOT NULL
);

CREATE TABLE stage_versions (
	cycle       TEXT   NOT NULL,
	version     BIGINT NOT NULL,
	definition  TEXT   NOT NULL, -- JSON
	note        TEXT   NOT NULL,
	author      TEXT   NOT NULL,
	author_name TEXT   NOT NULL,
	written_at  BIGINT NOT NULL,
	PRIMARY KEY (cycle, version)
);

-- Who was in which stage, from when to when.
CREATE TABLE stage_spans (
	cycle   TEXT   NOT NULL,
	node    BIGINT NOT NULL, -- of the event that brought it about, or of the span before
	began   BIGINT NOT NULL, -- Unix milliseconds
	ended   BIGINT NOT NULL, -- 0: it goes on
	person  BIGINT NOT NULL,
	stage   TEXT   NOT NULL, -- key; "": none
	origin  TEXT   NOT NULL, -- key of the stage before
	why     TEXT   NOT NULL, -- entered, left, start, merge, split
	cause   TEXT   NOT NULL, -- key of the stage whose rule began or ceased to hold; ""
	message TEXT   NOT NULL, -- id of the event that brought it about; ""
	holds   TEXT   NOT NULL, -- of the open one: keys of the stages whose rules hold, parted by blanks
	reached TEXT   NOT NULL, -- key of the furthest stage that stays and was entered
	doubt   BIGINT NOT NULL, -- when the rules are to be asked, Unix milliseconds; 0: not
	shown   BIGINT NOT NULL, -- of the open one: moment of the traits that show it; 0: they are to be written
	PRIMARY KEY (cycle, node, began)
);
CREATE INDEX stage_spans_person ON stage_spans (person, cycle, began);
CREATE INDEX stage_spans_cycle ON stage_spans (cycle, ended, stage, began);
CREATE INDEX stage_spans_walk ON stage_spans (cycle, person, began);
CREATE INDEX stage_spans_time ON stage_spans (cycle, began, node);
CREATE INDEX stage_spans_doubt ON stage_spans (doubt) WHERE doubt > 0;

-- +goose Down
DROP TABLE stage_spans;
DROP TABLE stage_versions;
DROP TABLE stage_cycles;
