"""HTTP/1.1 as the edge understands it. Pure: octets and values in, values and octets out.

- `fields`     what each header field means to the edge: forwarded, dropped, ours
- `path`       the one canonical form of a path
- `credentials` the credential that a request presents
- `block`      what the fields say, whatever the target
- `line`       the request line as it was sent
- `chunks`     where a chunked body ends, and what it has besides data
- `head`       the strict gate: a parsed head becomes a `Head` or a refusal
- `forwarded`  what trusted proxies say of the client
- `trace`      the trace that a request belongs to
- `origin`     where a request comes from, and what upstreams are told of it
- `outbound`   the head that goes to the upstream
- `answer`     the head that goes to the client
"""
