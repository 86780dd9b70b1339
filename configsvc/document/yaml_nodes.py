"""One YAML document as nodes, and nodes as plain data: by the core schema of YAML 1.2, within bounds.

`no` is a text here and `12:30` too; only true, false, null and numbers are not. Aliases count each time they are
used, so a small text cannot unfold into a large document.
"""

import re
from typing import Any, Final

import yaml

MAX_DEPTH: Final = 16
MAX_NODES: Final = 1_000_000
_TAG: Final = "tag:yaml.org,2002:"
Resolvers = dict[str, list[tuple[str, re.Pattern[str]]]]
_BOOL: Final = (_TAG + "bool", re.compile(r"(?:true|True|TRUE|false|False|FALSE)\Z"))
_NULL: Final = (_TAG + "null", re.compile(r"(?:~|null|Null|NULL|)\Z"))
_INT: Final = (_TAG + "int", re.compile(r"[-+]?(?:0|[1-9][0-9]{0,18})\Z"))
_FLOAT: Final = (_TAG + "float", re.compile(r"[-+]?[0-9]+(?:\.[0-9]+)?(?:[eE][-+]?[0-9]{1,3})?\Z"))
# By the first character of the scalar.
CORE: Final[Resolvers] = {
    "": [_NULL],
    **{first: [_BOOL] for first in "tTfF"},
    **{first: [_NULL] for first in "~nN"},
    **{first: [_INT, _FLOAT] for first in "-+0123456789"},
}


class Loader(yaml.CSafeLoader):
    """The parser of libyaml with the scalars of YAML 1.2's core schema."""

    yaml_implicit_resolvers: Resolvers = CORE


class Composer:
    """Builds the nodes of one document from libyaml's events, as deep as allowed.

    PyYAML's own composer for libyaml recurses in C: 100,000 brackets end the process (seen with PyYAML 6.0.3).
    """

    def __init__(self, loader: Loader) -> None:
        self._loader: Any = loader  # its stubs know little of events
        self._anchors: dict[str, yaml.Node] = {}

    def document(self) -> yaml.Node | None:
        """The root of the only document, or None when there is none."""
        self._loader.get_event()  # the beginning of the stream
        if self._loader.check_event(yaml.StreamEndEvent):
            return None
        self._loader.get_event()  # the beginning of the document
        root = self._node(0)
        self._loader.get_event()
        if not self._loader.check_event(yaml.StreamEndEvent):
            raise refused(self._loader.peek_event(), "more than one document")
        return root

    def _node(self, depth: int) -> yaml.Node:
        event = self._loader.get_event()
        if depth > MAX_DEPTH:
            raise refused(event, f"nested deeper than {MAX_DEPTH} levels")
        if isinstance(event, yaml.AliasEvent):
            if event.anchor not in self._anchors:
                raise refused(event, "an alias of nothing that stands before it")
            return self._anchors[event.anchor]
        node = self._fresh(event, depth)
        if event.anchor is not None:
            self._anchors[event.anchor] = node
        return node

    def _fresh(self, event: Any, depth: int) -> yaml.Node:
        tag, begin, end = None if event.tag == "!" else event.tag, event.start_mark, event.end_mark
        if isinstance(event, yaml.ScalarEvent):
            tag = tag or self._loader.resolve(yaml.ScalarNode, event.value, event.implicit)
            return yaml.ScalarNode(tag, event.value, begin, end)
        children: list[Any] = []
        if isinstance(event, yaml.SequenceStartEvent):
            while not self._loader.check_event(yaml.SequenceEndEvent):
                children.append(self._node(depth + 1))
            self._loader.get_event()
            return yaml.SequenceNode(tag or _TAG + "seq", children, begin, end)
        while not self._loader.check_event(yaml.MappingEndEvent):
            key = self._node(depth + 1)
            children.append((key, self._node(depth + 1)))
        self._loader.get_event()
        return yaml.MappingNode(tag or _TAG + "map", children, begin, end)


class Unfolding:
    """Turns a graph of nodes into plain data, each use of an alias counted anew."""

    def __init__(self) -> None:
        self._left = MAX_NODES

    def plain(self, node: yaml.Node, depth: int) -> Any:
        self._left -= 1
        if depth > MAX_DEPTH or self._left < 0:
            raise refused(node, f"nested deeper than {MAX_DEPTH} levels or unfolding too far")
        if isinstance(node, yaml.MappingNode) and node.tag == _TAG + "map":
            return self._mapping(node, depth)
        if isinstance(node, yaml.SequenceNode) and node.tag == _TAG + "seq":
            return [self.plain(child, depth + 1) for child in node.value]
        if isinstance(node, yaml.ScalarNode):
            return _scalar(node)
        raise refused(node, "a tag that has no meaning here")

    def _mapping(self, node: yaml.MappingNode, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.tag != _TAG + "str":
                raise refused(key, "a key that is not a text: quote it")
            if key.value in found:
                raise refused(key, f"the key {key.value[:64]!r} twice in one mapping")
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
    raise refused(node, "a tag that has no meaning here")


def refused(node: Any, problem: str) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark)
