"""Decides how much callers may call, exactly, on counters in Redis. Stores no policy: limits travel with a request.

- `settings`    what the process is told
- `batch`       checks in the contract's form to and from the packed form of the script; their validation. Pure
- `decide.lua`  the script that decides one batch on Redis's own clock; the model is `domain.limits`
- `redis_pipe`  one connection to Redis on which calls do not wait for each other
- `counters`    the script run through the pipe: a batch in, its answer out
- `servicer`    the rpcs
- `metrics`     what is counted besides the rpcs
- `wiring`      the method table and the composition root
"""
