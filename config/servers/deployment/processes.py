"""The other processes: who works on each queue, does beat tick, do the scoring services answer."""

from __future__ import annotations

import contextlib
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from celery import current_app
from django.conf import settings
from kombu.exceptions import OperationalError

import jobs.notify
from config.environment.addresses import hidden
from config.environment.variables import text
from config.servers.deployment import files, host_state
from config.servers.deployment.databases import skew
from config.servers.deployment.finding import Said, error

# What stands still without it.
QUEUES = {
    "default": "sweeps, imports and automatic labels",
    "head": "heads",
    "train": "fine-tunings",
}
ANSWER_SECONDS = 2.0  # for which workers are listened to: nobody knows how many there are
SWEEP_SECONDS = 60  # beat asks for one every 5
NAMED = 5  # machines in a sentence


def workers() -> Iterator[Said]:
    """Asks all of them at once, in two questions. Redis that is away is said by who asks that."""
    with contextlib.ExitStack() as stack:
        try:
            mark = stack.enter_context(files.marked())
        except OSError:
            mark = ""
        try:
            before = time.time()
            inspect = current_app.control.inspect(timeout=ANSWER_SECONDS)
            queues: Mapping[str, Any] = inspect.active_queues() or {}
            states: Any = inspect._request(host_state.NAME, mark=mark) or {}
        except OperationalError:
            return
    working = {queue["name"] for of_worker in queues.values() for queue in of_worker}
    for queue, what in QUEUES.items():
        if queue not in working:
            yield error(
                f"No worker takes the queue {queue}, so {what} wait: start one, as docker-compose.yml does, or look at "
                "its log."
            )
    told: dict[str, Any] = {name: state for name, state in states.items() if "key" in state}
    yield from _of_machines(told, mark, before)


def _of_machines(states: Mapping[str, dict[str, Any]], mark: str, before: float) -> Iterator[Said]:
    if others := [name for name, state in states.items() if state["key"] != host_state.key(mark)]:
        yield error(f"{_names(others)} have another SECRET_KEY: give all processes the same one.")
    blind = [name for name, state in states.items() if not state["sees_files"]]
    if mark and blind and not text("PODIUM_STORAGE"):
        yield error(
            f"{_names(blind)} don't see what this process writes to PODIUM_MODEL_DIR: share the folder among all, or "
            "set PODIUM_STORAGE to a bucket."
        )
    after = time.time()
    for name, state in sorted(states.items())[:NAMED]:
        yield from skew(name, state["time"], before, after)


def _names(workers: list[str]) -> str:
    named = ", ".join(sorted(workers)[:NAMED])
    return f"The workers {named}" + (f" and {len(workers) - NAMED} more" if len(workers) > NAMED else "")


def beat() -> Iterator[Said]:
    """A sweep says so when it begins: beat asks for it, and a worker of the queue `default` carries it out."""
    ago = jobs.notify.seconds_since_sweep()
    if ago is None or ago > SWEEP_SECONDS:
        when = "no sweep is known of" if ago is None else f"the last sweep was {ago:.0f} s ago"
        yield error(
            f"Nothing sweeps ({when}): start one beat, and a worker of the queue default, which carries it out. What a "
            "lost message or a killed worker left undone waits for it."
        )


def rewards() -> Iterator[Said]:
    """Asks every address, a balancer's included, whether it is ready."""
    addresses = settings.REWARDS_URL.split(",")
    with ThreadPoolExecutor(min(16, len(addresses))) as threads:
        for address, trouble in zip(addresses, threads.map(_trouble, addresses), strict=True):
            if trouble:
                yield error(
                    f"The scoring service at {hidden(address)} {trouble}: start `manage.py serve_rewards` there, or "
                    "set PODIUM_REWARDS_URL."
                )


def _trouble(address: str) -> str:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"{address}/readyz", timeout=ANSWER_SECONDS):
            return ""
    except urllib.error.HTTPError as error:
        return f"isn't ready (it answers {error.code})"
    except (OSError, ValueError) as error:
        return f"doesn't answer ({getattr(error, 'reason', error)})"
