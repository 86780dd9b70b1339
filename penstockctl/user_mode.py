"""Under which user an embedded server runs: PostgreSQL refuses root, and its files must be its own."""

import os
import subprocess
import sys
from enum import StrEnum
from pathlib import Path

from penstockctl.faults import OperatorError

_LAUNCH = str(Path(__file__).with_name("launch.py"))


class UserMode(StrEnum):
    """PLAIN: the user we are. USERNS: root's own files, but an ordinary user inside a user namespace.
    NOBODY: the account `nobody`, which then owns the data."""

    PLAIN = "plain"
    USERNS = "userns"
    NOBODY = "nobody"


def choose_user_mode(euid: int, recorded: UserMode | None, usable: frozenset[UserMode]) -> UserMode | None:
    """The mode to run in, or None when there is none.

    `recorded` is the mode that made the data, if there are data; `usable` are the modes in which a program
    can be started here. An ordinary user has one mode only; root keeps the recorded one.
    """
    if euid != 0:
        return UserMode.PLAIN
    order: tuple[UserMode, ...] = (UserMode.USERNS, UserMode.NOBODY)
    if recorded in order:
        order = (recorded,)
    return next((mode for mode in order if mode in usable), None)


def find_usable_modes() -> frozenset[UserMode]:
    """The modes in which a program can be started here, by trying (containers often forbid namespaces)."""
    if os.geteuid() != 0:
        return frozenset({UserMode.PLAIN})
    return frozenset(mode for mode in (UserMode.USERNS, UserMode.NOBODY) if _can_start(mode))


def _can_start(mode: UserMode) -> bool:
    command = [sys.executable, "-I", "-S", _LAUNCH, "9", str(os.getpid()), mode.value, "true"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0  # noqa: S603


def give_to(mode: UserMode, path: Path) -> None:
    """Make `path` the property of the user that `mode` runs as."""
    if mode is UserMode.NOBODY:
        import pwd

        account = pwd.getpwnam("nobody")
        os.chown(path, account.pw_uid, account.pw_gid)


def refuse_unreachable(mode: UserMode, path: Path) -> None:
    """Raises OperatorError when the account `nobody` may not pass through the folders above `path`."""
    if mode is UserMode.NOBODY and not is_reachable_by_others(path):
        raise OperatorError(
            f"PostgreSQL has to run as the user nobody here, who may not enter {path}:"
            " give --data-dir a folder that others may pass through, or an own server by --database-url."
        )


def is_reachable_by_others(path: Path) -> bool:
    """Whether a stranger may pass through every folder above `path`."""
    return all(parent.stat().st_mode & 0o001 for parent in path.resolve().parents)
