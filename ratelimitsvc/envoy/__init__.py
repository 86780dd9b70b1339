"""Envoy's rate-limit protocol, `envoy.service.ratelimit.v3.RateLimitService`, beside our own.

- `policies`  which policy limits a descriptor. Pure
- `mapping`   a request to the checks that decide it, the decisions to its answer. Pure
- `feed`      the policies of all tenants, from configsvc
- `servicer`  the rpc, on a listener of its own: Envoy has no process token
"""
