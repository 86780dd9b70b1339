-- What stands outside the tenants' schemas: how to find them, and what belongs to the whole cluster.

CREATE TABLE {schema}.tenants (
    tenant_id  uuid        PRIMARY KEY,
    short_id   text        NOT NULL UNIQUE CHECK (short_id ~ '^[0-9A-Za-z]{8}$'),
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE {schema}.keys (
    key_id    text PRIMARY KEY CHECK (key_id ~ '^[0-9A-Za-z]{8}$'),
    tenant_id uuid NOT NULL REFERENCES {schema}.tenants ON DELETE CASCADE
);
CREATE INDEX keys_by_tenant ON {schema}.keys (tenant_id);

-- One row: the newest revision. Its lock, held to the commit, makes revisions follow the order of commits.
CREATE TABLE {schema}.head (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    revision bigint  NOT NULL DEFAULT 0
);
INSERT INTO {schema}.head DEFAULT VALUES;

CREATE TABLE {schema}.invalidations (
    revision    bigint      PRIMARY KEY,
    scope       smallint    NOT NULL,
    subject     text        NOT NULL,
    tenant_id   uuid,
    commit_time timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX invalidations_by_age ON {schema}.invalidations (commit_time);

-- Which edge workers may serve from their caches, until when, and what they have applied. A successor shares
-- its predecessor's slot for a while, so each start of a worker has a row of its own.
CREATE TABLE {schema}.leases (
    gateway_id text        NOT NULL,
    slot       integer     NOT NULL,
    boot_id    uuid        NOT NULL,
    revision   bigint      NOT NULL,
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (gateway_id, slot, boot_id)
);

CREATE TABLE {schema}.peppers (
    pepper_id  integer     PRIMARY KEY,
    ciphertext bytea       NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE {schema}.admin_tokens (
    token_id   text        PRIMARY KEY,
    name       text        NOT NULL,
    role       smallint    NOT NULL,
    tenant_id  uuid,
    digest     bytea       NOT NULL,
    pepper_id  integer     NOT NULL REFERENCES {schema}.peppers,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz,
    revoked_at timestamptz
);
