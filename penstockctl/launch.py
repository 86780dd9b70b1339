"""A small program that becomes another one: it ties the new process to its parent's life, gives up root
where the program refuses it, then replaces itself.

Run as a script, isolated (`python -I -S launch.py DEATH_SIGNAL PARENT_PID USER_MODE PROGRAM ARG…`), because
a `preexec_fn` would run Python between fork and exec in a process that has threads and gRPC channels.
It imports the standard library alone and knows nothing of what it starts.
"""

import os
import sys

PR_SET_PDEATHSIG = 1
CLONE_NEWUSER = 0x10000000
# Any id but 0 does: inside the namespace the server sees an ordinary user, outside the files stay root's.
NAMESPACE_ID = 1000


def _system_call(name: str, *arguments: int) -> None:
    import ctypes

    library = ctypes.CDLL(None, use_errno=True)
    if getattr(library, name)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")


def enter_user_namespace() -> None:
    """Become an ordinary user inside a namespace of our own, without touching accounts or file owners."""
    user, group = os.geteuid(), os.getegid()
    _system_call("unshare", CLONE_NEWUSER)
    for name, text in (
        ("setgroups", "deny"),
        ("uid_map", f"{NAMESPACE_ID} {user} 1"),
        ("gid_map", f"{NAMESPACE_ID} {group} 1"),
    ):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(text)


def become_nobody() -> None:
    """Give up root for the account `nobody`; its files must belong to it."""
    import pwd

    account = pwd.getpwnam("nobody")
    os.setgroups([])
    os.setgid(account.pw_gid)
    os.setuid(account.pw_uid)


def die_with_parent(death_signal: int, parent: int) -> None:
    """Have the kernel send `death_signal` when the parent is gone, however it went (Linux only).

    Last of all steps: the kernel forgets the setting when the credentials change (prctl(2)).
    """
    if sys.platform == "linux":
        _system_call("prctl", PR_SET_PDEATHSIG, death_signal, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit(f"the parent process {parent} is gone")


def main(arguments: list[str]) -> None:
    death_signal, parent, user_mode, *command = arguments
    if user_mode == "userns":
        enter_user_namespace()
    elif user_mode == "nobody":
        become_nobody()
    die_with_parent(int(death_signal), int(parent))
    os.execvp(command[0], command)  # noqa: S606 - no shell is wanted


if __name__ == "__main__":
    main(sys.argv[1:])
