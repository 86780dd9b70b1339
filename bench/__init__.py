"""Benchmarks against public peers: ratios in one run, never a test.

- `__main__`     one command: `make bench`
- `peers`        the gateways that are measured: Penstock, nginx, FastAPI with httpx
- `fastapi_proxy` the last of them
- `load`         wrk, and what it says
- `processes`    starting, pinning, and the CPU time of what runs

Needs wrk and nginx (Debian: `apt-get install wrk nginx-light`).
"""
