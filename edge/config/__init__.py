"""The config that reaches a worker: watched, compiled, swapped in, acknowledged, kept for a cold start.

- `compile`    a config document into rules; what cannot be compiled becomes reasons
- `ledger`     the newest state of every tenant, and the snapshot made of them
- `feed`       the watch on configsvc: apply, acknowledge, come back
- `seal`       proof that a warm copy is ours
- `warm_disk`  the copy on disk
- `warm_redis` the copy in Redis
- `warm`       both copies: what a start begins with, what a change writes
"""
