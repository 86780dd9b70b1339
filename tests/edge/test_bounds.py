"""What a worker is told about the bounds of its clients' connections arrives there, and nonsense is refused."""

import pytest

from edge.client import ClientLimits, HeadLimits
from edge.forwarding import DEFAULT_MAX_BODY_BYTES
from edge.pace import LeastPace
from edge.settings import EdgeSettings
from edge.upstream.connection import MAX_HEAD_BYTES
from edge.worker import client_limits
from svckit.settings import SettingsError, load_settings


def told(**settings: str) -> EdgeSettings:
    """The settings of a worker that is told this and what it cannot do without."""
    files = {"PENSTOCK_IDENTITY_KEY_FILE": "key", "PENSTOCK_CLUSTER_KEY_FILE": "key"}
    return load_settings(
        EdgeSettings, {**files, **{f"PENSTOCK_{name.upper()}": value for name, value in settings.items()}}
    )


def test_who_is_told_nothing_has_the_bounds_that_the_parts_have_by_themselves() -> None:
    settings = told()
    assert client_limits(settings) == ClientLimits()
    assert settings.max_body_bytes == DEFAULT_MAX_BODY_BYTES
    assert settings.upstream_header_bytes == MAX_HEAD_BYTES


def test_every_bound_of_a_client_can_be_set() -> None:
    settings = told(
        request_line_bytes="300",
        header_bytes="2000",
        header_count="11",
        chunk_extension_bytes="0",
        pipelined_requests="2",
        upload_pace="0",
        head_seconds="1",
        body_seconds="2",
        idle_seconds="3",
    )
    assert client_limits(settings) == ClientLimits(
        HeadLimits(300, 2000, 11, 0), 2, LeastPace(0), head_seconds=1.0, body_seconds=2.0, idle_seconds=3.0
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("request_line_bytes", "255"),
        ("request_line_bytes", "65537"),
        ("header_bytes", "1023"),
        ("header_bytes", "1048577"),
        ("header_count", "9"),
        ("header_count", "10001"),
        ("chunk_extension_bytes", "-1"),
        ("chunk_extension_bytes", "65537"),
        ("max_body_bytes", "-1"),
        ("pipelined_requests", "1"),
        ("pipelined_requests", "1025"),
        ("upload_pace", "-1"),
        ("head_seconds", "0"),
        ("head_seconds", "601"),
        ("body_seconds", "0"),
        ("idle_seconds", "0"),
        ("idle_seconds", "nan"),
        ("upstream_header_bytes", "1023"),
    ],
)
def test_a_bound_that_makes_no_sense_is_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=f"^PENSTOCK_{name.upper()} is not valid"):
        told(**{name: value})
