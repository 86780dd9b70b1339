"""A transport of memory: what is written goes to a callable, what is to be received is handed in."""

import asyncio
from collections.abc import Callable


class Memory(asyncio.Transport):
    """A transport that calls `take` with what is written and `end` when it is closed. `moved` grows with every
    movement."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        take: Callable[[bytes], object],
        end: Callable[[], object],
        moved: list[None],
    ) -> None:
        super().__init__({"peername": ("127.0.0.1", 4)})
        self._loop = loop
        self._take = take
        self._end = end
        self._moved = moved
        self.protocol: asyncio.Protocol
        self.reading = True
        self.closed = False
        self.waiting: list[bytes] = []

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self._moved.append(None)
        if not self.closed:
            self._take(bytes(data))

    def deliver(self, data: bytes) -> None:
        """Lets the protocol receive octets, once it reads."""
        if self.closed:
            return
        if self.reading:
            self.protocol.data_received(data)
        else:
            self.waiting.append(data)

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True
        waiting, self.waiting = self.waiting, []
        for data in waiting:
            self._loop.call_soon(self.deliver, data)

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            self._end()
            self._moved.append(None)
            self._loop.call_soon(self.protocol.connection_lost, None)

    def abort(self) -> None:
        self.close()

    def is_closing(self) -> bool:
        return self.closed

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        pass

    def get_write_buffer_size(self) -> int:
        return 0
