"""What the operator reads when the cluster is up."""

import io
from pathlib import Path

from rich.console import Console

from penstockctl.cluster.summary import Summary, print_summary


def test_paths_stand_there_as_they_are_however_narrow_the_terminal() -> None:
    folder = Path("/srv/[bold]/50%") / ("deep" * 30)
    output = io.StringIO()
    summary = Summary(
        edge_url="http://127.0.0.1:8000",
        admin_url="http://127.0.0.1:8001",
        admin_token_file=folder / "admin.token",
        run_dir=Path("/run"),
        data_dir=folder,
        grpc_ports={},
        demo_key="psk_x",
    )
    print_summary(Console(file=output, width=40), summary)

    lines = output.getvalue().splitlines()
    assert f"  admin  http://127.0.0.1:8001  (bearer token in {folder}/admin.token)" in lines
    assert f"  data   {folder}" in lines
    assert '  curl -H "X-API-Key: psk_x" http://127.0.0.1:8000/demo/hello' in lines
