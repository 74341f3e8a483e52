-- +goose Up
-- What came under an identifier on a day was worth, in ten-thousandths: for sums over the last days.
CREATE TABLE household_spent (
	identifier TEXT   NOT NULL,
	day        BIGINT NOT NULL, -- since 1970
	person     BIGINT NOT NULL,
	paid       BIGINT NOT NULL,
	PRIMARY KEY (identifier, day)
);
CREATE INDEX household_spent_person ON household_spent (person, day);
