-- One tenant's consumers and their keys. A digest is HMAC-SHA-256 of the whole credential under a pepper.

CREATE TABLE {schema}.consumers (
    consumer_id uuid        PRIMARY KEY,
    name        text        NOT NULL UNIQUE,
    created_at  timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE {schema}.api_keys (
    key_id          text        PRIMARY KEY,
    consumer_id     uuid        NOT NULL REFERENCES {schema}.consumers,
    name            text        NOT NULL,
    live            boolean     NOT NULL,
    scopes          text[]      NOT NULL,
    tier            text        NOT NULL,
    digest          bytea       NOT NULL,
    pepper_id       integer     NOT NULL,
    state           text        NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'disabled', 'revoked')),
    created_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at      timestamptz,
    revoked_at      timestamptz,
    revoke_revision bigint
);
CREATE INDEX api_keys_by_age ON {schema}.api_keys (created_at DESC, key_id DESC);
CREATE INDEX api_keys_by_consumer ON {schema}.api_keys (consumer_id);

-- Which key a registration made, so that a repeated one can replace the key that was never delivered.
CREATE TABLE {schema}.provisions (
    request_id text        PRIMARY KEY,
    key_id     text        NOT NULL REFERENCES {schema}.api_keys,
    created_at timestamptz NOT NULL DEFAULT now()
);
