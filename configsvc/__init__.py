"""What has the tenant set up? Tenants and their config documents, streamed to the gateways.

- `service`       the composition root; `__main__` starts it, `settings` is what it is told
- `rpc`           the rim: one servicer per proto service, and who may call what
- `registration`  makes tenants, here and at the services that keep something for them
- `housekeeping`  what is done now and then besides serving
- `tenant_store` `version_store` `gateway_store`  PostgreSQL, one noun each
- `claims` `hosts` `parents`  what tenants want for themselves alone: a slug, hosts, a place among the others
- `board`         the newest state of every tenant in memory; `watch` is one gateway's way through it
- `delivery`      how a gateway stands to a tenant's newest state
- `document`      YAML and JSON as people write them; `validate` the rules they must keep
- `schema` `revisions` `records` `tenant_states`  how things lie in the database
- `fields`        names and bounds of request fields, on top of `svckit.field_checks`
"""
