"""Octets with something wrong in them, made of the cases from a seed: the same seed gives the same octets."""

from collections.abc import Callable, Iterator
from random import Random

from tests.edge.wire.catalogue import CASES

SEED_BYTES = 1_500
"""Longer cases are no seeds: a mutation in a long run of one letter says nothing."""
SEEDS = tuple(case.octets for case in CASES if 0 < len(case.octets) <= SEED_BYTES)
HOSTILE = (
    b"\r",
    b"\n",
    b"\r\n",
    b"\r\n\r\n",
    b"\x00",
    b" ",
    b"\t",
    b"\x0b",
    b"\x0c",
    b"\x7f",
    b"\x85",
    b"\xa0",
    b"\xff",
)
SIGNS = tuple(bytes((octet,)) for octet in b":;,.%/\\?#@\"'-+_=0159afxX")
PHRASES = (
    b"Transfer-Encoding: chunked\r\n",
    b"Transfer-Encoding: identity\r\n",
    b"Content-Length: 5\r\n",
    b"Content-Length: 0\r\n",
    b"Host: b\r\n",
    b"Connection: close\r\n",
    b"Connection: Upgrade\r\nUpgrade: h2c\r\n",
    b"Expect: 100-continue\r\n",
    b"X-User-ID: admin\r\n",
    b"x_tenant_id: a\r\n",
    b" HTTP/1.1\r\n",
    b" HTTP/1.0\r\n",
    b"http://b",
    b"0\r\n\r\n",
    b"5\r\nhello\r\n",
    b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
    b"/../",
    b"%2e%2e",
    b"%2f",
)
MOST_CHANGES = 4


def mutants(seed: int, count: int) -> Iterator[bytes]:
    """So many mutants of this seed."""
    random = Random(seed)  # noqa: S311 – must be foreseeable
    for _ in range(count):
        octets = random.choice(SEEDS)
        for _ in range(random.randint(1, MOST_CHANGES)):
            octets = random.choice(CHANGES)(octets, random)
        yield octets


def pieces(octets: bytes, random: Random) -> list[bytes]:
    """The octets in one to four pieces."""
    cuts = sorted(random.randint(0, len(octets)) for _ in range(random.randint(0, 3)))
    return [octets[start:end] for start, end in zip([0, *cuts], [*cuts, len(octets)], strict=True)]


def _flip(octets: bytes, random: Random) -> bytes:
    """Changes one bit."""
    if not octets:
        return octets
    at = random.randrange(len(octets))
    return octets[:at] + bytes((octets[at] ^ 1 << random.randrange(8),)) + octets[at + 1 :]


def _insert(octets: bytes, random: Random) -> bytes:
    """Puts something hostile somewhere."""
    at = random.randint(0, len(octets))
    return octets[:at] + random.choice(random.choice((HOSTILE, HOSTILE, SIGNS, PHRASES))) + octets[at:]


def _replace(octets: bytes, random: Random) -> bytes:
    """Puts something hostile in the place of an octet."""
    at = random.randint(0, len(octets))
    return octets[:at] + random.choice(random.choice((HOSTILE, SIGNS))) + octets[at + 1 :]


def _delete(octets: bytes, random: Random) -> bytes:
    """Leaves out a few octets."""
    at = random.randint(0, len(octets))
    return octets[:at] + octets[at + random.choice((1, 1, 1, 2, 4, 8)) :]


def _double_line(octets: bytes, random: Random) -> bytes:
    """Repeats a line, or puts it elsewhere as well."""
    lines = octets.split(b"\r\n")
    lines.insert(random.randint(0, len(lines)), random.choice(lines))
    return b"\r\n".join(lines)


def _drop_line(octets: bytes, random: Random) -> bytes:
    """Leaves out a line."""
    lines = octets.split(b"\r\n")
    del lines[random.randrange(len(lines))]
    return b"\r\n".join(lines)


def _insert_line(octets: bytes, random: Random) -> bytes:
    """Puts a whole phrase between two lines."""
    lines = octets.split(b"\r\n")
    lines.insert(random.randint(0, len(lines)), random.choice(PHRASES).removesuffix(b"\r\n"))
    return b"\r\n".join(lines)


def _swap_case(octets: bytes, random: Random) -> bytes:
    """Changes the case of some letters."""
    at = random.randint(0, len(octets))
    end = at + random.randint(1, 16)
    return octets[:at] + octets[at:end].swapcase() + octets[end:]


def _splice(octets: bytes, random: Random) -> bytes:
    """Goes on as another case does."""
    other = random.choice(SEEDS)
    return octets[: random.randint(0, len(octets))] + other[random.randint(0, len(other)) :]


def _join(octets: bytes, random: Random) -> bytes:
    """Puts another case behind, or before."""
    other = random.choice(SEEDS)
    return octets + other if random.random() < 0.5 else other + octets


def _repeat(octets: bytes, random: Random) -> bytes:
    """Says all of it once more, with or without a small change: the edge remembers the head before."""
    return octets + random.choice((_flip, _insert, _delete, _swap_case, _drop_line))(octets, random)


CHANGES: tuple[Callable[[bytes, Random], bytes], ...] = (
    _flip,
    _insert,
    _insert,
    _replace,
    _delete,
    _double_line,
    _drop_line,
    _insert_line,
    _swap_case,
    _splice,
    _join,
    _repeat,
)
