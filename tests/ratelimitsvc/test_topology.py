"""The URL of a cluster, and what its nodes say of it."""

import pytest

from ratelimitsvc.topology import Topology, cluster_url, read_topology

INFO = b"cluster_enabled:1\r\ncluster_state:ok\r\ncluster_known_nodes:3\r\ncluster_current_epoch:6\r\n"


@pytest.mark.parametrize(
    ("url", "nodes"),
    [
        pytest.param("redis+cluster://a:7001,b:7002", ["redis://a:7001", "redis://b:7002"], id="several"),
        pytest.param("redis+cluster://a", ["redis://a:6379"], id="one is enough"),
        pytest.param(
            "rediss+cluster://u:p%40w@a:1,b/?x=1",
            ["rediss://u:p%40w@a:1?x=1", "rediss://u:p%40w@b:6379?x=1"],
            id="credentials, TLS and options are every node's",
        ),
        pytest.param("redis+cluster://:p@[::1]:7001", ["redis://:p@[::1]:7001"], id="an address of IPv6"),
    ],
)
def test_the_nodes_of_a_cluster_stand_in_one_url(url: str, nodes: list[str]) -> None:
    cluster = cluster_url(url)
    assert cluster is not None
    assert [cluster.of(node) for node in cluster.nodes] == nodes


@pytest.mark.parametrize("url", ["redis://a:6379/0", "rediss://a", "unix:///run/valkey.sock?db=0"])
def test_the_url_of_one_server_is_none_of_a_cluster(url: str) -> None:
    assert cluster_url(url) is None


@pytest.mark.parametrize(
    "url",
    [
        "redis+cluster://",
        "redis+cluster://a:x",
        "redis+cluster://a,,b",
        "redis+cluster://a:1/3",
        "redis+cluster://a?x=1&db=3",
        "unix+cluster:///s",
    ],
)
def test_a_cluster_that_cannot_be_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"cluster's|host|[Pp]ort"):
        cluster_url(url)


def test_each_range_of_slots_has_a_primary_and_replicas_are_known() -> None:
    slots = [
        [0, 99, [b"10.0.0.1", 7001, b"id", []], [b"10.0.0.4", 7004, b"id", []]],
        [100, 16383, [b"b.example", 7002, b"id"]],
    ]
    assert read_topology(("a", 1), INFO, slots) == Topology(
        rank=(True, 6),
        owners={(0, 99): ("10.0.0.1", 7001), (100, 16383): ("b.example", 7002)},
        nodes=frozenset({("10.0.0.1", 7001), ("10.0.0.4", 7004), ("b.example", 7002)}),
    )


@pytest.mark.parametrize("host", [None, b""], ids=["null", "empty"])
def test_a_node_without_a_host_is_where_the_asked_one_is(host: bytes | None) -> None:
    assert read_topology(("a", 1), INFO, [[0, 16383, [host, 7001, b"id"]]]).owners == {(0, 16383): ("a", 7001)}


def test_slots_of_a_node_whose_name_is_not_known_yet_are_nobodys() -> None:
    said = read_topology(
        ("a", 1), INFO, [[0, 99, [b"?", 7001, b"id"], [b"b", 7002, b"id"]], [100, 200, [b"a", 1, b"id"]]]
    )
    assert said.owners == {(100, 200): ("a", 1)}
    assert said.nodes == {("a", 1), ("b", 7002)}


def test_a_node_that_serves_is_believed_more_than_one_that_is_cut_off_and_a_newer_view_than_an_older_one() -> None:
    def said(state: bytes, epoch: int) -> Topology:
        return read_topology(("a", 1), b"cluster_state:%b\r\ncluster_current_epoch:%d\r\n" % (state, epoch), [])

    views = [said(b"ok", 5), said(b"fail", 9), said(b"ok", 6)]
    assert max(views, key=lambda view: view.rank) is views[2]
