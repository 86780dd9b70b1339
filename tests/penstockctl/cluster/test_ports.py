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
