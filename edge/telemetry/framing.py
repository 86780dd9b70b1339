"""The wire form of records and batches, by joining bytes: a record is serialised once, when it is noted.

Each record is framed as the field of `StreamBatchesRequest` that it will be, and protobuf merges what is
concatenated, so a batch is a small message with the position, followed by frames. Knows no file and no stream.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Final

from penstock.telemetry.v1.ingest_service_pb2 import SpoolPosition, StreamBatchesRequest
from penstock.telemetry.v1.record_pb2 import HealthSnapshot

from edge.telemetry.octets import varint

_REQUESTS: Final = StreamBatchesRequest.REQUESTS_FIELD_NUMBER
_HEALTH: Final = StreamBatchesRequest.HEALTH_FIELD_NUMBER
_LENGTH_DELIMITED: Final = 2


def frame_request(payload: bytes) -> bytes:
    """A serialised RequestRecord as one element of `StreamBatchesRequest.requests`."""
    return _prefix(_REQUESTS, len(payload)) + payload


def frame_health(snapshot: HealthSnapshot) -> bytes:
    """The snapshot as one element of `StreamBatchesRequest.health`."""
    payload = snapshot.SerializeToString()
    return _prefix(_HEALTH, len(payload)) + payload


def join_batch(source: str, last_sequence: int, frames: Sequence[bytes], dropped: Mapping[str, int]) -> bytes:
    """A serialised `StreamBatchesRequest` of the frames; `dropped` counts records lost since the batch before."""
    position = SpoolPosition(source=source, sequence=last_sequence)
    head = StreamBatchesRequest(position=position, dropped=dict(dropped)).SerializeToString()
    return b"".join((head, *frames))


@cache  # one entry for each length of a record that occurred: a few hundred
def _prefix(field: int, length: int) -> bytes:
    return varint(field << 3 | _LENGTH_DELIMITED) + varint(length)
