"""The command line of each process. docker-compose.yml runs the same ones."""

import signal
import sys
from pathlib import Path

from config.processes.supervisor import Spec

# Root is told that it is root at every start; the rest of Podium works there on purpose.
PYTHON = (sys.executable, "-W", "ignore:You're running the worker with superuser")
COMPUTING = 10  # how far the processes that compute stand back behind the pages, which people wait for
CELERY = (*PYTHON, "-m", "celery", "--app", "config", "--quiet")
WORKER = (*CELERY, "worker", "--loglevel", "INFO", "--without-gossip", "--without-mingle", "--pool", "threads")


def web(*, host: str, port: int, workers: int) -> Spec:
    # A second SIGTERM amid its handler locks Granian 2.8 up for good (the handler sets a threading.Event), and a dying
    # supervisor sends one for each of its threads. Its workers die with it: config/wsgi.py.
    options = ["--host", host, "--port", str(port), "--workers", str(workers)]
    return Spec("web", [sys.executable, "-m", "config.processes.web", *options], signal.SIGKILL)


def worker() -> Spec:
    """Gives the worker of all that is short, of the jobs of finished models, and of imports: four of these at once, at
    most, and two threads that none of them holds."""
    return Spec(
        "worker", [*WORKER, "--queues", "default", "--concurrency", "6", "--hostname", "default@%h"], signal.SIGKILL
    )


def head() -> Spec:
    """Gives the worker of one head at a time, fitted by a child process that stays and has the backbone loaded."""
    options = ["--queues", "head", "--concurrency", "1", "--hostname", "head@%h"]
    return Spec("head", [*WORKER, *options], signal.SIGKILL, nice=COMPUTING)


def train() -> Spec:
    """Gives the worker of one fine-tuning at a time: the task only starts and watches a child process, so a thread is
    enough."""
    options = ["--queues", "train", "--concurrency", "1", "--hostname", "train@%h"]
    return Spec("train", [*WORKER, *options], signal.SIGKILL, nice=COMPUTING)


def rewards(*, host: str, port: int) -> Spec:
    """Gives the process that has the champions in memory, for everyone who asks for scores."""
    return Spec(
        "rewards", [*PYTHON, "-m", "manage", "serve_rewards", "--host", host, "--port", str(port)], nice=COMPUTING
    )


def beat(data_dir: Path) -> Spec:
    return Spec(
        "beat",
        [*CELERY, "beat", "--loglevel", "INFO", "--schedule", str(data_dir / "beat-schedule"), "--pidfile", ""],
        signal.SIGKILL,
    )
