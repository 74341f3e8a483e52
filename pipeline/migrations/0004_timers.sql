-- +goose Up
-- Timers are about a subject of any kind. By subject first, so that all of a person's are
-- found when the person is erased or absorbed.
CREATE TABLE timers_of_subjects (
	subject    TEXT   NOT NULL,
	subject_id BIGINT NOT NULL,
	owner      TEXT   NOT NULL,
	name       TEXT   NOT NULL,
	due_at     BIGINT NOT NULL,
	PRIMARY KEY (subject, subject_id, owner, name)
);
INSERT INTO timers_of_subjects (subject, subject_id, owner, name, due_at) SELECT 'person', person, owner, name, due_at FROM timers;
DROP TABLE timers;
ALTER TABLE timers_of_subjects RENAME TO timers;
CREATE INDEX timers_due ON timers (due_at);

-- +goose Down
CREATE TABLE timers_of_persons (
	owner  TEXT   NOT NULL,
	person BIGINT NOT NULL,
	name   TEXT   NOT NULL,
	due_at BIGINT NOT NULL,
	PRIMARY KEY (owner, person, name)
);
INSERT INTO timers_of_persons (owner, person, name, due_at) SELECT owner, subject_id, name, due_at FROM timers WHERE subject = 'person';
DROP TABLE timers;
ALTER TABLE timers_of_persons RENAME TO timers;
CREATE INDEX timers_due ON timers (due_at);
