"""What is said about a document: where, and whether it stands in the way."""

import pytest

from configsvc.validate.findings import Finding, Findings, Path


@pytest.mark.parametrize(
    ("path", "dotted"),
    [
        pytest.param((), "", id="the whole document"),
        pytest.param(("routes",), "routes", id="a key"),
        pytest.param(("routes", 3, "prefix"), "routes[3].prefix", id="a key of an item of a list"),
        pytest.param(("a", 0, 1), "a[0][1]", id="a list of lists"),
        pytest.param((0, "name"), "[0].name", id="a document that is a list"),
        pytest.param(("headers", "x.beta"), "headers.x.beta", id="a key with a dot"),
        pytest.param(("", "a"), ".a", id="an empty key"),
        pytest.param(("limits", "0"), "limits.0", id="a key of digits is no index"),
    ],
)
def test_a_path_is_written_as_people_read_it(path: Path, dotted: str) -> None:
    assert Finding(path, "m").dotted == dotted


def test_a_place_in_the_text_is_unknown_unless_told() -> None:
    assert (Finding((), "m").line, Finding((), "m").column) == (0, 0)


def test_what_is_found_in_a_part_stands_in_the_whole_in_the_order_of_finding() -> None:
    whole = Findings()
    routes = whole.at("routes")
    routes.at(1, "prefix").fault("second route")
    whole.fault("whole")
    routes.at(0).warn("first route")

    assert whole.faults == [Finding(("routes", 1, "prefix"), "second route"), Finding((), "whole")]
    assert whole.warnings == [Finding(("routes", 0), "first route")]
    assert (routes.path, whole.path) == (("routes",), ())


def test_nothing_is_said_of_what_is_as_expected() -> None:
    findings = Findings()
    findings.at("a").expect(True, "must hold")
    findings.at("b").expect(False, "must hold")

    assert findings.faults == [Finding(("b",), "must hold")]


def test_two_documents_share_no_findings() -> None:
    Findings().fault("of another document")
    assert Findings() == Findings((), [], [])
