-- +goose Up
-- Events that the warehouse is to keep as nobody's: of a record, the index of each (16 bits) and its pseudonym (64).
CREATE TABLE pipeline_veiled (
	partition_id BIGINT NOT NULL,
	record       BIGINT NOT NULL,
	body         BYTEA  NOT NULL,
	PRIMARY KEY (partition_id, record)
);

-- +goose Down
DROP TABLE pipeline_veiled;
