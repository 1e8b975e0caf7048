"""python -m rewardtrain.core serve: the service without the rest of Podium."""

import re
import signal
from pathlib import Path

import pytest
from podium_client import Podium, Refused

from tests.core.commands import start
from tests.core.tiny.finished import Save


def test_it_answers_by_name_and_by_the_version_that_it_says_until_it_is_told_to_end(save: Save) -> None:
    process = start("serve", f"tiny={save('model', 1)[0]}", "--port", "0")
    assert process.stdout
    try:
        address = next(found[0] for line in process.stdout if (found := re.search(r"http://[\d.]+:\d+", line)))
        podium = Podium(address)
        answer = podium.score("tiny", "how do i bake bread", ["please help you", "never"])
        again = podium.score("tiny", "how do i bake bread", ["please help you", "never"], model=answer["model"])
        assert again == answer
        with pytest.raises(Refused, match="no model 2"):
            podium.score("tiny", "how do i bake bread", ["never"], model=2)
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
    assert process.returncode in (0, -signal.SIGTERM)  # uvicorn passes the signal on when it has cleaned up


def test_a_server_is_given_for_a_model_that_is_served(save: Save) -> None:
    for server, words in (
        ("other=vllm:http://127.0.0.1:9", "no model is named 'other', which --server names"),
        ("tiny=triton:http://x:secret@127.0.0.1:9", "give NAME=vllm:http://host:8000"),
    ):
        process = start("serve", f"tiny={save('model', 1)[0]}", "--server", server)
        _, told = process.communicate(timeout=60)
        assert process.returncode == 2
        assert words in told.splitlines()[-1]
        assert "secret" not in told


def test_what_is_no_model_is_named(tmp_path: Path) -> None:
    for argument, words in ((str(tmp_path), "is no NAME=MODEL"), (f"tiny={tmp_path}", str(tmp_path))):
        process = start("serve", argument)
        _, told = process.communicate(timeout=60)
        assert process.returncode == 2
        assert words in told.splitlines()[-1]
