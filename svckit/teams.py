"""Processes of internal teams that may call a service besides ours, by the names of their process keys."""

from svckit.settings import CommaList, ProcessSettings, SettingsError, load_settings


class TeamSettings(ProcessSettings):
    """Settings of such a service; the public keys of `team_callers` are in the trusted keys file."""

    team_callers: CommaList = ()


def team_callers(settings_class: type[TeamSettings]) -> tuple[str, ...]:
    """Those that the environment names. Read ahead, as the method table is part of what is run: what is wrong with the
    settings is reported by who runs it."""
    try:
        settings = load_settings(settings_class)
    except SettingsError:
        return ()
    return settings.team_callers
