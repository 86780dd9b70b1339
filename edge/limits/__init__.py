"""How much may they call: which limits hold for a request, and their decision over the stream to ratelimitsvc.

- `rules`     the limits of a config document, compiled
- `policy`    which limits hold for a request: rule, counter keys, what happens in an outage. Pure
- `decision`  what is decided, wherever it was
- `headers`   a decision as response header fields. Pure
- `crowds`    how many addresses have counters of their own. Pure
- `wire`      checks as the contract's bytes, put together from prepared parts. Pure
- `pump`      requests gathered into batches, batches in flight, silence. No I/O of its own
- `local`     exact windows of this worker alone, for an outage
- `failures`  what credentials that prove nobody may cost, by address
- `limiter`   the stream, its breaker, and the decision without it
"""
