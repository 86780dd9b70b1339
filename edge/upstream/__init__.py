"""The upstream side of the data plane.

- `connection` one keep-alive connection: a request out, an answer in, never two at once
- `pool`       the connections to each target: idle ones, new ones, so many at most
- `names`      the addresses of targets' names, asked again and again
- `errand`     one request on its way to one of several targets, through all its attempts
- `fleet`      the targets of a service: who is in use, and whose turn it is
- `checks`     asks targets how they are, in one worker of a machine; `verdicts` is what all of them read
- `balance`    chooses among targets
- `breaker`    the life of a target, as a table
- `retries`    whether a failed request is sent again
- `probe`      asks a target whether it is well, for checks and for whoever wants to know
- `guard`      which addresses a tenant's targets may have
"""
