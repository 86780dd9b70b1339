"""A failure of an endpoint is a problem with no word of its cause; one in the middle of an answer is passed on."""

from collections.abc import MutableMapping
from typing import Any

import orjson
import pytest
from starlette.types import Receive, Scope, Send
from structlog.testing import capture_logs

from edge.builtin.rim import Rim

SCOPE = {"type": "http", "method": "GET", "path": "/x", "headers": [], "state": {"request_id": "r-1"}}


async def served(app: Any) -> list[MutableMapping[str, Any]]:
    sent: list[MutableMapping[str, Any]] = []

    async def receive() -> MutableMapping[str, Any]:
        raise AssertionError("nobody asks for a body")

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    await Rim(app)(dict(SCOPE), receive, send)
    return sent


async def test_a_failure_is_a_problem_and_its_cause_stands_in_the_log_alone() -> None:
    async def failing(_scope: Scope, _receive: Receive, _send: Send) -> None:
        raise RuntimeError("hush")

    with capture_logs() as lines:
        start, body = await served(failing)
    document = orjson.loads(body["body"])
    assert (start["status"], document["code"], document["request_id"]) == (500, "INTERNAL", "r-1")
    assert b"hush" not in body["body"]
    assert (lines[0]["log_level"], lines[0]["exc_info"], lines[0]["request_id"]) == ("error", True, "r-1")


async def test_a_failure_in_the_middle_of_an_answer_is_passed_on() -> None:
    async def failing(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise RuntimeError("hush")

    with pytest.raises(RuntimeError):
        await served(failing)


async def test_a_field_that_an_answer_brings_itself_stands_once() -> None:
    async def answering(_scope: Scope, _receive: Receive, send: Send) -> None:
        own = [(b"cache-control", b"max-age=1")]
        await send({"type": "http.response.start", "status": 200, "headers": own})

    (start,) = await served(answering)
    fields = dict(start["headers"])
    assert len(fields) == len(start["headers"])
    assert fields[b"cache-control"] == b"max-age=1"
    assert fields[b"x-content-type-options"] == b"nosniff"
