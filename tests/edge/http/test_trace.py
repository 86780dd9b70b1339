"""W3C Trace Context: what is valid goes on as it came, whatever else is replaced, and the state goes with its trace."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.http.trace import Trace, continued, started
from edge.sampling import ALL, Share
from svckit.ids import uuid7

ID, PARENT = b"4bf92f3577b34da6a3ce929d0e0e4736", b"00f067aa0ba902b7"
VALID = b"00-%b-%b-01" % (ID, PARENT)
OCTETS = bytes.fromhex(ID.decode())


@pytest.mark.parametrize(
    ("parent", "passed_on"),
    [
        pytest.param(VALID, VALID, id="sampled"),
        pytest.param(b"00-%b-%b-00" % (ID, PARENT), b"00-%b-%b-00" % (ID, PARENT), id="not sampled"),
        pytest.param(b"00-%b-%b-ff" % (ID, PARENT), b"00-%b-%b-ff" % (ID, PARENT), id="flags of a later level"),
        pytest.param(b"01-%b-%b-03" % (ID, PARENT), VALID, id="a later version in the form of ours"),
        pytest.param(b"cc-%b-%b-08-what else" % (ID, PARENT), b"00-%b-%b-00" % (ID, PARENT), id="a much later one"),
    ],
)
def test_a_valid_trace_goes_on(parent: bytes, passed_on: bytes) -> None:
    assert continued({b"traceparent": parent}) == Trace(OCTETS, b"traceparent: %b\r\n" % passed_on)


@pytest.mark.parametrize(
    "parent",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"ff-%b-%b-01" % (ID, PARENT), id="the version that is none"),
        pytest.param(b"0-%b-%b-01" % (ID, PARENT), id="a short version"),
        pytest.param(b"0X-%b-%b-01" % (ID, PARENT), id="a version that is no number"),
        pytest.param(VALID + b"-x", id="more than version 00 has"),
        pytest.param(VALID + b"x", id="longer flags"),
        pytest.param(b"01-%b-%b-01x" % (ID, PARENT), id="longer flags of a later version"),
        pytest.param(b"00-%b-%b-01" % (b"0" * 32, PARENT), id="a trace of zeros"),
        pytest.param(b"00-%b-%b-01" % (ID, b"0" * 16), id="a parent of zeros"),
        pytest.param(b"00-%b-%b-01" % (ID.upper(), PARENT), id="upper case"),
        pytest.param(b"00-%b-%b-01" % (ID[1:], PARENT), id="a short trace"),
        pytest.param(b"00-%b-%b-01" % (ID, PARENT[1:]), id="a short parent"),
        pytest.param(b"00-%b-%b-1" % (ID, PARENT), id="short flags"),
        pytest.param(b"00-%b-%b" % (ID, PARENT), id="no flags"),
        pytest.param(b" " + VALID, id="a blank before it"),
        pytest.param(VALID + b"\n", id="a newline after it"),
        pytest.param(VALID.replace(b"-", b"_"), id="other separators"),
        pytest.param(VALID + b", " + VALID, id="two traces"),
    ],
)
def test_any_other_ends_here_with_its_state(parent: bytes) -> None:
    assert continued({b"traceparent": parent, b"tracestate": b"a=1"}) is None


def test_a_state_without_a_trace_is_no_trace() -> None:
    assert continued({b"tracestate": b"a=1"}) is None


MEMBERS = b",".join(b"k%d=v" % number for number in range(32))


@pytest.mark.parametrize(
    ("state", "goes_on"),
    [
        pytest.param(b"rojo=00f067aa0ba902b7,congo=t61rcWkgMzE", True, id="two members"),
        pytest.param(b"a=1 ,\tb=2", True, id="blanks around the comma"),
        pytest.param(b"a=1,,b=2,", True, id="empty members"),
        pytest.param(b"tenant@system=v", True, id="a key of a tenant"),
        pytest.param(b"0a_-*/=v", True, id="every character of a key"),
        pytest.param(b"a=x y!~", True, id="a value with a blank"),
        pytest.param(b"a=" + b"v" * 256, True, id="the longest value"),
        pytest.param(MEMBERS, True, id="the most members"),
        pytest.param(MEMBERS + b",z=v", False, id="one more"),
        pytest.param(b"a=v," * 3000, False, id="thousands"),
        pytest.param(b"a=" + b"v" * 257, False, id="a longer value"),
        pytest.param(b"k" * 257 + b"=v", False, id="a longer key"),
        pytest.param(b"a=1,a=2", False, id="a key twice"),
        pytest.param(b"A=1", False, id="a key in upper case"),
        pytest.param(b"a", False, id="no value"),
        pytest.param(b"a=", False, id="an empty value"),
        pytest.param(b"=1", False, id="no key"),
        pytest.param(b"a=b=c", False, id="a sign within the value"),
        pytest.param(b"a b=c", False, id="a blank within the key"),
        pytest.param(b"a=\xff", False, id="an octet beyond ASCII"),
        pytest.param(b"a=1\x0b", False, id="a control character"),
        pytest.param(b",,", False, id="nothing but commas"),
        pytest.param(b"", False, id="nothing"),
    ],
)
def test_a_state_goes_on_when_it_is_valid_and_never_stops_its_trace(state: bytes, goes_on: bool) -> None:
    lines = b"traceparent: %b\r\n" % VALID + (b"tracestate: %b\r\n" % state if goes_on else b"")
    assert continued({b"traceparent": VALID, b"tracestate": state}) == Trace(OCTETS, lines)


@pytest.mark.parametrize(("share", "flags"), [(ALL, "01"), (Share(0.0), "00")], ids=["sampled", "not sampled"])
def test_a_trace_that_starts_here_is_valid_and_has_the_records_id(share: Share, flags: str) -> None:
    record_id = uuid7()
    line = started(record_id.bytes, share)
    name, _, value = line.partition(b": ")
    assert (name, value[-4:]) == (b"traceparent", flags.encode() + b"\r\n")
    assert continued({b"traceparent": value.removesuffix(b"\r\n")}) == Trace(record_id.bytes, line)


@given(st.uuids(version=4).map(lambda each: UUID(int=each.int & ~(0xF << 76) | 7 << 76)))
def test_a_trace_of_any_record_can_go_on(record_id: UUID) -> None:
    line = started(record_id.bytes, ALL)
    assert continued({b"traceparent": line[len(b"traceparent: ") : -2]}) == Trace(record_id.bytes, line)


@given(st.binary(max_size=70), st.binary(max_size=70))
def test_no_fields_are_too_strange_to_be_read(parent: bytes, state: bytes) -> None:
    trace = continued({b"traceparent": parent, b"tracestate": state})
    assert trace is None or len(trace.id) == 16
