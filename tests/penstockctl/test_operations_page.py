"""docs/operations.md names every setting with its default, and every option of every command."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from pydantic import SecretStr
from typer.core import TyperGroup

from authsvc.settings import AuthSettings
from configsvc.settings import ConfigSettings
from edge.admin.settings import AdminSettings
from edge.settings import EdgeSettings
from penstockctl.cluster.secrets import open_secrets
from penstockctl.main import build_app
from ratelimitsvc.settings import RateLimitSettings
from svckit.settings import ProcessSettings, RimSettings
from telemetrysvc.settings import TelemetrySettings

PAGE = (Path(__file__).parents[2] / "docs" / "operations.md").read_text()
SECTIONS: dict[str, type[RimSettings]] = {
    "Every process": RimSettings,
    "Every gRPC service": ProcessSettings,
    "authsvc": AuthSettings,
    "ratelimitsvc": RateLimitSettings,
    "configsvc": ConfigSettings,
    "telemetrysvc": TelemetrySettings,
    "edge": EdgeSettings,
    "admin": AdminSettings,
}


def table(section: str) -> dict[str, str]:
    """The variables of a section's table with their defaults."""
    text = re.split(r"^##", PAGE.split(f"\n### {section}\n", 1)[1], maxsplit=1, flags=re.MULTILINE)[0]
    return dict(re.findall(r"^\| `(PENSTOCK_\w+)` \| (.*?) \|", text, flags=re.MULTILINE))


def written(default: Any) -> str:
    """A default as it stands in a table."""
    if isinstance(default, SecretStr):
        default = default.get_secret_value()
    if isinstance(default, bool):
        default = str(default).lower()
    if isinstance(default, tuple):
        default = ",".join(default)
    if isinstance(default, float):
        default = f"{default:g}"
    return "–" if default in ("", None) else f"`{default}`"


def declared(settings: type[RimSettings]) -> Iterator[str]:
    """The names that the class declares, by itself or by a base that is no section."""
    yield from settings.__annotations__
    for base in settings.__bases__:
        if issubclass(base, RimSettings) and base not in SECTIONS.values():
            yield from declared(base)


@pytest.mark.parametrize("section", SECTIONS)
def test_every_setting_stands_in_its_table_with_its_default(section: str) -> None:
    fields = SECTIONS[section].model_fields
    own = {name: fields[name] for name in declared(SECTIONS[section]) if name in fields}
    assert table(section) == {
        f"PENSTOCK_{name.upper()}": "required" if field.is_required() else written(field.default)
        for name, field in own.items()
    }


def commands(group: TyperGroup, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """The commands by their names, those of groups with the group's."""
    for name, command in group.commands.items():
        if isinstance(command, TyperGroup):
            yield from commands(command, f"{prefix}{name} ")
        else:
            yield f"{prefix}{name}", command


def test_every_option_of_every_command_is_named() -> None:
    group = typer.main.get_command(build_app())
    assert isinstance(group, TyperGroup)
    for name, command in commands(group):
        assert f"penstock {name}" in PAGE
        params = (param for param in command.params if param.param_type_name == "option")
        for option in (text for param in params for text in (*param.opts, *param.secondary_opts)):
            assert f"`{option}`" in PAGE or re.search(rf"`[^`\n]*{option}\b[^`\n]*`", PAGE), option


def test_every_file_of_secrets_that_is_named_is_one_that_is_made(tmp_path: Path) -> None:
    secrets = open_secrets(tmp_path / "secrets")
    made = {path.name for path in secrets.folder.iterdir()} | {
        secrets.cluster_id_file.name,
        *(secrets.database_url_file(noun).name for noun in ("auth", "config", "telemetry")),
        *(secrets.redis_url_file(use).name for use in ("limits", "shared")),
    }
    named = set(re.findall(r"`secrets/([\w.-]+)`", PAGE)) - {"NAME.identity"}
    assert named
    assert named <= made
