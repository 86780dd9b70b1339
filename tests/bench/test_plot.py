"""The picture: a bar for each gateway, as long as it is fast."""

from xml.etree import ElementTree

from bench.plot import picture
from bench.report import Summary

SVG = "{http://www.w3.org/2000/svg}"


def summary(name: str, rate: float, counted: int = 1) -> Summary:
    return Summary(name, rate, 1.0, 2.5, 50.0, 0.9, 0.5, counted, 1, 0)


def drawn(panels: dict[int, list[Summary]]) -> tuple[list[float], list[str]]:
    """The widths of the bars and the texts, in their order."""
    root = ElementTree.fromstring(picture(panels))  # noqa: S314 - our own
    bars = [float(bar.attrib["width"]) for bar in root.iter(f"{SVG}rect") if bar.attrib["width"] != "100%"]
    return bars, [text.text or "" for text in root.iter(f"{SVG}text")]


def test_bars_are_as_long_as_their_gateways_are_fast() -> None:
    (fast, slow), _ = drawn({64: [summary("a", 2000.0), summary("b", 500.0)]})
    assert slow * 4 == fast


def test_each_panel_has_a_title_and_a_scale_of_its_own() -> None:
    bars, texts = drawn({1: [summary("a", 10.0)], 64: [summary("a", 1000.0)]})
    assert bars[0] == bars[1]
    assert [text for text in texts if "connection" in text] == ["1 connection", "64 connections"]


def test_a_bar_says_whose_it_is_and_what_it_means() -> None:
    _, texts = drawn({64: [summary("<a>", 1000.0, counted=0)]})
    assert texts[1:] == ["<a>", "1,000/s †, p99 2.5 ms"]


def test_a_gateway_that_answered_nothing_has_a_bar_too() -> None:
    bars, _ = drawn({64: [summary("a", 0.0)]})
    assert bars == [1.0]
