"""Judges requests for other gateways by Envoy's protocol, `envoy.service.auth.v3.Authorization`. An Envoy asks on a
listener of its own; for nginx, Traefik and the like the management process asks (`edge.admin.forward_auth`).

- `tenants`   what is known of all tenants, by what requests name them (pure)
- `feed`      keeps them current
- `policy`    what the other gateway's config asks of a request (pure)
- `question`  a request as it is to be judged (pure)
- `verdict`   whose request it is, and whether it may go on (pure)
- `answer`    verdicts as Envoy reads them (pure)
- `servicer`  the rpc
"""
