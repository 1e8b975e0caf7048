"""The web server: `python -m config.processes.web --host HOST --port PORT --workers N`.

Granian alone would start workers for ever where the settings are wrong, each with a traceback: here they are read
first.
"""

import sys
from argparse import ArgumentParser

from granian.constants import Interfaces
from granian.errors import FatalError
from granian.log import LogLevels
from granian.server import Server

# Of each process, begun as they are needed. Few of them work at once (labeling/requests/turns.py); the others wait, for
# senders or to be let through (labeling/requests/throttle.py), and cost nothing.
THREADS = 256


def main() -> int:
    parser = ArgumentParser(prog="config.processes.web", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--workers", type=int, default=2, help="processes")
    options = parser.parse_args()
    from config import settings  # a wrong one ends this process with a sentence
    from config.servers import preflight
    from labeling.requests import balance

    preflight.check(settings)
    balance.share()
    server = Server(
        "config.wsgi:application",
        address=options.host,
        port=options.port,
        interface=Interfaces.WSGI,
        workers=options.workers,
        blocking_threads=THREADS,
        websockets=False,
        backpressure=2 * THREADS,
        log_level=LogLevels.warning,
        log_dictconfig={
            **{part: settings.LOGGING[part] for part in ("formatters", "filters", "handlers")},
            "loggers": {"_granian": {"handlers": ["console"], "filters": ["threads"], "propagate": False}},
        },
        # A worker that was killed comes back by itself, and one that hangs doesn't hold up the end.
        respawn_failed_workers=True,
        workers_kill_timeout=5,
    )
    try:
        server.serve()
    except FatalError:
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
