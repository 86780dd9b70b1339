"""Asks authsvc about credentials: in batches over one stream, each credential once at a time.

What is asked while a message is under way goes into the next one, so batches grow as load does, and as far as they are
answered in good time: a look-up in one tenant's schema costs little beside another one in it, and fifty times as much
where each is in another. A broken stream is opened again and unanswered questions are asked again; while authsvc is
away they fail at once.
"""

import asyncio
import random
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import grpc
import structlog
from penstock.auth.v1 import auth_service_pb2 as pb

from edge.auth import wire
from edge.auth.comeback import Comeback
from edge.auth.fences import Ticket
from edge.auth.memory import Answer
from edge.principal import Credential
from svckit.backoff import delays
from svckit.channels import open_stream
from svckit.side_by_side import until_one_ends

if TYPE_CHECKING:  # a name of the generated stub file only
    from penstock.auth.v1.auth_service_pb2_grpc import AuthServiceAsyncStub

MAX_BATCH: Final = 128
MIN_BATCH: Final = 4
MAX_MESSAGES_IN_FLIGHT: Final = 4
# A look-up takes about 1 ms; a request is not held up longer than this by an authsvc that does not answer.
TIMEOUT_SECONDS: Final = 1.0
_BACKOFF_SCALE: Final = 0.1
log = structlog.get_logger()


def fitting(size: int, took: float, patience: float) -> int:
    """How many credentials a message may carry, after one of `size` at most was answered in `took` of the `patience`
    (seconds) that its askers have. Else a store that is slow for once answers none in time, over and over."""
    if took > patience / 4:
        return max(MIN_BATCH, size // 2)
    return min(MAX_BATCH, size * 2) if took < patience / 16 else size


class AuthUnavailable(Exception):
    """Nothing can be said about the credential: authsvc did not answer."""


@dataclass(eq=False, slots=True)
class _Question:
    """One credential under way; several requests may wait for it. The answer None means that there is none."""

    digest: bytes
    request: pb.AuthenticateRequest
    ticket: Ticket
    asked_at: float
    answer: "asyncio.Future[Answer | None]"


class Lookups:
    """The stream to authsvc of one worker. `ticket` is drawn when a question is first asked."""

    def __init__(
        self,
        stub: "AuthServiceAsyncStub",
        ticket: Callable[[], Ticket],
        comeback: Comeback,
        steady: Callable[[], float],
        timeout_seconds: float = TIMEOUT_SECONDS,
    ) -> None:
        self._stub = stub
        self._ticket = ticket
        self._comeback = comeback
        self._steady = steady
        self._timeout = timeout_seconds
        self._questions: dict[bytes, _Question] = {}
        self._unsent: deque[_Question] = deque()
        self._work = asyncio.Event()
        self._batch = MAX_BATCH
        self.away = False
        """Whether the last attempt to reach authsvc failed. Read-only outside."""

    async def ask(self, digest: bytes, credential: Credential) -> Answer:
        """What authsvc says; joins a question about the same credential. Raises AuthUnavailable."""
        question = self._questions.get(digest)
        if question is None:
            if self.away:
                raise AuthUnavailable
            question = self._begin(digest, credential)
        try:
            async with asyncio.timeout(self._timeout):
                answer = await asyncio.shield(question.answer)
        except TimeoutError:
            raise AuthUnavailable from None
        if answer is None:
            raise AuthUnavailable
        return answer

    async def run(self) -> None:
        """Keeps the stream until cancelled."""
        waits = _new_waits()
        while True:
            try:
                async with open_stream(self._stub.StreamAuthenticate()) as call:
                    async with asyncio.timeout(self._timeout):
                        await call.wait_for_connection()
                    if self.away:
                        self._comeback.announce()
                    self.away = False
                    if await self._exchange(_Stream(call, self._timeout)):
                        waits = _new_waits()
            except (grpc.aio.AioRpcError, TimeoutError) as error:
                if not self.away:
                    log.warning("authsvc is away", error=_told(error))
                self.away = True
                self._fail(list(self._questions.values()))
            await self._comeback.wait(next(waits))

    async def _exchange(self, stream: "_Stream") -> bool:
        """Sends and receives until the stream ends, however it does; then asks again what is unanswered.

        Tells whether anything was answered.
        """
        try:
            await until_one_ends(self._send(stream), self._receive(stream))
        except (_StreamEndedError, grpc.aio.AioRpcError, asyncio.InvalidStateError, TimeoutError) as error:
            if isinstance(error, TimeoutError):
                self._batch = fitting(self._batch, self._timeout, self._timeout)
            log.info("stream to authsvc ended", error=_told(error))
        self._ask_again([question for batch in stream.unanswered.values() for question in batch])
        return stream.answered

    async def _send(self, stream: "_Stream") -> None:
        while True:
            await self._work.wait()
            await stream.slots.acquire()
            batch = [self._unsent.popleft() for _ in range(min(self._batch, len(self._unsent)))]
            if not self._unsent:
                self._work.clear()
            await stream.write(batch)

    async def _receive(self, stream: "_Stream") -> None:
        while True:
            batch, response, took = await stream.read()
            self._batch = fitting(self._batch, took, self._timeout)
            if response.unavailable or len(response.responses) != len(batch):
                self._fail(batch)
                continue
            for question, each in zip(batch, response.responses, strict=True):
                outcome = wire.outcome(each)
                answer = None if outcome is None else Answer(outcome, each.revision, question.ticket, question.asked_at)
                self._settle(question, answer)

    def _begin(self, digest: bytes, credential: Credential) -> _Question:
        answer: asyncio.Future[Answer | None] = asyncio.get_running_loop().create_future()
        question = _Question(digest, wire.request(credential), self._ticket(), self._steady(), answer)
        self._questions[digest] = question
        self._unsent.append(question)
        self._work.set()
        return question

    def _settle(self, question: _Question, answer: Answer | None) -> None:
        del self._questions[question.digest]
        question.answer.set_result(answer)

    def _fail(self, questions: Sequence[_Question]) -> None:
        """Answers that there is no answer."""
        for question in questions:
            self._settle(question, None)
        self._unsent = deque(each for each in self._unsent if not each.answer.done())

    def _ask_again(self, questions: Sequence[_Question]) -> None:
        """Asks on the next stream, but for those whose askers have given up."""
        expired = [each for each in questions if self._steady() - each.asked_at >= self._timeout]
        self._fail(expired)
        self._unsent.extendleft(each for each in reversed(questions) if not each.answer.done())
        if self._unsent:
            self._work.set()


class _Stream:
    """One open stream: which messages are unanswered, and since when it is silent about them."""

    def __init__(self, call: Any, silence_seconds: float) -> None:
        self._call = call
        self._silence = silence_seconds
        self._reading: asyncio.Timeout | None = None
        self._last_id = 0
        self.slots = asyncio.Semaphore(MAX_MESSAGES_IN_FLIGHT)
        self.unanswered: dict[int, list[_Question]] = {}
        self._sent_at: dict[int, float] = {}
        self.answered = False

    async def write(self, batch: list[_Question]) -> None:
        """Sends one message."""
        self._last_id += 1
        if not self.unanswered and self._reading is not None:
            self._reading.reschedule(asyncio.get_running_loop().time() + self._silence)
        self.unanswered[self._last_id] = batch
        self._sent_at[self._last_id] = asyncio.get_running_loop().time()
        requests = [question.request for question in batch]
        await self._call.write(pb.StreamAuthenticateRequest(batch_id=self._last_id, requests=requests))

    async def read(self) -> tuple[list[_Question], pb.StreamAuthenticateResponse, float]:
        """The next answer with what it answers, and how long it took (seconds).

        Raises TimeoutError when the other side is silent, _StreamEndedError.
        """
        # Only silence about something is a fault: without questions the stream may be still for ever.
        late = asyncio.get_running_loop().time() + self._silence
        self._reading = asyncio.timeout_at(late if self.unanswered else None)
        try:
            async with self._reading:
                response = await self._call.read()
        finally:
            self._reading = None
        if response is grpc.aio.EOF or response.batch_id not in self.unanswered:
            raise _StreamEndedError
        self.slots.release()
        self.answered = True
        took = asyncio.get_running_loop().time() - self._sent_at.pop(response.batch_id)
        return self.unanswered.pop(response.batch_id), response, took


class _StreamEndedError(Exception):
    """The other side ended the stream, or broke its rules."""


def _new_waits() -> Iterator[float]:
    return delays(random.SystemRandom().random, scale=_BACKOFF_SCALE)


def _told(error: BaseException) -> str:
    return error.code().name if isinstance(error, grpc.aio.AioRpcError) else type(error).__name__
