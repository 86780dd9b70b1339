-- One tenant's record, the history of its config, and why gateways refused it.

CREATE TABLE {schema}.record (
    one                 boolean  PRIMARY KEY DEFAULT true CHECK (one),
    name                text     NOT NULL,
    kind                smallint NOT NULL,
    parent_id           uuid,
    tier                text     NOT NULL DEFAULT '',
    subscription_status text     NOT NULL DEFAULT '',
    valid_until         timestamptz,
    read_only           boolean  NOT NULL DEFAULT false,
    read_only_reason    text     NOT NULL DEFAULT '',
    read_only_until     timestamptz,
    targets_allow       boolean  NOT NULL DEFAULT false
);

CREATE TABLE {schema}.config_versions (
    version     bigint      PRIMARY KEY,
    revision    bigint      NOT NULL UNIQUE,
    hash        text        NOT NULL,
    -- A serialised penstock.config.v1.GatewayConfig.
    config      bytea       NOT NULL,
    author      text        NOT NULL,
    comment     text        NOT NULL,
    create_time timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE {schema}.reject_reasons (
    gateway_id text    NOT NULL,
    slot       integer NOT NULL,
    revision   bigint  NOT NULL,
    -- A list of {path, message}.
    reasons    jsonb   NOT NULL,
    PRIMARY KEY (gateway_id, slot)
);
