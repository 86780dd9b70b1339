"""Settings: every fault at once, no value in a message, secrets from files and never weak."""

from pathlib import Path

import pytest
from pydantic import AliasChoices, Field, SecretStr

from svckit.settings import ProcessSettings, SettingsError, load_settings


class Example(ProcessSettings):
    """What a service would declare."""

    listen: tuple[str, ...] = ("127.0.0.1:50099",)
    database_url: SecretStr
    workers: int = Field(default=1, ge=1)
    public_key: str | None = Field(default=None, validation_alias=AliasChoices("PENSTOCK_PUBLIC_KEY", "JWT_PUBLIC_KEY"))


GOOD = {
    "PENSTOCK_IDENTITY_KEY_FILE": "/keys/example.key",
    "PENSTOCK_TRUSTED_KEYS_FILE": "/keys/trusted.json",
    "PENSTOCK_DATABASE_URL": "postgresql://example:s3cr3t-value@/example",
}


def faults(env: dict[str, str]) -> dict[str, str]:
    with pytest.raises(SettingsError) as caught:
        load_settings(Example, env)
    return {fault.variable: fault.reason for fault in caught.value.faults}


def test_good_settings_have_the_defaults_that_are_not_set() -> None:
    settings = load_settings(Example, GOOD)

    assert settings.identity_key_file == Path("/keys/example.key")
    assert (settings.drain_seconds, settings.workers) == (10.0, 1)


def test_the_process_environment_is_read_when_none_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in GOOD.items():
        monkeypatch.setenv(name, value)

    assert load_settings(Example).trusted_keys_file == Path("/keys/trusted.json")


def test_all_faults_are_told_at_once() -> None:
    found = faults({"PENSTOCK_WORKERS": "none", "PENSTOCK_DRAIN_SECONDS": "-1", "PENSTOCK_LOG_LEVEL": "loud"})

    assert found.keys() == {
        "PENSTOCK_WORKERS",
        "PENSTOCK_DRAIN_SECONDS",
        "PENSTOCK_LOG_LEVEL",
        "PENSTOCK_IDENTITY_KEY_FILE",
        "PENSTOCK_TRUSTED_KEYS_FILE",
        "PENSTOCK_DATABASE_URL",
    }
    assert found["PENSTOCK_DATABASE_URL"] == "is missing"


def test_a_file_fault_and_a_value_fault_are_told_together() -> None:
    found = faults(
        {
            **GOOD,
            "PENSTOCK_DATABASE_URL_FILE": "/nowhere",
            "PENSTOCK_WORKERS": "0",
            "PENSTOCK_PUBLIC_KEY_FILE": "/nowhere",
        }
    )

    assert found.keys() == {"PENSTOCK_DATABASE_URL", "PENSTOCK_WORKERS", "PENSTOCK_PUBLIC_KEY_FILE"}


def test_no_value_stands_in_a_message() -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings(Example, {**GOOD, "PENSTOCK_WORKERS": "hunter2", "PENSTOCK_LOG_LEVEL": "hunter2"})

    assert "hunter2" not in str(caught.value)
    assert "hunter2" not in repr(caught.value.faults)


def test_a_secret_is_masked_in_every_rendering() -> None:
    settings = load_settings(Example, GOOD)

    assert "s3cr3t" not in f"{settings!r} {settings} {settings.model_dump_json()}"
    assert settings.database_url.get_secret_value() == GOOD["PENSTOCK_DATABASE_URL"]


def test_a_secret_may_come_from_a_file_without_its_line_end(tmp_path: Path) -> None:
    file = tmp_path / "url"
    file.write_text("postgresql://from-file@/x\n")
    env = {name: value for name, value in GOOD.items() if name != "PENSTOCK_DATABASE_URL"}

    settings = load_settings(Example, {**env, "PENSTOCK_DATABASE_URL_FILE": str(file)})

    assert settings.database_url.get_secret_value() == "postgresql://from-file@/x"


def test_a_value_and_a_file_for_it_are_a_fault(tmp_path: Path) -> None:
    file = tmp_path / "url"
    file.write_text("postgresql://from-file@/x")

    found = faults({**GOOD, "PENSTOCK_DATABASE_URL_FILE": str(file)})

    assert found == {"PENSTOCK_DATABASE_URL": "is set, and PENSTOCK_DATABASE_URL_FILE too"}


def test_a_file_that_cannot_be_read_is_told_with_the_systems_reason() -> None:
    env = {name: value for name, value in GOOD.items() if name != "PENSTOCK_DATABASE_URL"}

    found = faults({**env, "PENSTOCK_DATABASE_URL_FILE": "/nowhere/at/all"})

    assert found == {"PENSTOCK_DATABASE_URL_FILE": "names a file that cannot be read: No such file or directory"}


@pytest.mark.parametrize(
    ("secret", "reason"),
    [
        ("", "is empty"),
        ("  ", "is empty"),
        ("changeme", "is a well-known placeholder, not a secret"),
        ("Secret", "is a well-known placeholder, not a secret"),
    ],
)
def test_an_empty_or_well_known_secret_is_a_fault(secret: str, reason: str) -> None:
    found = faults({**GOOD, "PENSTOCK_DATABASE_URL": secret})

    assert found == {"PENSTOCK_DATABASE_URL": reason}


def test_listen_is_a_list_with_commas() -> None:
    env = {**GOOD, "PENSTOCK_LISTEN": "127.0.0.1:1, unix:/run/x.sock"}

    class Listening(ProcessSettings):
        database_url: SecretStr

    assert load_settings(Listening, env).listen == ("127.0.0.1:1", "unix:/run/x.sock")


def test_a_variable_that_other_systems_use_is_an_alias_and_ours_wins() -> None:
    aliased = {**GOOD, "JWT_PUBLIC_KEY": "theirs"}

    assert load_settings(Example, aliased).public_key == "theirs"
    assert load_settings(Example, {**aliased, "PENSTOCK_PUBLIC_KEY": "ours"}).public_key == "ours"


def test_an_alias_that_is_set_to_nothing_is_not_set() -> None:
    assert load_settings(Example, {**GOOD, "JWT_PUBLIC_KEY": ""}).public_key is None


def test_a_fault_names_the_alias_that_it_came_from() -> None:
    assert faults({**GOOD, "STRUCTLOG_PRETTY_PRINT": "perhaps"}).keys() == {"STRUCTLOG_PRETTY_PRINT"}


@pytest.mark.parametrize(
    ("spelled", "level"),
    [("INFO", "info"), ("Warn", "warning"), ("WARNING", "warning"), ("CRITICAL", "error"), ("debug", "debug")],
)
def test_the_level_of_the_log_may_be_spelled_as_others_do(spelled: str, level: str) -> None:
    assert load_settings(Example, {**GOOD, "LOG_LEVEL": spelled}).log_level == level


def test_the_key_files_own_variable_is_no_file_form_of_another() -> None:
    class Sealing(Example):
        kek: SecretStr | None = None
        kek_file: Path

    settings = load_settings(Sealing, {**GOOD, "PENSTOCK_KEK_FILE": "/keys/kek"})

    assert (settings.kek_file, settings.kek) == (Path("/keys/kek"), None)
