"""The management API answers as its own description says, whatever is asked of it.

A part of it, in its corners: the whole takes a minute (`schemathesis run` against `/openapi.json` of the admin port).
"""

import asyncio
from pathlib import Path

from edge.admin.server import listening, serve
from tests.edge.admin.conftest import World
from tests.edge.admin.fakes import OPERATOR
from tests.support.api_check import check_api


async def test_no_answer_is_a_500_or_other_than_described(world: World, tmp_path: Path) -> None:
    with listening(["127.0.0.1:0"]) as listeners:
        async with asyncio.TaskGroup() as tasks:
            serving = tasks.create_task(serve(world.app, listeners, 1.0))
            code, report = await check_api(
                f"http://127.0.0.1:{listeners[0].getsockname()[1]}/openapi.json",
                tmp_path,
                "--phases=coverage",
                # rules that a schema cannot say, such as which members belong together, refuse what it allows
                "--exclude-checks=positive_data_acceptance",
                "--include-path-regex=^/(livez|readyz|metrics|admin/v1/gateways|admin/v1/tenants)$",
                f"--header=Authorization: Bearer {OPERATOR}",
            )
            serving.cancel()
    assert code == 0, report
