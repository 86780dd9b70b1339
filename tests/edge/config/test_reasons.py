"""Reasons are collected in the order of their finding, each under the path of its part."""

from edge.config.reasons import Reason, Reasons


def test_parts_write_into_one_list_under_their_own_paths() -> None:
    whole = Reasons()
    route = whole.at("routes[3]")
    route.at("limit").at("anonymous").add("is not a rate")
    whole.add("is too large")
    route.add("is not a route")
    assert whole.found == [
        Reason("routes[3].limit.anonymous", "is not a rate"),
        Reason("", "is too large"),
        Reason("routes[3]", "is not a route"),
    ]


def test_a_collector_may_begin_below_the_whole() -> None:
    tenant = Reasons("tenant")
    tenant.at("status").add("is unknown")
    assert tenant.found == [Reason("tenant.status", "is unknown")]


def test_two_documents_share_no_reasons() -> None:
    Reasons().add("is wrong")
    assert Reasons().found == []
