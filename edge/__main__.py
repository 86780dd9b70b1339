"""`python -m edge`: one worker of the edge."""

import asyncio
import sys

import structlog
import uvloop

from edge.settings import EdgeSettings
from edge.worker import run_worker
from svckit import logs
from svckit.identity import IdentityError
from svckit.settings import SettingsError, load_settings


def main() -> None:
    """Exits 0 after SIGTERM, 2 when settings or files are at fault, 1 on failure."""
    try:
        settings = load_settings(EdgeSettings)
    except SettingsError as error:
        print(f"edge: the settings cannot be used:\n{error}", file=sys.stderr)
        sys.exit(2)
    with logs.logging_to_stdout("edge", settings.log_level, settings.log_pretty) as output:
        try:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(run_worker(settings, output.write_octets))
        except (IdentityError, OSError) as error:
            print(f"edge: {error}", file=sys.stderr)
            sys.exit(2)
        except Exception:
            structlog.get_logger().exception("ended by a failure")
            sys.exit(1)


if __name__ == "__main__":
    main()
