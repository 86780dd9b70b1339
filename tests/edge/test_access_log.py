"""Lines are gathered, whole and in order, and written many at a time."""

import orjson
import pytest

from edge.access_log import FLUSH_BYTES, AccessLog


def test_a_line_has_its_members_and_those_of_every_log() -> None:
    written: list[bytes] = []
    log = AccessLog("edge-0", written.append)
    log.line(1_700_000_000.25, {"event": "request", "path": "/é\n"})
    log.flush()
    (octets,) = written
    assert octets.endswith(b"\n")
    assert octets.count(b"\n") == 1
    assert orjson.loads(octets) == {
        "event": "request",
        "path": "/é\n",
        "level": "info",
        "timestamp": "2023-11-14T22:13:20.250000Z",
        "process": "edge-0",
    }


def test_an_environment_that_is_set_stands_on_each_line() -> None:
    written: list[bytes] = []
    log = AccessLog("edge", written.append, environment="staging")
    log.line(1_700_000_000.25, {"event": "request"})
    log.flush()
    assert orjson.loads(written[0])["environment"] == "staging"


@pytest.mark.parametrize(
    ("ended_time", "timestamp"),
    [
        pytest.param(1_700_000_000.0, "2023-11-14T22:13:20.000000Z", id="a whole second"),
        pytest.param(1_700_000_000 + 2**-10, "2023-11-14T22:13:20.000976Z", id="a part of a millisecond"),
        pytest.param(1_700_000_001.5, "2023-11-14T22:13:21.500000Z", id="the next second"),
        pytest.param(0.0, "1970-01-01T00:00:00.000000Z", id="the epoch"),
    ],
)
def test_a_timestamp_is_exact_after_any_other(ended_time: float, timestamp: str) -> None:
    written: list[bytes] = []
    log = AccessLog("edge-0", written.append)
    log.line(1_700_000_000.75, {})
    log.line(ended_time, {})
    log.flush()
    assert orjson.loads(written[0].splitlines()[1])["timestamp"] == timestamp


def test_lines_are_written_together_and_once() -> None:
    written: list[bytes] = []
    log = AccessLog("edge-0", written.append)
    for number in range(3):
        log.line(1.0, {"number": number})
    assert written == []
    log.flush()
    log.flush()
    assert [orjson.loads(line)["number"] for line in b"".join(written).splitlines()] == [0, 1, 2]
    assert len(written) == 1


def test_a_full_buffer_is_written_at_once() -> None:
    written: list[bytes] = []
    log = AccessLog("edge-0", written.append)
    while not written:
        log.line(1.0, {"path": "x" * 1000})
    assert FLUSH_BYTES <= len(written[0]) < FLUSH_BYTES + 2000
    log.line(1.0, {})
    assert len(written) == 1


def test_people_get_one_line_of_text_without_what_is_empty() -> None:
    written: list[bytes] = []
    log = AccessLog("edge-0", written.append, pretty=True)
    log.line(1_700_000_000.25, {"event": "request", "path": "/demo/hello", "status": 200, "code": ""})
    log.flush()
    (text,) = (octets.decode() for octets in written)
    assert text.startswith("2023-11-14T22:13:20.250000Z [info     ] request")
    assert "path=/demo/hello" in text
    assert "code" not in text
    assert text.count("\n") == 1
