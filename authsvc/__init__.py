"""Who is calling? API keys, admin tokens, and the events that end what edges have cached about them.

- `service`        composition root; `methods` says who may call what; `settings`
- `migrate`, `rewrap`, `rotate_pepper`  commands: the database to the newest version, its secrets under the newest
  key, keys under a new pepper
- `rpc`            one file per gRPC service: checks fields, calls a room below, builds the answer
- `authorization`  whole requests judged for other gateways: Envoy, nginx, Traefik
- `fields`         names and bounds of request fields, on top of `svckit.field_checks`
- `key_records`    what is known of a key, and what follows from it (pure)
- `key_store`      API keys in the tenant's schema
- `imports`        keys of other gateways, known by their SHA-256
- `key_uses`       when keys last authenticated
- `authentication` who a batch of credentials proves, from memory or by a look-up
- `memory`         whom keys have proven, until an event of the log ends it (pure)
- `lookup`         looks batches of credentials up in the store
- `admin_tokens`   tokens of the management API
- `provisioning`   makes and erases a tenant's place; `tenant_rows` enters it with the tenant's rights only
- `peppers`        the secrets under which credentials are hashed; `rehashing` brings keys under the newest
- `invalidations`  the numbered log, its watchers, leases, and when an event is in force everywhere
"""
