"""YAML and JSON as plain data, within bounds, and back. Knows nothing of gateways.

YAML is read by its 1.2 core schema: `no` is a text, `12:30` is a text, only true, false, null and numbers are not.
Aliases are counted each time they are used, so a small text cannot unfold into a large document.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final, Never

import yaml

from configsvc.validate.findings import Finding

MAX_BYTES: Final = 4 * 1024 * 1024
MAX_DEPTH: Final = 16
MAX_NODES: Final = 1_000_000
_TAG: Final = "tag:yaml.org,2002:"


@dataclass(frozen=True, slots=True)
class Parsed:
    """The data of a text, or the one fault that kept it from being read."""

    data: Any = None
    fault: Finding | None = None
    root: yaml.Node | None = field(default=None, repr=False)

    def located(self, finding: Finding) -> Finding:
        """The finding with the place in the text that it is about; unchanged when that is not known."""
        node = self.root
        if node is None:
            return finding
        for part in finding.path:
            child = _child(node, part)
            if child is None:
                break
            node = child
        return Finding(finding.path, finding.message, node.start_mark.line + 1, node.start_mark.column + 1)


def parse_json(text: str) -> Parsed:
    """Reads JSON (RFC 8259), refusing duplicate keys."""
    if (fault := _too_large(text)) is not None:
        return fault
    try:
        data = json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        return Parsed(fault=Finding((), f"is not JSON: {error.msg}", error.lineno, error.colno))
    except RecursionError:
        return _deep()
    except ValueError as error:  # ours, or a number of thousands of digits
        return Parsed(fault=Finding((), str(error)[:200]))
    budget = [MAX_NODES]
    return _deep() if _exceeds(data, MAX_DEPTH, budget) else Parsed(data)


def parse_yaml(text: str) -> Parsed:
    """Reads one YAML document, refusing duplicate keys, foreign tags and several documents."""
    if (fault := _too_large(text)) is not None:
        return fault
    try:
        loader = _Loader(text)
        try:
            root = loader.get_single_node()
        finally:
            loader.dispose()
        data = None if root is None else _Unfolding().plain(root, 0)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (0, 0)
        return Parsed(fault=Finding((), f"is not YAML: {error.problem or error.context}", line, column))
    except (yaml.YAMLError, RecursionError, ValueError):  # ValueError: not encodable, or `!!int x`
        return Parsed(fault=Finding((), "is not YAML"))
    return Parsed(data, root=root)


def write_json(data: Any) -> str:
    """The data as indented JSON."""
    return json.dumps(data, indent=2, ensure_ascii=False) + "\n"


def write_yaml(data: Any) -> str:
    """The data as YAML in block style, in its own order."""
    written: str = yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)
    return written


def _too_large(text: str) -> Parsed | None:
    if len(text) > MAX_BYTES or len(text.encode("utf-8", "replace")) > MAX_BYTES:
        return Parsed(fault=Finding((), "is larger than 4 MiB"))
    return None


def _deep() -> Parsed:
    return Parsed(fault=Finding((), f"is nested deeper than {MAX_DEPTH} levels or unfolds too far"))


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"has the key {twice[:64]!r} twice in one object")
    return found


def _no_constant(name: str) -> Never:
    raise ValueError(f"is not JSON: {name}")


def _exceeds(data: Any, depth: int, budget: list[int]) -> bool:
    budget[0] -= 1
    if depth < 0 or budget[0] < 0:
        return True
    children: Iterator[Any] = iter(())
    if isinstance(data, dict):
        children = iter(data.values())
    elif isinstance(data, list):
        children = iter(data)
    return any(_exceeds(child, depth - 1, budget) for child in children)


_Resolvers = dict[str, list[tuple[str, re.Pattern[str]]]]
_BOOL: Final = (_TAG + "bool", re.compile(r"(?:true|True|TRUE|false|False|FALSE)\Z"))
_NULL: Final = (_TAG + "null", re.compile(r"(?:~|null|Null|NULL|)\Z"))
_INT: Final = (_TAG + "int", re.compile(r"[-+]?(?:0|[1-9][0-9]{0,18})\Z"))
_FLOAT: Final = (_TAG + "float", re.compile(r"[-+]?[0-9]+(?:\.[0-9]+)?(?:[eE][-+]?[0-9]{1,3})?\Z"))
# By the first character of the scalar.
_CORE: Final[_Resolvers] = {
    "": [_NULL],
    **{first: [_BOOL] for first in "tTfF"},
    **{first: [_NULL] for first in "~nN"},
    **{first: [_INT, _FLOAT] for first in "-+0123456789"},
}


class _Loader(yaml.CSafeLoader):
    """The composer of libyaml with the scalars of YAML 1.2's core schema."""

    yaml_implicit_resolvers: _Resolvers = _CORE


class _Dumper(yaml.CSafeDumper):
    """Quotes what either version of YAML would take for something else than text; writes no aliases."""

    yaml_implicit_resolvers: _Resolvers = {  # noqa: RUF012 (PyYAML's own form)
        first: [*yaml.CSafeDumper.yaml_implicit_resolvers.get(first, ()), *_CORE.get(first, ())]
        for first in {*yaml.CSafeDumper.yaml_implicit_resolvers, *_CORE}
    }

    def ignore_aliases(self, _data: Any) -> bool:
        return True


class _Unfolding:
    """Turns a graph of nodes into plain data, each use of an alias counted anew."""

    def __init__(self) -> None:
        self._left = MAX_NODES

    def plain(self, node: yaml.Node, depth: int) -> Any:
        self._left -= 1
        if depth > MAX_DEPTH or self._left < 0:
            raise _refused(node, f"nested deeper than {MAX_DEPTH} levels or unfolding too far")
        if isinstance(node, yaml.MappingNode) and node.tag == _TAG + "map":
            return self._mapping(node, depth)
        if isinstance(node, yaml.SequenceNode) and node.tag == _TAG + "seq":
            return [self.plain(child, depth + 1) for child in node.value]
        if isinstance(node, yaml.ScalarNode):
            return _scalar(node)
        raise _refused(node, "a tag that has no meaning here")

    def _mapping(self, node: yaml.MappingNode, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.tag != _TAG + "str":
                raise _refused(key, "a key that is not a text: quote it")
            if key.value in found:
                raise _refused(key, f"the key {key.value[:64]!r} twice in one mapping")
            found[key.value] = self.plain(value, depth + 1)
        return found


def _scalar(node: yaml.ScalarNode) -> Any:
    text = node.value
    if node.tag == _TAG + "str":
        return text
    if node.tag == _TAG + "bool":
        return text.lower() == "true"
    if node.tag == _TAG + "null":
        return None
    if node.tag == _TAG + "int":
        return int(text)
    if node.tag == _TAG + "float":
        return float(text)
    raise _refused(node, "a tag that has no meaning here")


def _refused(node: yaml.Node, problem: str) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark)


def _child(node: yaml.Node, part: str | int) -> yaml.Node | None:
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        return node.value[part]  # type: ignore[no-any-return]
    if isinstance(node, yaml.MappingNode):
        return next((value for key, value in node.value if key.value == part), None)
    return None
