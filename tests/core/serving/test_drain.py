"""A service that is told to end: the process itself, under a load."""

from __future__ import annotations

import re
import signal
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from tests.core.commands import start
from tests.core.tiny.finished import Save

MANY = {"prompt": "how do i bake bread", "completions": [f"please help you {place % 7} " * 4 for place in range(600)]}
MANY["completions"] = [f"{text} {place}" for place, text in enumerate(MANY["completions"])]


def listening(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    return next(found[0] for line in process.stdout if (found := re.search(r"http://[\d.]+:\d+", line)))


@pytest.mark.parametrize("seconds", [0, 3])
def test_running_and_waiting_requests_are_answered_before_it_ends(save: Save, seconds: int) -> None:
    process = start("serve", f"tiny={save('model', 1)[0]}", "--port", "0", "--drain", seconds)
    try:
        url = listening(process)
        ready = requests.get(f"{url}/readyz", timeout=60)
        assert (ready.status_code, ready.json()["draining"]) == (200, False)
        with ThreadPoolExecutor(8) as pool:
            asked = [pool.submit(requests.post, f"{url}/tiny/score", json=MANY, timeout=120) for _ in range(8)]
            while not requests.get(f"{url}/models", timeout=60).json()["tokens_waiting"]:
                assert not all(each.done() for each in asked), "it was too fast to be met at work"
            process.send_signal(signal.SIGTERM)
            if seconds:
                while requests.get(f"{url}/readyz", timeout=60).status_code != 503:
                    pass  # the signal is on its way
                late = requests.post(f"{url}/tiny/score", json={"prompt": "a", "completions": ["b"]}, timeout=60)
                assert late.ok  # it still listens, for who has not seen it yet
                assert late.headers["Connection"] == "close"
                assert requests.get(f"{url}/healthz", timeout=60).ok  # it lives: nobody need start it again
            answers = [each.result() for each in asked]
        assert [answer.status_code for answer in answers] == [200] * 8
        assert all(len(answer.json()["rewards"]) == 600 for answer in answers)
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=120)
    assert process.returncode in (0, -signal.SIGTERM)
