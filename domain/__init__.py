"""Pure values and decisions that several parts share. No I/O, no clock, no randomness; imports nothing of ours.

- `tenants`  ids of tenants, short ids, schema names
- `tenant_states`  what is known of a tenant besides its config
- `access`   which tenant a request is for, in whose name it acts, whether that one is served
- `identity_fields`  header fields that tell upstreams who is calling, and their spellings
- `targets`  addresses of upstream targets: one strict spelling
- `authorities`  certificate authorities in PEM
- `origins`  origins of cross-origin requests: one strict spelling
- `api_keys` the format of API keys: compose, parse, checksum
- `credentials`  what credentials look like, and which one a request presents
- `hosts`    hosts of requests: one strict spelling
- `key_lives`  what may happen to an API key, as one table
- `builtin_paths`  what the edge answers itself, before any route
- `limits`   the reference model of the limit algorithms
- `concurrency`  the reference model of concurrency limits
- `limit_fields`  how limits stand in header fields
"""
