-- Keys that are switched off for a while, and labels to sort keys by.

ALTER TABLE {schema}.api_keys
    ADD COLUMN labels           jsonb NOT NULL DEFAULT '{}',
    ADD COLUMN disabled_at      timestamptz,
    ADD COLUMN disable_revision bigint;
