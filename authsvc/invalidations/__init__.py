"""Tells edges what to forget, and knows when they have.

- `log`        the numbered events in PostgreSQL, appended in the transaction of the change
- `signals`    what other replicas announce: new events, new acknowledgements
- `tail`       the newest events in memory, one reader per process for all watchers
- `leases`     which workers may serve from their caches and what they have applied
- `acknowledgements`  takes theirs together
- `force`      waits until an event is in force everywhere
"""
