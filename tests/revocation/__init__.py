"""The proof that a revoked key admits nobody: edges and replicas of authsvc as processes, with delays at every await.

- `story`     what befalls the edges while keys are revoked
- `world`     puts two replicas and the edges up, and revokes
- `edge`      one edge's credentials, asked about by many clients at once, as a process
- `service`   authsvc as a process
- `delays`    lets every await of a process take a while
- `plants`    mistakes that the proof must find
- `relay`     a way to authsvc that can fall silent, in both directions or in one
- `history`   what was admitted against what was revoked (pure)

`python -m tests.revocation` is the long form, with leases as they are.
"""
