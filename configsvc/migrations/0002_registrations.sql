-- Which registration a tenant in the making belongs to, and since when nobody has worked on it.

ALTER TABLE {schema}.tenants
    -- The last call that took the registration up. One that nobody finishes is removed.
    ADD COLUMN claim_time  timestamptz NOT NULL DEFAULT now(),
    -- SHA-256 of what was asked for, to know a repeat from another wish; empty: from before this column.
    ADD COLUMN record_hash text        NOT NULL DEFAULT '';

-- Few at any time, looked for every minute.
CREATE INDEX tenants_unfinished ON {schema}.tenants (claim_time) WHERE config_version = 0;
