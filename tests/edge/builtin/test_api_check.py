"""The edge's own endpoints answer as their description says, whatever is asked of them."""

from pathlib import Path

import pytest

from edge.builtin.access import DetailAccess
from edge.builtin.models import Readiness
from tests.edge.plane import NEAR, READY, answering, plane, route, upstream
from tests.support.api_check import check_api

WELL = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


@pytest.mark.parametrize(
    ("readiness", "access"),
    [
        pytest.param(READY, NEAR, id="ready, all details"),
        pytest.param(
            READY.model_copy(update={"status": "draining"}), DetailAccess.of("", []), id="draining, no details"
        ),
    ],
)
async def test_no_answer_is_a_500_or_other_than_described(
    tmp_path: Path, readiness: Readiness, access: DetailAccess
) -> None:
    async with (
        upstream(answering(WELL)) as there,
        plane([route(there.port)], readiness=readiness, access=access) as edge,
    ):
        code, report = await check_api(f"http://127.0.0.1:{edge.port}/openapi.json", tmp_path, "--max-examples=20")
        paths = {visit.template for visit in edge.visits}
    assert code == 0, report
    assert paths >= {"/livez", "/readyz", "/health", "/api/v1/health"}
