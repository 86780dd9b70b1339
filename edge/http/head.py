"""The strict gate: what httptools accepted becomes a `Head` that can be read in one way only, or a refusal.

Holds what the parser leaves lenient about target and Host (RFC 9112 §3.2); `line` does the same for the rest of the
request line, `block` for the fields. After a refusal here the connection is closed: its framing cannot be trusted.
"""

from dataclasses import dataclass

from domain.hosts import host_name
from edge.http.block import FieldBlock
from edge.http.line import METHODS
from edge.http.path import canonical_path
from edge.problems import Refusal, bad_request


@dataclass(slots=True)
class Head:
    """A request head that can be read in one way only.

    `path` is canonical or None when it is ambiguous; `query` includes its `?`; `host` is lower-case without port;
    `read` are the block's fields that the edge reads itself.
    """

    method: str
    raw_path: bytes
    path: str | None
    query: bytes
    host: str
    authority: bytes
    block: FieldBlock
    read: dict[bytes, bytes]

    @property
    def lenient_path(self) -> str | None:
        """The canonical path for routes that take encoded slashes, or None when it is ambiguous even so."""
        return canonical_path(self.raw_path, allow_encoded_slashes=True)

    @property
    def has_body(self) -> bool:
        """Whether octets of a body follow the head."""
        return self.block.chunked or self.block.content_length > 0

    @property
    def expects_continue(self) -> bool:
        """Whether the client waits for `100 Continue` before it sends the body."""
        return b"expect" in self.read and self.has_body and self.block.http_11


def read_head(method: bytes, target: bytes, block: FieldBlock | Refusal) -> Head | Refusal:
    """Judges a request line and its fields. `target` is the request target as sent."""
    if isinstance(block, Refusal):
        return block
    placed = _place(target, block.read.get(b"host"), block.http_11)
    if isinstance(placed, Refusal):
        return placed
    host, authority, raw_path, query = placed
    name = METHODS[method]
    return Head(name, raw_path, canonical_path(raw_path), query, host, authority, block, block.read)


def _place(target: bytes, host: bytes | None, http_11: bool) -> tuple[str, bytes, bytes, bytes] | Refusal:
    """Host, authority, path and query of the request target (RFC 9112 §3.2)."""
    if host is None and http_11:
        return bad_request("Host is missing")
    authority = host
    if not target.startswith(b"/"):
        scheme, separator, rest = target.partition(b"://")
        if not separator or scheme.lower() not in (b"http", b"https"):
            return bad_request("request target is neither a path nor an absolute URL")
        named, slash, tail = rest.partition(b"/")
        authority, target = named, b"/" + tail if slash else b"/"
        if host is not None and host.lower() != authority.lower():
            return bad_request("Host differs from the request target")
    if authority is None:
        authority = b""
    name = "" if not authority and not http_11 else host_name(authority)
    if name is None:
        return bad_request("Host is not valid")
    if b"#" in target:
        return bad_request("request target has a fragment")
    path, mark, query = target.partition(b"?")
    return name, authority, path, mark + query
