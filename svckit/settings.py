"""Settings of a process: read once from the environment, all faults told at once, never a value in a message.

`PENSTOCK_X` may come as `PENSTOCK_X_FILE`, the path of a file that holds the value (for secrets mounted by an
orchestrator); both at once is a fault. An empty or well-known secret is a fault too. A setting may have a second
variable, a name that other systems use: ours wins over it, and it counts as absent while it is empty.
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeVar

from pydantic import AliasChoices, BeforeValidator, Field, IPvAnyNetwork, SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

PREFIX: Final = "PENSTOCK_"
# What people leave in place of a secret; compared without case.
PLACEHOLDERS: Final = frozenset(
    {"admin", "changeme", "change-me", "default", "dummy", "example", "password", "postgres", "secret", "test"}
)


def _split(value: object) -> object:
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value


def _level(value: object) -> object:
    """The name of a level in our spelling: others write it in upper case, and have names of their own."""
    if not isinstance(value, str):
        return value
    return {"warn": "warning", "critical": "error", "fatal": "error"}.get(value.lower(), value.lower())


# `a,b` in the environment.
CommaList = Annotated[tuple[str, ...], BeforeValidator(_split)]
# `10.0.0.0/8,::1` in the environment; an address alone is the network of this one address.
NetworkList = Annotated[tuple[IPvAnyNetwork, ...], BeforeValidator(_split)]
LogLevel = Annotated[Literal["debug", "info", "warning", "error"], BeforeValidator(_level)]


class RimSettings(BaseSettings):
    """What every process is told, for its rim: logs, its key, its end. A subclass adds what its process reads."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="forbid", frozen=True, populate_by_name=True)

    log_level: LogLevel = Field(default="info", validation_alias="LOG_LEVEL")
    log_pretty: bool = Field(default=False, validation_alias="STRUCTLOG_PRETTY_PRINT")
    environment: str = Field(default="", max_length=64, validation_alias="ENVIRONMENT")
    """Stands on each log line, where it is set: which of several installations wrote it."""
    identity_key_file: Path
    drain_seconds: float = Field(default=10.0, ge=0, le=600)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what `load_settings` collected: it knows which variable a fault came from."""
        return (init_settings,)


class ProcessSettings(RimSettings):
    """What a process that serves gRPC is told besides. A subclass has its own default for `listen`."""

    listen: CommaList = Field(min_length=1)
    metrics_listen: str = ""
    trusted_keys_file: Path
    max_calls: int = Field(default=256, ge=1, le=65_536)


@dataclass(frozen=True, slots=True)
class SettingsFault:
    """One thing wrong: the variable's name and the reason, without the value."""

    variable: str
    reason: str

    def __str__(self) -> str:
        return f"{self.variable} {self.reason}"


class SettingsError(Exception):
    """The settings cannot be used; `faults` has everything that is wrong."""

    def __init__(self, faults: tuple[SettingsFault, ...]) -> None:
        self.faults: Final = faults
        super().__init__("\n".join(map(str, faults)))


S = TypeVar("S", bound=RimSettings)


def load_settings(cls: type[S], env: Mapping[str, str] | None = None) -> S:
    """The settings that `env` (by default the process environment) describes; SettingsError with all faults."""
    found: dict[str, _Found] = {}
    faults: list[SettingsFault] = []
    for name, field in cls.model_fields.items():
        each = _read(_variables(cls, name, field), os.environ if env is None else env)
        if isinstance(each, SettingsFault):
            faults.append(each)
        elif each is not None:
            found[name] = each
    settings = _validated(cls, found, faults)
    if settings is None or faults:
        raise SettingsError(tuple(faults))
    return settings


@dataclass(frozen=True, slots=True)
class _Found:
    """A value and the variable that it came from."""

    variable: str
    value: str


def _variables(cls: type[RimSettings], name: str, field: FieldInfo) -> tuple[tuple[str, bool], ...]:
    """The variables that may set a field, the first preferred, each with whether `_FILE` may be added.

    A validation alias is the whole name of a variable that other systems use (`JWT_PUBLIC_KEY`).
    """
    alias = field.validation_alias
    choices = alias.choices if isinstance(alias, AliasChoices) else [alias]
    names = (PREFIX + name.upper(), *(choice for choice in choices if isinstance(choice, str)))
    by_file = f"{name}_file" not in cls.model_fields
    return tuple((each, by_file) for each in dict.fromkeys(names))


def _read(variables: tuple[tuple[str, bool], ...], env: Mapping[str, str]) -> _Found | SettingsFault | None:
    for variable, by_file in variables:
        if not variable.startswith(PREFIX) and not env.get(variable, "unset"):
            continue  # `VARIABLE=` in a file of variables means nothing to those who wrote such files
        file_variable = variable + "_FILE"
        path = env.get(file_variable) if by_file else None
        if path is None:
            if variable in env:
                return _Found(variable, env[variable])
            continue
        if variable in env:
            return SettingsFault(variable, f"is set, and {file_variable} too")
        try:
            return _Found(variable, Path(path).read_text(encoding="utf-8").rstrip("\r\n"))
        except (OSError, ValueError) as error:  # ValueError: not UTF-8, or a null byte in the path
            reason = error.strerror if isinstance(error, OSError) else "not text"
            return SettingsFault(file_variable, f"names a file that cannot be read: {reason}")
    return None


def _validated(cls: type[S], found: Mapping[str, _Found], faults: list[SettingsFault]) -> S | None:
    """The model of what was found; what is wrong with it is added to `faults`, once per variable."""
    faulty = {fault.variable.removesuffix("_FILE") for fault in faults}
    values: dict[str, Any] = {name: each.value for name, each in found.items()}
    try:
        settings = cls(**values)
    except ValidationError as error:
        for each in error.errors(include_url=False, include_input=False, include_context=False):
            variable = _blamed(str(each["loc"][0]), found) if each["loc"] else PREFIX + "*"
            if variable not in faulty:
                faults.append(SettingsFault(variable, _reason(each["type"], each["msg"])))
        return None
    faults.extend(_weak_secrets(settings, found))
    return settings


def _blamed(field: str, found: Mapping[str, _Found]) -> str:
    """The variable that set a field, or the one that should have."""
    return found[field].variable if field in found else PREFIX + field.upper()


def _reason(kind: str, message: str) -> str:
    return "is missing" if kind == "missing" else f"is not valid: {message[:1].lower()}{message[1:]}"


def _weak_secrets(settings: RimSettings, found: Mapping[str, _Found]) -> Iterator[SettingsFault]:
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        if not isinstance(value, SecretStr):
            continue
        secret = value.get_secret_value().strip()
        if not secret:
            yield SettingsFault(_blamed(name, found), "is empty")
        elif secret.lower() in PLACEHOLDERS:
            yield SettingsFault(_blamed(name, found), "is a well-known placeholder, not a secret")
