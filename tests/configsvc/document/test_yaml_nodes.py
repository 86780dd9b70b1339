"""One YAML document as nodes, and nodes as plain data: by the core schema of YAML 1.2, within bounds."""

import pytest
import yaml

from configsvc.document.yaml_nodes import MAX_DEPTH, MAX_NODES, Composer, Loader, Unfolding, refused


def composed(text: str) -> yaml.Node | None:
    loader = Loader(text)
    try:
        return Composer(loader).document()
    finally:
        loader.dispose()


def plain(text: str) -> object:
    root = composed(text)
    assert root is not None
    return Unfolding().plain(root, 0)


@pytest.mark.parametrize(
    ("scalar", "data"),
    [
        ("true", True),
        ("True", True),
        ("FALSE", False),
        ("yes", "yes"),
        ("no", "no"),
        ("on", "on"),
        ("tRUE", "tRUE"),
        ("null", None),
        ("Null", None),
        ("~", None),
        ("", None),
        ("nil", "nil"),
        ("0", 0),
        ("-3", -3),
        ("+3", 3),
        ("9" * 19, int("9" * 19)),
        ("0777", 777.0),
        ("0o7", "0o7"),
        ("0x1f", "0x1f"),
        ("1_000", "1_000"),
        ("12:30", "12:30"),
        ("2024-01-01", "2024-01-01"),
        ("1.5", 1.5),
        ("1e3", 1000.0),
        (".5", ".5"),
        ("1.", "1."),
        ("1e1000", "1e1000"),
        (".inf", ".inf"),
        ("10s", "10s"),
        ("<<", "<<"),
        ("'1'", "1"),
        ('"true"', "true"),
        ("!!str 1", "1"),
        ("!!int '1'", 1),
        ("|\n   two\n   lines\n", "two\nlines\n"),
    ],
)
def test_a_scalar_is_what_the_core_schema_says(scalar: str, data: object) -> None:
    assert plain(f"a: {scalar}") == {"a": data}


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("[a, [b], {c: d}]", ["a", ["b"], {"c": "d"}]),
        ("- a\n- - b\n", ["a", ["b"]]),
        ("? a\n: b\n", {"a": "b"}),
        ("!!map {a: !!seq [b]}", {"a": ["b"]}),
        ("a: &x {b: c}\nd: *x\n", {"a": {"b": "c"}, "d": {"b": "c"}}),
        ("[&x a, *x, &x b, *x]", ["a", "a", "b", "b"]),
        ("--- a\n...\n", "a"),
    ],
    ids=["flow", "block", "explicit key", "tags of the core", "alias", "anchor set anew", "marked document"],
)
def test_collections_and_aliases(text: str, data: object) -> None:
    assert plain(text) == data


@pytest.mark.parametrize("text", ["", "# only a comment\n"])
def test_nothing_is_no_document(text: str) -> None:
    assert composed(text) is None


@pytest.mark.parametrize(
    ("text", "problem", "line"),
    [
        ("a: 1\n---\nb: 2\n", "more than one document", 2),
        ("a: *nowhere", "an alias of nothing", 1),
        ("a:\n  *a : b\nb: &a c", "an alias of nothing", 2),
        ("a: 1\na: 2\n", "'a' twice", 2),
        ("1: a", "not a text", 1),
        ("null: a", "not a text", 1),
        ("? [a]\n: b", "not a text", 1),
        ("a: !own b", "no meaning", 1),
        ("a:\n  - !own [b]", "no meaning", 2),
        ("a: !own {b: c}", "no meaning", 1),
        ("a: !!set {b}", "no meaning", 1),
        ("a: !!python/name:os.system x", "no meaning", 1),
        ("a: &a [*a]", "an alias of nothing", 1),
        ("a: &a {b: *a}", "an alias of nothing", 1),
    ],
)
def test_what_is_refused_is_refused_at_its_place(text: str, problem: str, line: int) -> None:
    with pytest.raises(yaml.MarkedYAMLError) as error:
        plain(text)
    assert problem in str(error.value.problem)
    assert error.value.problem_mark is not None
    assert error.value.problem_mark.line + 1 == line


def test_depth_is_bounded_while_composing() -> None:
    deepest = "[" * MAX_DEPTH + "a" + "]" * MAX_DEPTH
    assert plain(deepest)
    with pytest.raises(yaml.MarkedYAMLError, match="deeper"):
        composed(f"[{deepest}]")


def test_depth_is_bounded_where_aliases_add_to_it() -> None:
    half = MAX_DEPTH // 2 + 1
    text = f"- &x {'[' * half}a{']' * half}\n- {'[' * half}*x{']' * half}\n"
    root = composed(text)
    assert root is not None
    with pytest.raises(yaml.MarkedYAMLError, match="deeper"):
        Unfolding().plain(root, 0)


def test_each_use_of_an_alias_counts() -> None:
    wide = yaml.SequenceNode("tag:yaml.org,2002:seq", [yaml.ScalarNode("tag:yaml.org,2002:str", "a")] * 999, None, None)
    mark = yaml.Mark("", 0, 0, 0, None, 0)
    wide.start_mark = mark
    for node in wide.value:
        node.start_mark = mark
    fits = yaml.SequenceNode("tag:yaml.org,2002:seq", [wide] * (MAX_NODES // 1000 - 1), mark, mark)
    assert Unfolding().plain(fits, 0)
    fits.value += [wide, wide]
    with pytest.raises(yaml.MarkedYAMLError, match="unfolding"):
        Unfolding().plain(fits, 0)


def test_a_refusal_carries_the_mark_of_its_node() -> None:
    root = composed("\n  a")
    assert root is not None
    error = refused(root, "odd")
    assert (error.problem, error.problem_mark) == ("odd", root.start_mark)
