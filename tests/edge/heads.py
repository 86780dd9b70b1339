"""Request heads for tests, read by the strict gate itself."""

from edge.http.block import FieldBlock, read_block
from edge.http.head import Head, read_head

Field = tuple[bytes, bytes]
HOST: Field = (b"Host", b"api.example.com")


def block_of(*fields: Field, version: str = "1.1") -> FieldBlock:
    """The judged fields of a request that is let in."""
    block = read_block(version, fields, field_count=100)
    assert isinstance(block, FieldBlock), block
    return block


def head_of(*fields: Field, method: bytes = b"GET", target: bytes = b"/a", version: str = "1.1") -> Head:
    """The head of a request that is let in; for api.example.com unless the fields name a host."""
    named = fields if any(name.lower() == b"host" for name, _ in fields) else (HOST, *fields)
    head = read_head(method, target, block_of(*named, version=version))
    assert isinstance(head, Head), head
    return head
