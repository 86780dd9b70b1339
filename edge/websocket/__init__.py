"""WebSocket tunnels (RFC 6455): frames are relayed between a client and an upstream, never whole messages.

- `frames`     where the frames of one direction begin and end, and what must not pass: pure
- `meter`      how many messages a client may still send: pure
"""
