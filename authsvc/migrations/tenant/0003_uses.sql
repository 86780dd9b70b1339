-- When keys last authenticated. Apart from the keys, whose rows are read by every look-up and locked by changes.

CREATE TABLE {schema}.key_uses (
    key_id  text        PRIMARY KEY,
    used_at timestamptz NOT NULL
);
