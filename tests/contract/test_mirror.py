"""The tests mirror the tree: what does no I/O itself has a test file of its own name in the folder of its own name."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("domain", "edge", "authsvc", "ratelimitsvc", "configsvc", "telemetrysvc", "svckit", "penstockctl")
IMPURE = {
    "asyncio",
    "asyncpg",
    "grpc",
    "httpx",
    "mmap",
    "os",
    "redis",
    "socket",
    "subprocess",
    "threading",
    "typer",
    "uvicorn",
}
"""Who imports one of these meets the outside and may be tested together with it."""


def imported(source: str) -> set[str]:
    """The top-level names of the packages that a module imports, wherever in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module is not None and node.level == 0:
            found.add(node.module.partition(".")[0])
    return found


def decides(source: str) -> bool:
    """Whether a module has a function, and none that waits: that one does I/O by what it is handed."""
    nodes = list(ast.walk(ast.parse(source)))
    has_function = any(isinstance(node, ast.FunctionDef) for node in nodes)
    return has_function and not any(isinstance(node, ast.AsyncFunctionDef) for node in nodes)


def pure_modules() -> list[Path]:
    """The modules that decide something without I/O, as paths from the root."""
    modules = (path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py")))
    sources = {path: path.read_text(encoding="utf-8") for path in modules if not path.name.startswith("__")}
    return [
        path.relative_to(ROOT) for path, source in sources.items() if decides(source) and not imported(source) & IMPURE
    ]


def mirrored(module: Path) -> Path:
    """Where the tests of a module are."""
    return Path("tests") / module.parent / f"test_{module.name}"


@pytest.mark.parametrize(
    ("source", "names"),
    [
        pytest.param("import os.path as p", {"os"}, id="a part of a package"),
        pytest.param("from grpc.aio import Channel", {"grpc"}, id="a name of a package"),
        pytest.param("def f():\n    import socket", {"socket"}, id="within a function"),
        pytest.param("from . import os", set(), id="a neighbour of that name"),
        pytest.param("import re, mmap", {"re", "mmap"}, id="several"),
    ],
)
def test_imports_are_found_wherever_they_stand(source: str, names: set[str]) -> None:
    assert imported(source) == names


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        pytest.param("def f(): ...", True, id="a function"),
        pytest.param("class A:\n    def f(self): ...", True, id="a method"),
        pytest.param("class A:\n    field: int = 1", False, id="values alone"),
        pytest.param("def f(): ...\nasync def g(): ...", False, id="a function that waits"),
    ],
)
def test_a_module_decides_by_functions_that_do_not_wait(source: str, expected: bool) -> None:
    assert decides(source) is expected


def test_every_package_has_pure_modules() -> None:
    assert {module.parts[0] for module in pure_modules()} == set(PACKAGES)


@pytest.mark.parametrize("module", pure_modules(), ids=str)
def test_a_pure_module_has_tests_of_its_own(module: Path) -> None:
    assert (ROOT / mirrored(module)).is_file(), f"{mirrored(module)} is missing"
