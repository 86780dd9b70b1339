-- What stands outside the tenants' own schemas: who they are and where they are in their life, numbers, gateways.

-- Global numbers in commit order: the row's lock is held to the end of the transaction that took a number,
-- so a reader that sees a number sees all before it. A sequence would not promise that.
CREATE TABLE {schema}.revision (
    one  boolean PRIMARY KEY DEFAULT true CHECK (one),
    head bigint  NOT NULL
);
INSERT INTO {schema}.revision (head) VALUES (0);

CREATE TABLE {schema}.tenants (
    id              uuid        PRIMARY KEY,
    short_id        text        NOT NULL CONSTRAINT tenants_short_id UNIQUE,
    slug            text        NOT NULL CONSTRAINT tenants_slug UNIQUE,
    status          smallint    NOT NULL,
    registration_id text        NOT NULL CONSTRAINT tenants_registration UNIQUE,
    config_version  bigint      NOT NULL DEFAULT 0,
    state_version   bigint      NOT NULL DEFAULT 0,
    -- The newest change; 0 while the gateways know nothing of the tenant.
    revision        bigint      NOT NULL DEFAULT 0,
    -- The newest migration of the tenant's schema.
    schema_version  integer     NOT NULL DEFAULT 0,
    create_time     timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX tenants_revision ON {schema}.tenants (revision);

CREATE TABLE {schema}.hosts (
    host      text PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES {schema}.tenants (id)
);
CREATE INDEX hosts_tenant ON {schema}.hosts (tenant_id);

-- Kept for ever: without them an old warm copy could bring a purged tenant back.
CREATE TABLE {schema}.tombstones (
    tenant_id uuid   PRIMARY KEY,
    revision  bigint NOT NULL
);
CREATE INDEX tombstones_revision ON {schema}.tombstones (revision);

CREATE TABLE {schema}.gateways (
    gateway_id text        NOT NULL,
    slot       integer     NOT NULL,
    boot_id    uuid        NOT NULL,
    scope      text        NOT NULL,
    -- The open watch, so that the end of an old stream does not disconnect its successor; null: none.
    watch_id   uuid,
    revision   bigint      NOT NULL DEFAULT 0,
    last_seen  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (gateway_id, slot)
);

-- Which newest states an instance keeps refusing; the reasons are the tenant's, in its schema.
CREATE TABLE {schema}.gateway_rejects (
    gateway_id text    NOT NULL,
    slot       integer NOT NULL,
    tenant_id  uuid    NOT NULL,
    revision   bigint  NOT NULL,
    PRIMARY KEY (gateway_id, slot, tenant_id),
    FOREIGN KEY (gateway_id, slot) REFERENCES {schema}.gateways ON DELETE CASCADE
);
