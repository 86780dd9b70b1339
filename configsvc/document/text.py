"""YAML and JSON as plain data, within bounds, and back. Knows nothing of gateways."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final, Never

import yaml

from configsvc.document.yaml_nodes import CORE, MAX_DEPTH, MAX_NODES, Composer, Loader, Resolvers, Unfolding
from configsvc.validate.findings import Finding
from configsvc.validate.lists import numbered

MAX_BYTES: Final = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Parsed:
    """The data of a text, or the one fault that kept it from being read."""

    data: Any = None
    fault: Finding | None = None
    root: yaml.Node | None = field(default=None, repr=False)
    _members: dict[int, dict[str, yaml.Node]] = field(default_factory=dict, repr=False, compare=False)
    """Children by key of the mappings that were looked into, by the nodes' identity."""

    def located(self, finding: Finding) -> Finding:
        """The finding with the place in the text that it is about; unchanged when that is not known."""
        node = self.root
        if node is None:
            return finding
        for part in finding.path:
            child = self._child(node, part)
            if child is None:
                break
            node = child
        return Finding(finding.path, finding.message, node.start_mark.line + 1, node.start_mark.column + 1)

    def _child(self, node: yaml.Node, part: str | int) -> yaml.Node | None:
        if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            return node.value[part]  # type: ignore[no-any-return]
        if not isinstance(node, yaml.MappingNode) or not isinstance(part, str):
            return None
        members = self._members.get(id(node))
        if members is None:
            members = self._members[id(node)] = {key.value: value for key, value in node.value}
        return members.get(part)


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
        loader = Loader(text)
        try:
            root = Composer(loader).document()
        finally:
            loader.dispose()
        data = None if root is None else Unfolding().plain(root, 0)
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
        twice = next(name for _, name, again in numbered(name for name, _ in pairs) if again)
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


class _Dumper(yaml.CSafeDumper):
    """Quotes what either version of YAML would take for something else than text; writes no aliases."""

    yaml_implicit_resolvers: Resolvers = {  # noqa: RUF012 (PyYAML's own form)
        first: [*yaml.CSafeDumper.yaml_implicit_resolvers.get(first, ()), *CORE.get(first, ())]
        for first in {*yaml.CSafeDumper.yaml_implicit_resolvers, *CORE}
    }

    def ignore_aliases(self, _data: Any) -> bool:
        return True
