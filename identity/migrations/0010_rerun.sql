-- +goose Up
-- Evidence that the rules leave out stands in identity_cut without a command, so that other rules
-- can make a link of it again: it is looked for from both ends.
CREATE INDEX identity_cut_a ON identity_cut (a);
CREATE INDEX identity_cut_b ON identity_cut (b);

-- Examples of what a re-run of the rules would change: per identifier whose it was and whose it
-- would be. They are numbers, and go with whom they name.
CREATE TABLE identity_rerun_samples (
    job     TEXT NOT NULL,
    sample  BIGINT NOT NULL,
    node    BIGINT NOT NULL,
    was     BIGINT NOT NULL,
    becomes BIGINT NOT NULL,
    PRIMARY KEY (job, sample, node)
);
CREATE INDEX identity_rerun_samples_node ON identity_rerun_samples (node);
CREATE INDEX identity_rerun_samples_was ON identity_rerun_samples (was);
CREATE INDEX identity_rerun_samples_becomes ON identity_rerun_samples (becomes);

-- Why: the link that would join two, or that would be left out.
CREATE TABLE identity_rerun_reasons (
    job        TEXT NOT NULL,
    sample     BIGINT NOT NULL,
    a          BIGINT NOT NULL,
    b          BIGINT NOT NULL,
    evidence   TEXT NOT NULL,
    message_id TEXT NOT NULL,
    source     TEXT NOT NULL,
    time       BIGINT NOT NULL,
    reason     TEXT NOT NULL, -- empty: it would be made
    PRIMARY KEY (job, sample, a, b, evidence)
);
CREATE INDEX identity_rerun_reasons_a ON identity_rerun_reasons (a);
CREATE INDEX identity_rerun_reasons_b ON identity_rerun_reasons (b);

-- +goose Down
DROP TABLE identity_rerun_reasons;
DROP TABLE identity_rerun_samples;
DROP INDEX identity_cut_b;
DROP INDEX identity_cut_a;
