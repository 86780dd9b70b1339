"""Decides how much callers may call, exactly, on counters in Redis. Stores no policy: limits
travel with a request, or come from configsvc for an Envoy.

- `settings`    what the process is told
- `batch`       checks in the contract's form to and from the packed form of the script; their validation. Pure
- `decide.lua`  the script that decides one batch on Redis's own clock; the model is `domain.limits`
- `wire`        requests of streams packed from their bytes. Pure
- `leases`      requests for leased slots to and from the packed form of their script; their validation. Pure
- `lease.lua`   the script of concurrency limits; the model is `domain.concurrency`
- `redis_pipe`  one connection to Redis on which calls do not wait for each other
- `counters`    scripts run through the pipe: a batch in, its answer out
- `topology`    the URL of a cluster, and what a cluster says of itself. Pure
- `slots`       names of counters on a cluster; a batch cut by slot and put together again. Pure
- `cluster`     a pipe to each primary of a cluster; scripts run where their keys are
- `gate`        how many batches are at Redis at a time, and how long one waits for its turn
- `decider`     checks decided for every rpc: through the gate, at the counters
- `servicer`, `lease_servicer`    the rpcs
- `envoy`       Envoy's rate-limit protocol, with policies from configsvc
- `metrics`     what is counted besides the rpcs
- `wiring`      the method table and the composition root
"""
