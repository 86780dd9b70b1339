"""Pure values and decisions that several parts share. No I/O, no clock, no randomness; imports nothing of ours.

- `tenants`  ids of tenants, short ids, schema names
- `targets`  addresses of upstream targets: one strict spelling
- `origins`  origins of cross-origin requests: one strict spelling
- `api_keys` the format of API keys: compose, parse, checksum
- `builtin_paths`  what the edge answers itself, before any route
- `limits`   the reference model of the limit algorithms
- `concurrency`  the reference model of concurrency limits
- `limit_fields`  how limits stand in header fields
"""
