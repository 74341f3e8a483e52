-- +goose Up
-- What is left is counted by the person's number, in the batch of the erasure.
CREATE INDEX privacy_erasures_number ON privacy_erasures (number);

-- +goose Down
DROP INDEX privacy_erasures_number;
