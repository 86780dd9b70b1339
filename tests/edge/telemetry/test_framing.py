"""A batch joined from bytes is the message that the generated code would have made."""

import pytest
from penstock.telemetry.v1.ingest_service_pb2 import SpoolPosition, StreamBatchesRequest
from penstock.telemetry.v1.record_pb2 import HealthSnapshot, RequestRecord

from edge.telemetry.framing import frame_health, frame_request, join_batch


@pytest.mark.parametrize("length", [0, 1, 100, 120, 200, 16_380, 70_000])
def test_frames_parse_as_the_records_that_they_were_made_of(length: int) -> None:
    requests = [RequestRecord(id=b"a" * 16, path="/" * length, status=200), RequestRecord()]
    health = [HealthSnapshot(service="s" * length, healthy=True)]
    frames = [
        frame_request(requests[0].SerializeToString()),
        frame_health(health[0]),
        frame_request(requests[1].SerializeToString()),
    ]

    message = StreamBatchesRequest.FromString(join_batch("gw-1/0", 7, frames, {"full": 3}))

    assert message == StreamBatchesRequest(
        position=SpoolPosition(source="gw-1/0", sequence=7), requests=requests, health=health, dropped={"full": 3}
    )
