"""All ports of the cluster, before anything starts."""

from dataclasses import replace
from pathlib import Path

import pytest

from penstockctl.cluster.options import ClusterOptions
from penstockctl.cluster.ports import open_ports, refuse_clashes
from penstockctl.cluster.sockets import find_free_port
from penstockctl.faults import OperatorError

OPTIONS = ClusterOptions(data_dir=Path("/data"), edge_port=0, admin_port=0, grpc_port_base=0)


@pytest.mark.parametrize(
    ("edge", "admin", "grpc", "sentence"),
    [
        (18000, 18000, 0, r"^--edge-port and --admin-port are both 18000: choose different ones\.$"),
        (18000, 18052, 18051, r"^--admin-port 18052 is one of the four ports 18051 to 18054 that --grpc-port-base "),
        (18054, 18001, 18051, r"^--edge-port 18054 is one of the four ports 18051 to 18054 that --grpc-port-base "),
    ],
)
def test_two_options_with_one_port_are_one_sentence(edge: int, admin: int, grpc: int, sentence: str) -> None:
    with pytest.raises(OperatorError, match=sentence):
        refuse_clashes(replace(OPTIONS, edge_port=edge, admin_port=admin, grpc_port_base=grpc))


def test_a_port_that_leads_to_https_is_one_of_its_own_and_has_something_to_lead_to() -> None:
    options = replace(OPTIONS, edge_port=18000, redirect_port=18000)
    with pytest.raises(OperatorError, match=r"^--redirect-port leads to https: give the gateway --tls-certificates "):
        refuse_clashes(options)
    secure = replace(options, tls_certificates="a.crt", tls_keys="a.key")
    with pytest.raises(OperatorError, match=r"^--edge-port and --redirect-port are both 18000: choose different ones"):
        refuse_clashes(secure)
    refuse_clashes(replace(secure, redirect_port=0))


def test_each_worker_has_a_socket_on_the_port_that_leads_to_https(folder: Path) -> None:
    secure = replace(OPTIONS, workers=2, demo=False, tls_certificates="a.crt", tls_keys="a.key", redirect_port=0)
    with open_ports(secure, folder / "demo.port") as ports:
        assert [each.getsockname()[1] for each in ports.redirect] == [ports.redirect_port] * 2
        assert ports.redirect_port not in (None, ports.edge_port)
    with open_ports(OPTIONS, folder / "demo.port") as ports:
        assert (ports.redirect, ports.redirect_port) == ((), None)


@pytest.mark.parametrize(("edge", "admin", "grpc"), [(0, 0, 0), (18050, 18055, 18051)])
def test_free_choices_and_neighbours_do_not_clash(edge: int, admin: int, grpc: int) -> None:
    refuse_clashes(replace(OPTIONS, edge_port=edge, admin_port=admin, grpc_port_base=grpc))


def test_the_demos_former_port_gives_way_to_a_port_that_is_chosen_now(folder: Path) -> None:
    port = find_free_port("127.0.0.1")
    (folder / "demo.port").write_text(f"{port}\n")
    with open_ports(OPTIONS, folder / "demo.port") as ports:
        assert ports.upstream_port == port
    with open_ports(replace(OPTIONS, admin_port=port), folder / "demo.port") as ports:
        assert ports.upstream_port not in (port, None)
