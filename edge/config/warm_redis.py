"""The warm copy in Redis, hash `cfg:<scope>`: one sealed field per tenant, and `head`, written last.

A value is `revision (20 digits) | HMAC (32) | event`. A field is only ever replaced by a newer one, whoever writes.
`head` stands only over a whole copy: a writer that finds it gone or set back (a flush) writes everything again.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, cast

from redis.asyncio import Redis

from domain.tenants import parse_tenant_id
from edge.config.ledger import Copy
from edge.config.seal import MAC_BYTES, Seal
from edge.config.warm_copy import WarmCopy
from edge.config.warm_disk import copy_of_event

_HEAD_FIELD: Final = b"head"
_DIGITS: Final = 20
# One script call holds Redis for about a millisecond.
_BYTES_PER_CALL: Final = 512 * 1024
# KEYS: the hash. ARGV: the least head that the hash must have, the new head and its value (empty: not yet), then
# field, revision, value. Revisions are compared as digits of one length: Lua's numbers end at 2^53.
_SCRIPT: Final = """
local held = redis.call('HGET', KEYS[1], 'head')
local current = held and string.sub(held, 1, 20) or string.rep('0', 20)
if current < ARGV[1] then return 0 end
for i = 4, #ARGV, 3 do
  local old = redis.call('HGET', KEYS[1], ARGV[i])
  if not old or string.sub(old, 1, 20) < ARGV[i + 1] then
    redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 2])
  end
end
if ARGV[3] ~= '' and current < ARGV[2] then redis.call('HSET', KEYS[1], 'head', ARGV[3]) end
return 1
"""


class WarmRedis:
    """Reads and writes the copy of one scope. Raises redis-py's errors when Redis is out of reach."""

    def __init__(self, client: "Redis", scope: str, seal: Seal) -> None:
        self._client = client
        self._key = f"cfg:{scope}".encode()
        self._seal = seal
        self._script: Any = client.register_script(_SCRIPT)
        self._written = 0  # the head up to which this process knows the hash to be whole; 0: it does not

    async def load(self) -> WarmCopy | None:
        """The copy, without the fields that are not ours; None when there is nothing."""
        found = cast(dict[bytes, bytes], await self._client.hgetall(self._key))  # no decoding client is given
        head = self._opened(_HEAD_FIELD, found.pop(_HEAD_FIELD, b""))
        copies = [self._copy(field, value) for field, value in found.items()]
        good = tuple(copy for copy in copies if copy is not None)
        if not good:
            return None
        complete = head is not None and len(good) == len(copies)
        return WarmCopy(head[0] if head is not None and complete else 0, good)

    async def save(self, head: int, changed: Sequence[Copy], everything: Iterable[Copy]) -> None:
        """Writes the changed tenants; everything on the first call and after the hash was lost."""
        if not self._written or not await self._write(self._written, head, changed):
            await self._write(0, head, everything)
        self._written = head

    async def _write(self, base: int, head: int, copies: Iterable[Copy]) -> bool:
        """False when the hash does not reach up to `base`."""
        calls = list(_portions(copies))
        for index, portion in enumerate(calls):
            last = index == len(calls) - 1
            values = [
                part
                for copy in portion
                for part in (copy.tenant, _digits(copy.revision), self._closed(copy.tenant.encode(), copy))
            ]
            head_value = self._sealed(_HEAD_FIELD, head, b"") if last else b""
            if not await self._script(keys=[self._key], args=[_digits(base), _digits(head), head_value, *values]):
                return False
        return True

    def _copy(self, field: bytes, value: bytes) -> Copy | None:
        opened = self._opened(field, value)
        tenant = parse_tenant_id(field.decode("utf-8", "replace"))
        if opened is None or tenant is None:
            return None
        copy = copy_of_event(opened[1])
        return copy if copy is not None and (copy.tenant, copy.revision) == (tenant, opened[0]) else None

    def _closed(self, field: bytes, copy: Copy) -> bytes:
        return self._sealed(field, copy.revision, copy.event)

    def _sealed(self, field: bytes, revision: int, event: bytes) -> bytes:
        digits = _digits(revision)
        return digits + self._seal.mac(self._key, field, digits, event) + event

    def _opened(self, field: bytes, value: bytes) -> tuple[int, bytes] | None:
        """Revision and event of a value that was sealed for this field of this hash."""
        digits, mac, event = value[:_DIGITS], value[_DIGITS : _DIGITS + MAC_BYTES], value[_DIGITS + MAC_BYTES :]
        return (int(digits), event) if self._seal.holds(mac, self._key, field, digits, event) else None


def _digits(revision: int) -> bytes:
    return b"%020d" % revision


def _portions(copies: Iterable[Copy]) -> Iterator[list[Copy]]:
    """At least one portion, so that the head is written even over nothing new."""
    portion: list[Copy] = []
    size = 0
    for copy in copies:
        if portion and size + len(copy.event) > _BYTES_PER_CALL:
            yield portion
            portion, size = [], 0
        portion.append(copy)
        size += len(copy.event)
    yield portion
