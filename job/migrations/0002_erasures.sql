-- +goose Up
-- Numbers of persons that were erased, and of their identifiers. Files of results that may hold one
-- of them are deleted. They stay until no file is left that is older.
CREATE TABLE job_erased (
	erasure BIGINT NOT NULL,
	node    BIGINT NOT NULL, -- a person has the number of one
	at      BIGINT NOT NULL,
	PRIMARY KEY (erasure, node)
);

-- Who was parted from whom: what is the one's by now stands under the other in older files.
CREATE TABLE job_parted (
	person      BIGINT NOT NULL,
	from_person BIGINT NOT NULL,
	at          BIGINT NOT NULL,
	PRIMARY KEY (person, from_person)
);

ALTER TABLE jobs ADD COLUMN erasures BIGINT NOT NULL DEFAULT 0; -- the last one before it was started
ALTER TABLE jobs ADD COLUMN file_erased_at BIGINT NOT NULL DEFAULT 0; -- when its file was deleted for one

-- +goose Down
ALTER TABLE jobs DROP COLUMN file_erased_at;
ALTER TABLE jobs DROP COLUMN erasures;
DROP TABLE job_parted;
DROP TABLE job_erased;
