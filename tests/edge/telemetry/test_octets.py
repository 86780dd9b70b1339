"""What is written by hand is what protobuf would write, for all that a request can have."""

from hypothesis import given
from hypothesis import strategies as st
from penstock.telemetry.v1.record_pb2 import RequestRecord

from edge.telemetry.octets import own_octets, varint

ids = st.binary(min_size=16, max_size=16)
uint32 = st.integers(0, 2**32 - 1) | st.integers(0, 2**15)
uint63 = st.integers(0, 2**63 - 1) | st.integers(0, 2**15)
texts = st.text("abc/-", max_size=200)


@given(ids, ids, uint63, uint32, uint63, uint63, uint32, st.integers(0, 999), texts, texts)
def test_a_record_is_read_as_it_was_written(
    record_id: bytes,
    trace_id: bytes,
    start: int,
    duration: int,
    received: int,
    sent: int,
    upstream: int,
    status: int,
    request_id: str,
    path: str,
) -> None:
    octets = own_octets(
        record_id,
        trace_id,
        start,
        duration,
        received,
        sent,
        upstream,
        status,
        request_id.encode(),
        path.encode(),
    )
    shared = RequestRecord(route="r", method="GET")
    assert RequestRecord.FromString(shared.SerializeToString() + octets) == RequestRecord(
        id=record_id,
        trace_id=trace_id,
        start_micros=start,
        duration_micros=duration,
        request_bytes=received,
        response_bytes=sent,
        upstream_micros=upstream,
        status=status,
        request_id=request_id,
        path=path,
        route="r",
        method="GET",
    )


@given(st.integers(0, 2**64 - 1))
def test_a_number_is_written_in_base_128(number: int) -> None:
    assert sum((octet & 0x7F) << 7 * place for place, octet in enumerate(varint(number))) == number
    assert [octet >> 7 for octet in varint(number)] == [1] * (len(varint(number)) - 1) + [0]
