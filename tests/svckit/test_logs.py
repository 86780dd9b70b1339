"""Log lines: one JSON object each, ids from the context, libraries bridged, secrets masked."""

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from svckit import logs


@pytest.fixture(autouse=True)
def as_it_was() -> Iterator[None]:
    """Logging is the process's: each test leaves it as it was."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_a_line_is_json_with_the_ids_of_the_request(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("authsvc")
    structlog.contextvars.bind_contextvars(request_id="r-1", tenant_id="t-1")
    structlog.get_logger().info("key created", key_id="k-1")

    (line,) = lines(capsys)
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "key created",
        "key_id": "k-1",
        "level": "info",
        "process": "authsvc",
        "request_id": "r-1",
        "tenant_id": "t-1",
    }


def test_an_environment_that_is_set_stands_on_each_line(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("authsvc", environment="staging")
    structlog.get_logger().info("ours")
    logging.getLogger("grpc").warning("theirs")

    assert [line["environment"] for line in lines(capsys)] == ["staging", "staging"]


@pytest.mark.parametrize("name", ["uvicorn.error", "grpc", "asyncio"])
def test_lines_of_libraries_have_the_same_form(capsys: pytest.CaptureFixture[str], name: str) -> None:
    logs.configure("edge")
    structlog.contextvars.bind_contextvars(request_id="r-2")
    logging.getLogger(name).warning("slow %s", "callback")

    (line,) = lines(capsys)
    assert (line["event"], line["level"], line["process"], line["request_id"]) == (
        "slow callback",
        "warning",
        "edge",
        "r-2",
    )


def test_a_level_hides_what_is_below_it(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("edge", level="warning")
    structlog.get_logger().info("hidden")
    logging.getLogger("grpc").info("hidden")
    structlog.get_logger().warning("shown")

    assert [line["event"] for line in lines(capsys)] == ["shown"]


def test_a_trace_is_one_member_of_the_line(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("edge")
    try:
        raise ValueError("inside")
    except ValueError:
        structlog.get_logger().exception("failed")

    (line,) = lines(capsys)
    assert "ValueError: inside" in line["exception"]


@pytest.mark.parametrize("key", sorted(logs.MASKED))
def test_a_secret_under_its_usual_name_is_masked(capsys: pytest.CaptureFixture[str], key: str) -> None:
    logs.configure("edge")
    structlog.get_logger().info("x", **{key: "hunter2"})

    (line,) = lines(capsys)
    assert line[key] == "***"


def test_what_json_does_not_know_is_written_as_text(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("edge")
    structlog.get_logger().info("x", error=OSError("gone"))

    assert lines(capsys)[0]["error"] == "gone"


def test_people_get_text(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("edge", pretty=True)
    structlog.get_logger().info("key created", key_id="k-1")

    out = capsys.readouterr().out
    assert "key created" in out
    assert not out.startswith("{")


def test_the_web_server_is_heard_when_something_is_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("edge")
    logging.getLogger("uvicorn.error").info("Started server process [1]")
    logging.getLogger("uvicorn.error").warning("Invalid HTTP request received.")

    assert [line["event"] for line in lines(capsys)] == ["Invalid HTTP request received."]
