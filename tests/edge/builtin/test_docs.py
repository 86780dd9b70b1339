"""The page of the description runs under its own strict policy: every file from our own origin, nothing inline."""

import re
from pathlib import PurePosixPath

from domain.builtin_paths import PATHS
from edge.builtin.docs import PAGE, POLICY, START
from tests.edge.plane import plane


def test_the_page_names_built_in_paths_alone_and_has_nothing_inline() -> None:
    named = [*re.findall(r'(?:src|href)="([^"]*)"', PAGE), *re.findall(r'url: "([^"]*)"', START)]
    assert [each for each in named if f"/{each}" not in PATHS] == ["data:,"]
    assert len(named) == 5
    assert not re.search(r"<style|<script>|\son\w+=|\sstyle=|javascript:", PAGE)


def test_the_policy_lets_nothing_in_from_elsewhere() -> None:
    sources = {part.split(" ")[0]: set(part.split(" ")[1:]) for part in POLICY.split("; ")}
    assert sources["default-src"] == {"'none'"}
    assert set().union(*sources.values()) == {"'none'", "'self'", "data:"}
    assert sources["script-src"] == {"'self'"}


async def test_every_file_of_the_page_is_there_as_its_type_says() -> None:
    types = {".js": "text/javascript", ".css": "text/css"}
    async with plane([]) as edge:
        assert (await edge.get("/docs")).fields["content-type"] == "text/html; charset=utf-8"
        for path in PATHS:
            if path.startswith("/docs/"):
                answer = await edge.get(path)
                assert (answer.status, len(answer.body)) == (200, int(answer.fields["content-length"]))
                assert answer.fields["content-type"].startswith(types[PurePosixPath(path).suffix])
