-- Which tenants have a schema. No record of theirs stands outside it.
CREATE TABLE {schema}.tenants (
    tenant_id      uuid        PRIMARY KEY,
    provisioned_at timestamptz NOT NULL DEFAULT now()
);
