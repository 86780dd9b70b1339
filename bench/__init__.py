"""Benchmarks against public peers: ratios in one run, never a test.

- `__main__`      one command: `make bench`
- `peers`         what stands beside Penstock: nginx, HAProxy, Envoy, and two proxies in Python
- `fastapi_proxy`, `asgi_proxy`   those two
- `penstock`      the suite with the tenants that are measured
- `load`          wrk, and what it says
- `limits`        decisions of ratelimitsvc beside what its Redis can do: `python -m bench.limits`
- `decisions`     its load, over the stream and straight at Redis
- `stores`        what Redis itself takes for a decision, store by store
- `streaming`     memory of a worker while 2 GiB go through it: `python -m bench.streaming`
- `slowloris`     good traffic beside a thousand slow clients: `python -m bench.slowloris`
- `tunnels`       a thousand WebSockets, at rest and under load: `python -m bench.tunnels`
- `outage`        what clients feel while ratelimitsvc or its Redis is away: `python -m bench.outage`
- `faults`        what befalls those two
- `targets`       what clients feel while targets and edge workers are killed: `python -m bench.targets`
- `restart`       another command: rolling restarts under load, where every request must be answered
- `keepalive`     its clients, which keep their connections and never retry
- `report`, `plot`   tables and a picture of many runs: pure
- `processes`     starting, pinning, and the CPU time of what runs

Needs wrk and nginx (Debian: `apt-get install wrk nginx-light`). Other peers that are not installed are skipped by name.
"""
