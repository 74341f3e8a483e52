-- +goose Up
-- Lanes work side by side on persons of their own. What counts all persons each has a share of,
-- so that they never wait for each other: a row of profile_state with the id 1 + lane, and these
-- rows, which the pipeline gathers into profile_catalogue and profile_examples when it works alone.
CREATE TABLE profile_shares (
	lane    BIGINT NOT NULL,
	trait   BIGINT NOT NULL,
	persons BIGINT NOT NULL, -- negative if the lane has absorbed persons of another one
	detail  TEXT   NOT NULL DEFAULT '', -- as in profile_examples, but numbers may be negative
	PRIMARY KEY (lane, trait)
);

-- +goose Down
UPDATE profile_state SET persons = (SELECT SUM(persons) FROM profile_state) WHERE id = 1;
DELETE FROM profile_state WHERE id <> 1;
DROP TABLE profile_shares;
