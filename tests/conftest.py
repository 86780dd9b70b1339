"""Makes the shared fixtures known to every test; see tests/support."""

import signal

pytest_plugins = ["tests.support.stores", "tests.support.services"]


def pytest_configure() -> None:
    """Gives Ctrl-C and hang-up back to the processes that tests start.

    A shell that runs the suite in the background has the one ignored, nohup the other, and children inherit that.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
