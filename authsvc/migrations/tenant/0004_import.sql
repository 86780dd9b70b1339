-- Keys of other gateways, found by the digest of their SHA-256.

ALTER TABLE {schema}.api_keys ADD COLUMN imported boolean NOT NULL DEFAULT false;
CREATE UNIQUE INDEX api_keys_imported ON {schema}.api_keys (digest) WHERE imported;
