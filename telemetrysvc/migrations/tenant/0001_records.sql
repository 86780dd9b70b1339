-- One row per answered request. Partitioned by month of `start_time`, so that retention is a DROP; a row outside
-- the months around now (a clock that is wrong) goes to the default partition.
-- The key serves the newest-first list too: hence the time first.
CREATE TABLE {schema}.requests (
    id              uuid        NOT NULL,
    start_time      timestamptz NOT NULL,
    duration_micros bigint      NOT NULL,
    request_id      text        NOT NULL,
    method          text        NOT NULL,
    path            text        NOT NULL,
    route           text        NOT NULL,
    service         text        NOT NULL,
    status          smallint    NOT NULL,
    code            text        NOT NULL,
    principal_id    text        NOT NULL,
    consumer        text        NOT NULL,
    credential_id   text        NOT NULL,
    client_address  text        NOT NULL,
    host            text        NOT NULL,
    request_bytes   bigint      NOT NULL,
    response_bytes  bigint      NOT NULL,
    upstream        text        NOT NULL,
    upstream_micros bigint      NOT NULL,
    config_version  bigint      NOT NULL,
    trace_id        bytea       NOT NULL,
    stage           text        NOT NULL,
    user_agent      text        NOT NULL,
    PRIMARY KEY (start_time, id)
) PARTITION BY RANGE (start_time);
CREATE TABLE {schema}.requests_default PARTITION OF {schema}.requests DEFAULT;

-- Requests that failed: 5xx, timeouts, aborted bodies. `id` is the request's.
CREATE TABLE {schema}.error_events (
    id         uuid        NOT NULL,
    time       timestamptz NOT NULL,
    request_id text        NOT NULL,
    code       text        NOT NULL,
    status     smallint    NOT NULL,
    service    text        NOT NULL,
    route      text        NOT NULL,
    stage      text        NOT NULL,
    upstream   text        NOT NULL,
    PRIMARY KEY (time, id)
);

-- One row per check of an upstream target.
CREATE TABLE {schema}.health_snapshots (
    id              uuid        NOT NULL,
    time            timestamptz NOT NULL,
    service         text        NOT NULL,
    target          text        NOT NULL,
    healthy         boolean     NOT NULL,
    reason          text        NOT NULL,
    duration_micros bigint      NOT NULL,
    PRIMARY KEY (time, id)
);
