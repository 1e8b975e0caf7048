"""A service that is told to end: the process itself, under a load."""

from __future__ import annotations

import re
import signal
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import requests

from tests.core.commands import start
from tests.core.tiny.finished import Save

MANY = {
    "prompt": "how do i bake bread",
    "completions": [f"{'please help you ' * (place % 7)} {place}" for place in range(1000)],
}


@contextmanager
def serving(save: Save, *options: object) -> Iterator[tuple[subprocess.Popen[str], str]]:
    process = start("serve", f"tiny={save('model', 1)[0]}", "--port", "0", *options)
    try:
        assert process.stdout
        yield process, next(found[0] for line in process.stdout if (found := re.search(r"http://[\d.]+:\d+", line)))
    finally:
        process.kill()
        process.communicate(timeout=60)


def test_who_is_being_answered_is_answered_before_it_ends(save: Save) -> None:
    with serving(save) as (process, url), ThreadPoolExecutor(1) as pool:
        asked = pool.submit(requests.post, f"{url}/tiny/score", json=MANY, timeout=120)
        while not asked.done() and not requests.get(f"{url}/models", timeout=60).json()["tokens_waiting"]:
            pass  # it is on its way
        process.send_signal(signal.SIGTERM)
        answer = asked.result()
        assert answer.status_code == 200
        assert len(answer.json()["rewards"]) == 1000
        process.communicate(timeout=120)
    assert process.returncode in (0, -signal.SIGTERM)


def test_who_has_not_seen_that_it_drains_is_answered_too(save: Save) -> None:
    with serving(save, "--drain", 300) as (process, url):
        ready = requests.get(f"{url}/readyz", timeout=60)
        assert (ready.status_code, ready.json()["draining"]) == (200, False)
        process.send_signal(signal.SIGTERM)
        while (ready := requests.get(f"{url}/readyz", timeout=60)).status_code != 503:
            pass  # the signal is on its way
        assert ready.json()["draining"]
        late = requests.post(f"{url}/tiny/score", json={"prompt": "a", "completions": ["b"]}, timeout=60)
        assert late.ok
        assert late.headers["Connection"] == "close"
        assert requests.get(f"{url}/healthz", timeout=60).ok  # it lives: nobody need start it again
        process.send_signal(signal.SIGTERM)  # told twice, it waits no longer
        process.communicate(timeout=120)
    assert process.returncode in (0, -signal.SIGTERM)
