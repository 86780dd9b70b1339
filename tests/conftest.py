"""Makes the shared fixtures known to every test; see tests/support."""

pytest_plugins = ["tests.support.stores", "tests.support.services"]
