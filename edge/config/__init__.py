"""The config that reaches a worker: watched, compiled, swapped in, acknowledged, kept for a cold start.

- `compile` `compile_limits` `compile_resilience` `tenant_view`  what the stream sends, made into rules and views;
  `reasons` why not; `defaults` hold where a document says nothing; `numbers` what numbers of a message mean
- `ledger`     the newest state of every tenant, and the snapshot made of them
- `feed`       the watch on configsvc: apply, acknowledge, come back
- `seal`       proof that a warm copy is ours
- `warm_disk`  the copy on disk
- `warm_redis` the copy in Redis
- `warm`       both copies: what a start begins with, what a change writes; `warm_copy` is their common value
"""
