-- +goose Up
ALTER TABLE segments ADD COLUMN folder TEXT NOT NULL DEFAULT ''; -- "a/b"
ALTER TABLE segments ADD COLUMN labels TEXT NOT NULL DEFAULT ''; -- one a line
ALTER TABLE segments ADD COLUMN owner TEXT NOT NULL DEFAULT ''; -- who looks after it
ALTER TABLE segments ADD COLUMN guarded BIGINT NOT NULL DEFAULT 0; -- 1: somebody else approves a change of the rule

-- What a segment was by each change of its rule, or of its list.
CREATE TABLE segment_versions (
	segment       TEXT   NOT NULL,
	version       BIGINT NOT NULL,
	rule          TEXT   NOT NULL, -- empty: a list
	note          TEXT   NOT NULL,
	author        TEXT   NOT NULL, -- empty: not known
	author_name   TEXT   NOT NULL,
	written_at    BIGINT NOT NULL,
	approver      TEXT   NOT NULL, -- empty: nobody was asked, or it waits
	approver_name TEXT   NOT NULL,
	held_at       BIGINT NOT NULL, -- from when on it was the segment's; 0: it waits for approval
	PRIMARY KEY (segment, version)
);
INSERT INTO segment_versions (segment, version, rule, note, author, author_name, written_at, approver, approver_name, held_at)
	SELECT id, version, rule, '', '', '', updated_at, '', '', updated_at FROM segments WHERE kind IN ('rule', 'static');
