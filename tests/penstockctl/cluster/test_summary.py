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


def test_over_tls_the_commands_do_not_ask_for_whom_the_certificate_is() -> None:
    output = io.StringIO()
    summary = Summary(
        edge_url="https://127.0.0.1:8443",
        admin_url="http://127.0.0.1:8001",
        admin_token_file=Path("/data/admin.token"),
        run_dir=Path("/run"),
        data_dir=Path("/data"),
        grpc_ports={},
        demo_key="psk_x",
        redirect_url="http://127.0.0.1:8080",
    )
    print_summary(Console(file=output, width=200), summary)
    lines = output.getvalue().splitlines()
    assert "  plain  http://127.0.0.1:8080  (leads there)" in lines
    assert '  curl --insecure -H "X-API-Key: psk_x" https://127.0.0.1:8443/demo/hello' in lines
    assert "  curl --insecure https://demo.localhost:8443/demo/hello" in lines
