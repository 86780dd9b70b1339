"""Makes the shared fixtures known to every test; see tests/support."""

import signal

from hypothesis import settings

pytest_plugins = ["tests.support.stores", "tests.support.services"]


def pytest_configure() -> None:
    """Gives Ctrl-C and hang-up back to the processes that tests start, and examples of properties all their time.

    A shell that runs the suite in the background has the one ignored, nohup the other, and children inherit that. How
    long an example takes says how busy the machine is.
    """
    settings.register_profile("untimed", deadline=None)
    settings.load_profile("untimed")
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
