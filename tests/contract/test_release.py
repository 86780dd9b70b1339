"""Version, changelog and status table tell the same story."""

import re
import tomllib
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_the_changelog_begins_with_the_version_of_the_package() -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    released = re.findall(r"^## \[([^\]]+)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert next(name for name in released if name != "Unreleased") == declared
    assert version("penstock") == declared


def test_the_makefile_pins_the_uv_that_the_image_is_built_with() -> None:
    makefile = re.search(r"UV_VERSION := (\S+)", (ROOT / "Makefile").read_text())
    dockerfile = re.search(r"uv==(\S+)", (ROOT / "Dockerfile").read_text())
    assert makefile is not None
    assert dockerfile is not None
    assert makefile[1] == dockerfile[1]
