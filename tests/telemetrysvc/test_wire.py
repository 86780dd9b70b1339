"""A message is taken apart into its top-level fields, whatever is in them."""

from contextlib import suppress

import pytest
from google.protobuf.message import DecodeError
from hypothesis import given
from hypothesis import strategies as st
from penstock.telemetry.v1.ingest_service_pb2 import SpoolPosition, StreamBatchesRequest
from penstock.telemetry.v1.record_pb2 import RequestRecord

from telemetrysvc.wire import elements


def test_elements_joined_are_the_message_and_each_is_one_field() -> None:
    message = StreamBatchesRequest(
        position=SpoolPosition(source="gw/0", sequence=300),
        requests=[RequestRecord(path="/" * 300), RequestRecord(status=200)],
        dropped={"full": 1},
    )
    parts = list(elements(message.SerializeToString()))
    assert len(parts) == 4
    assert StreamBatchesRequest.FromString(b"".join(parts)) == message


@pytest.mark.parametrize(
    "message",
    [b"\x08\x01", b"\x12\x05abc", b"\x12", b"\xff" * 11],
    ids=["not-length-delimited", "cut-off", "no-length", "endless-number"],
)
def test_a_broken_structure_is_told(message: bytes) -> None:
    with pytest.raises(DecodeError):
        list(elements(message))


@given(st.binary(max_size=200))
def test_no_bytes_do_anything_else(message: bytes) -> None:
    with suppress(DecodeError):
        assert b"".join(elements(message)) == message
