"""YAML and JSON as plain data: what is read, what is refused, and where in the text."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from configsvc.document.text import Parsed, parse_json, parse_yaml, write_json, write_yaml
from configsvc.validate.findings import Finding

Reader = Callable[[str], Parsed]


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("a: no\nb: 0777\non: true", {"a": "no", "b": 777.0, "on": True}),
        ("a: &x [1]\nb: *x", {"a": [1], "b": [1]}),
        ("", None),
    ],
)
def test_yaml_is_read_by_the_core_schema_of_its_second_version(text: str, data: object) -> None:
    assert parse_yaml(text).data == data


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("a: 1\nb: 2\na: 3", 3, "twice"),
        ("a: [", 2, "YAML"),
        ("a: 1\n---\nb: 2", 2, "YAML"),
        ("a: !!python/object:os.system {}", 1, "tag"),
        ("a: *nowhere", 1, "YAML"),
        ("a: !!int x", 0, "YAML"),
        ("a: \x07", 0, "YAML"),
        ("\t- a", 1, "YAML"),
    ],
)
def test_yaml_that_is_not_ours_is_refused(text: str, line: int, message: str) -> None:
    fault = parse_yaml(text).fault
    assert fault is not None
    assert message in fault.message
    assert fault.line == line


@pytest.mark.parametrize(
    "text",
    ['{"a": 1, "a": 2}', "{", "NaN", '{"a": Infinity}', "[1,]", "1" * 5000, "'a'", "{} {}"],
)
def test_json_that_is_not_ours_is_refused(text: str) -> None:
    assert parse_json(text).fault is not None


@pytest.mark.parametrize("parse", [parse_json, parse_yaml])
@pytest.mark.parametrize("depth", [18, 500, 100_000])
def test_deep_nesting_is_refused_and_harms_nobody(parse: Reader, depth: int) -> None:
    assert parse("[" * depth + "]" * depth).fault is not None
    assert parse("[" * depth).fault is not None


def test_aliases_that_unfold_are_refused() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    fault = parse_yaml("\n".join(lines)).fault
    assert fault is not None
    assert "unfolding" in fault.message


def test_an_alias_to_itself_is_refused() -> None:
    assert parse_yaml("a: &a [*a]").fault is not None


@pytest.mark.parametrize("parse", [parse_json, parse_yaml])
def test_more_than_four_mebibytes_are_refused(parse: Reader) -> None:
    fault = parse('"' + "ä" * (2 * 1024 * 1024) + '"').fault
    assert fault is not None
    assert "4 MiB" in fault.message


def test_a_finding_is_placed_where_its_value_stands() -> None:
    parsed = parse_yaml("routes:\n  - name: a\n  - name: b\n    prefix: x\n")
    found = parsed.located(Finding(("routes", 1, "prefix"), "wrong"))
    assert (found.line, found.column) == (4, 13)
    missing = parsed.located(Finding(("routes", 1, "service"), "missing"))
    assert (missing.line, missing.column) == (3, 5)


plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**18), 10**18)
    | st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Cn", "Co"])),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abcy.-1", min_size=1), inner, max_size=4),
    max_leaves=12,
)


@given(plain)
def test_data_is_read_as_it_was_written(data: object) -> None:
    assert parse_json(write_json(data)).data == data
    assert parse_yaml(write_yaml(data)).data == data


@given(
    st.sampled_from(
        [
            "yes",
            "no",
            "on",
            "1e3",
            "1.0",
            "0x1f",
            "12:30",
            "null",
            "~",
            "",
            " a",
            "true",
            "<<",
            "=",
            "1_0",
            ".5",
            "+1",
            "-",
            "0o7",
            "2024-01-01",
            "a: b",
            "#a",
            "\n",
            "@a",
        ]
    )
)
def test_texts_that_look_like_something_else_stay_texts(text: str) -> None:
    assert parse_yaml(write_yaml({"a": text})).data == {"a": text}
