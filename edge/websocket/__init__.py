"""WebSocket tunnels (RFC 6455): frames are relayed between a client and an upstream, never whole messages.

- `frames`     where the frames of one direction begin and end, and what must not pass: pure
- `meter`      how many messages a client may still send: pure
- `handshake`  what a client asks for, and whether an upstream's answer fits it: pure
- `endings`    why the edge ends a tunnel, and what it tells each side: pure
- `warrant`    what a tunnel goes on by: config, tenant, credential
- `tunnels`    how many there are, and what has passed
- `tunnel`     both directions of one, and its end
- `opening`    the exchange that becomes one
"""
