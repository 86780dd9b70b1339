"""Single values: what people may write, what the message then has, and how it is written back."""

from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from penstock.config.v1 import gateway_config_pb2 as pb

from configsvc.document.codecs import (
    Choice,
    Codec,
    Count,
    EntryTexts,
    Flag,
    Percent,
    RateMap,
    RateText,
    Size,
    Text,
    TextMap,
    Texts,
    Time,
    millis_of,
    text_of,
)
from configsvc.validate.findings import Findings

AUTH = Choice(pb.RouteAuth.DESCRIPTOR, "ROUTE_AUTH_")
A_MINUTE = Duration(seconds=60)


@pytest.mark.parametrize(
    ("codec", "field", "data", "message"),
    [
        (Text(), "url", "http://a", pb.Target(url="http://a")),
        (Texts(), "methods", ["GET", "PUT"], pb.Route(methods=["GET", "PUT"])),
        (TextMap(), "headers", {"x-a": "1", "x-b": "2"}, pb.Route(headers={"x-b": "2", "x-a": "1"})),
        (Flag(), "websocket", True, pb.Route(websocket=True)),
        (Count(), "weight", 1, pb.Target(weight=1)),
        (Count(), "weight", 2**32 - 1, pb.Target(weight=2**32 - 1)),
        (Percent(), "budget_percent", "1%", pb.Retries(budget_percent=1)),
        (Percent(), "budget_percent", "100%", pb.Retries(budget_percent=100)),
        (Percent(least=0), "panic_percent", "0%", pb.Balance(panic_percent=0)),
        (Percent(least=0), "panic_percent", "50%", pb.Balance(panic_percent=50)),
        (Size(), "max_body_bytes", "0B", pb.Route(max_body_bytes=0)),
        (Size(), "max_body_bytes", "10MiB", pb.Route(max_body_bytes=10 * 2**20)),
        (Time(), "open", "250ms", pb.Breaker(open=Duration(nanos=250_000_000))),
        (Time(), "open", "0s", pb.Breaker(open=Duration())),
        (Time(), "open", "36525d", pb.Breaker(open=Duration(seconds=36_525 * 86_400))),
        (RateText(), "anonymous", "5/min", pb.RouteLimit(anonymous=pb.Rate(requests=5, window=A_MINUTE))),
        (RateText(), "anonymous", "unlimited", pb.RouteLimit(anonymous=pb.Rate(unlimited=True))),
        (RateMap(), "tiers", {"pro": "unlimited"}, pb.Limits(tiers={"pro": pb.Rate(unlimited=True)})),
        (RateMap(), "tiers", {"pro": "5/min"}, pb.Limits(tiers={"pro": pb.Rate(requests=5, window=A_MINUTE)})),
        (AUTH, "auth", "optional", pb.Route(auth=pb.ROUTE_AUTH_OPTIONAL)),
        (
            EntryTexts(),
            "match",
            ["a", "b=1", "c=x=y", "d="],
            pb.DescriptorLimit(
                match=[
                    pb.DescriptorEntry(key="a"),
                    pb.DescriptorEntry(key="b", value="1"),
                    pb.DescriptorEntry(key="c", value="x=y"),
                    pb.DescriptorEntry(key="d", value=""),
                ]
            ),
        ),
    ],
)
def test_a_value_is_read_and_written_back(codec: Codec, field: str, data: Any, message: Message) -> None:
    findings, read = Findings(), type(message)()
    codec.read(data, read, field, findings)
    assert (read, findings.faults) == (message, [])
    assert codec.write(message, field) == data


def test_a_plain_number_is_a_size_in_bytes() -> None:
    findings, route = Findings(), pb.Route()
    Size().read(1024, route, "max_body_bytes", findings)
    assert (Size().write(route, "max_body_bytes"), findings.faults) == ("1KiB", [])


@pytest.mark.parametrize(
    ("codec", "field", "message"),
    [
        (Text(), "url", pb.Target()),
        (Texts(), "methods", pb.Route()),
        (TextMap(), "headers", pb.Route()),
        (Flag(), "websocket", pb.Route(websocket=False)),
        (Count(), "weight", pb.Target()),
        (Percent(), "budget_percent", pb.Retries()),
        (Size(), "max_body_bytes", pb.Route()),
        (Time(), "open", pb.Breaker()),
        (RateText(), "anonymous", pb.RouteLimit()),
        (RateMap(), "tiers", pb.Limits()),
        (EntryTexts(), "match", pb.DescriptorLimit()),
        (AUTH, "auth", pb.Route()),
    ],
    ids=lambda each: type(each).__name__ if not isinstance(each, str) else each,
)
def test_what_is_not_set_is_not_written(codec: Codec, field: str, message: Message) -> None:
    assert codec.write(message, field) is None


@pytest.mark.parametrize(
    ("codec", "field", "data", "paths"),
    [
        (Text(), "name", 1, [""]),
        (Text(), "name", None, [""]),
        (Text(), "name", "\ud800", [""]),
        (Texts(), "methods", "GET", [""]),
        (Texts(), "methods", ["GET", 1, None], ["[1]", "[2]"]),
        (TextMap(), "headers", ["x-a"], [""]),
        (TextMap(), "headers", {"x-a": 1}, ["x-a"]),
        (TextMap(), "headers", {"\ud800": "1"}, ["\ud800"]),
        (Flag(), "websocket", "true", [""]),
        (Flag(), "websocket", 1, [""]),
        (Size(), "max_body_bytes", -1, [""]),
        (Size(), "max_body_bytes", True, [""]),
        (Size(), "max_body_bytes", "10MB", [""]),
        (Size(), "max_body_bytes", 2**53, [""]),
        (AUTH, "auth", "REQUIRED", [""]),
        (AUTH, "auth", "unspecified", [""]),
        (AUTH, "auth", ["none"], [""]),
    ],
)
def test_what_is_no_value_is_a_fault_at_its_place(codec: Codec, field: str, data: Any, paths: list[str]) -> None:
    findings = Findings()
    codec.read(data, pb.Route(), field, findings)
    assert [fault.dotted for fault in findings.faults] == paths


@pytest.mark.parametrize(("data", "paths"), [("a", [""]), ({"a": "1"}, [""]), (["a", 1, None], ["[1]", "[2]"])])
def test_entries_are_texts_that_keep_their_places(data: Any, paths: list[str]) -> None:
    findings, limit = Findings(), pb.DescriptorLimit()
    EntryTexts().read(data, limit, "match", findings)
    assert [fault.dotted for fault in findings.faults] == paths
    assert len(limit.match) == (len(data) if isinstance(data, list) else 0)


@pytest.mark.parametrize("data", [0, -1, 2**32, True, 1.0, "1", None])
def test_a_count_is_a_whole_number_from_1(data: Any) -> None:
    findings, target = Findings(), pb.Target()
    Count().read(data, target, "weight", findings)
    assert (len(findings.faults), target.weight) == (1, 0)


@pytest.mark.parametrize("data", ["0%", "101%", "20", 20, "-1%", None])
def test_a_share_is_1_to_100_percent(data: Any) -> None:
    findings = Findings()
    Percent().read(data, pb.Retries(), "budget_percent", findings)
    assert len(findings.faults) == 1


@pytest.mark.parametrize("data", ["10", 10, None, "", "36526d", "-1s"])
def test_a_time_is_a_duration_of_a_hundred_years_at_most(data: Any) -> None:
    findings, breaker = Findings(), pb.Breaker()
    Time().read(data, breaker, "open", findings)
    assert (len(findings.faults), breaker.HasField("open")) == (1, False)


@pytest.mark.parametrize("data", ["5", 5, None, "0/min", "1000001/min", "5/36526d", "5/2", "Unlimited"])
def test_a_rate_allows_up_to_a_million_requests_in_a_time(data: Any) -> None:
    one, many = Findings(), Findings()
    RateText().read(data, pb.RouteLimit(), "anonymous", one)
    RateMap().read({"pro": data}, pb.Limits(), "tiers", many)
    assert [fault.dotted for fault in one.faults] == [""]
    assert [fault.dotted for fault in many.faults] == ["pro"]


@pytest.mark.parametrize(("data", "path"), [(["5/min"], ""), ({1: "5/min"}, "[1]"), ({"\ud800": "5/min"}, "\ud800")])
def test_rates_stand_by_name(data: Any, path: str) -> None:
    findings, limits = Findings(), pb.Limits()
    RateMap().read(data, limits, "tiers", findings)
    assert [fault.dotted for fault in findings.faults] == [path]
    assert not limits.tiers


def test_a_choice_knows_its_names_but_for_the_unspecified() -> None:
    assert AUTH.names() == {"required": 1, "optional": 2, "none": 3}
    findings = Findings()
    AUTH.read("never", pb.Route(), "auth", findings)
    assert findings.faults[0].message == "must be one of required, optional, none"


def test_a_text_that_is_unquoted_is_told_to_be_quoted() -> None:
    findings = Findings()
    assert text_of("a", findings) == "a"
    assert text_of(12, findings) is None
    assert [fault.message for fault in findings.faults] == ["must be a text (quote it)"]


def test_a_duration_counts_whole_milliseconds() -> None:
    assert millis_of(Duration(seconds=2, nanos=1_999_999)) == 2_001
