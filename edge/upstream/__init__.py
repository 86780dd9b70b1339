"""The upstream side of the data plane.

- `connection` one keep-alive connection: a request out, an answer in, never two at once
- `pool`       the idle connections of each target, and new ones
- `probe`      asks a target whether it is well
- `guard`      which addresses a tenant's targets may have
"""
