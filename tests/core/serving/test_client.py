"""podium_client, the one file that people download, against the running service."""

import ast
import json
import pickle
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import requests
from podium_client import CHUNK_COMPLETIONS, Podium, PodiumError, Refused, Unavailable

from rewardtrain.core.serving.model_cache import Ref
from tests.core.serving.conftest import Serve
from tests.core.tiny.finished import Save

PROMPT, TEXTS = "how do i bake bread", ["never", "please help you", "go away stupid question"]
FILE = Path(__file__).resolve().parents[3] / "static" / "podium_client.py"


def test_it_scores_and_chooses(save: Save, serve: Serve) -> None:
    service = serve(Ref("tiny", 1, save("model", 1)[0]))
    podium = Podium(service.url)
    answer = podium.score("tiny", PROMPT, TEXTS, pairwise=True)
    assert answer == service.post("tiny/score", {"prompt": PROMPT, "completions": TEXTS, "pairwise": True}).json()
    assert podium.best("tiny", PROMPT, TEXTS) == TEXTS[answer["best"]]


def test_any_number_of_pairs_is_scored_in_their_order(save: Save, serve: Serve) -> None:
    service = serve(Ref("tiny", 1, save("model", 1)[0]))
    podium = Podium(service.url)
    pairs = [(f"{'how do i' if turn % 7 < 4 else 'learn'} chess", TEXTS[turn % 3]) for turn in range(1000)]
    wanted = {
        (prompt, text): reward
        for prompt in ("how do i chess", "learn chess")
        for text, reward in zip(TEXTS, podium.score("tiny", prompt, TEXTS)["rewards"], strict=True)
    }
    np.testing.assert_allclose(podium.rewards("tiny", pairs), [wanted[pair] for pair in pairs], atol=1e-5)
    assert podium.rewards("tiny", []) == []
    requests_made = 2 + -(-len(pairs) // CHUNK_COMPLETIONS)
    metrics = requests.get(f"{service.url}/metrics", timeout=60).text
    assert f'podium_score_requests_total{{project="tiny",status="200"}} {requests_made}.0' in metrics


def test_messages_are_scored_as_the_service_scores_them(save: Save, serve: Serve) -> None:
    service = serve(Ref("tiny", 1, save("model", 1)[0]))
    reward = Podium(service.url).reward_function("tiny")
    said = [{"role": "assistant", "content": TEXTS[1]}]
    question = [{"role": "user", "content": PROMPT, "name": None}]
    parts = [{"role": "user", "content": [{"type": "text", "text": PROMPT}]}]
    several = [{"role": "assistant", "content": "go away"}, {"role": "user", "content": "help"}, *said]
    turns = [question[0], *several]
    got = reward([PROMPT, question, parts, question, PROMPT], [TEXTS[1], said, said, several, several])
    plain = [{"role": turn["role"], "content": turn["content"]} for turn in turns[:-1]]
    one, other = ({"prompt": prompt, "completions": [TEXTS[1]]} for prompt in (PROMPT, plain))
    wanted = [service.post("tiny/score", body).json()["rewards"][0] for body in (one, other)]
    np.testing.assert_allclose(got, [wanted[0]] * 3 + [wanted[1]] * 2, atol=1e-5)
    assert wanted[0] != wanted[1]


def test_a_token_is_taken_apart_or_from_the_address(save: Save, serve: Serve) -> None:
    service = serve(Ref("tiny", 1, save("model", 1)[0]), token="a secret/@")
    inside = service.url.replace("://", "://x:a%20secret%2F%40@")
    for podium in (Podium(service.url + "/", "a secret/@"), Podium(inside), pickle.loads(pickle.dumps(Podium(inside)))):
        assert len(podium.score("tiny", PROMPT, TEXTS)["rewards"]) == 3
    with pytest.raises(Refused, match="401: Send a token") as refused:
        Podium(service.url).score("tiny", PROMPT, TEXTS)
    assert (refused.value.status, refused.value.code) == (401, "not_authenticated")


def test_what_is_wrong_is_told_in_the_services_words_and_not_asked_again(save: Save, serve: Serve) -> None:
    service = serve(Ref("tiny", 1, save("model", 1)[0]))
    podium = Podium(service.url)
    for project, texts, words in (
        ("tiny", [], "400: .*completions: must be a list of at least one text"),
        ("tiny", "never", '400: .*completions: must be a list of at least one text .got "never"'),
        ("tiny", ["a\ud800"], "400: .*half a surrogate pair"),
        ("tiny", ["a"] * 1025, "400: 1,025 completions at once"),
        ("other/../tiny", ["a"], "404: "),
        ("other", ["a"], "409: .*no champion yet"),
    ):
        with pytest.raises(Refused, match=words):
            podium.score(project, PROMPT, texts)
    for url in ("podium.example:8001", "ftp://podium.example", ""):
        with pytest.raises(ValueError, match="it must be like http://host:8001"):
            Podium(url)


def test_another_service_is_asked_where_one_does_not_answer(save: Save, serve: Serve) -> None:
    folder, _ = save("model", 1)
    first, second = (serve(Ref("tiny", 1, folder)) for _ in range(2))
    podium = Podium(f"http://127.0.0.1:9,{first.url}, {second.url}", patience=0)
    wanted = podium.score("tiny", PROMPT, TEXTS)
    for _ in range(3):
        assert podium.score("tiny", PROMPT, TEXTS) == wanted
    first.end()
    for _ in range(3):
        assert podium.score("tiny", PROMPT, TEXTS) == wanted
    second.end()
    with pytest.raises(Unavailable, match="doesn't answer"):
        podium.score("tiny", PROMPT, TEXTS)


def test_a_promotion_between_two_requests_of_one_call_mixes_no_rewards(save: Save, serve: Serve) -> None:
    old, new = (Ref("tiny", version, save(str(version), version)[0]) for version in (1, 2))
    service = serve(new, old)  # old is the champion, and new is known
    podium = Podium(service.url)
    (before,), (after,) = (podium.rewards("tiny", [(PROMPT, TEXTS[0])], model=version) for version in (1, 2))
    assert before != pytest.approx(after, abs=1e-3)

    def pairs() -> Iterator[tuple[str, str]]:
        for place in range(3 * CHUNK_COMPLETIONS):
            if place == 2 * CHUNK_COMPLETIONS:  # the first request has been answered
                service.models.set_champions({"tiny": new})
            yield PROMPT, TEXTS[0]

    np.testing.assert_allclose(podium.rewards("tiny", pairs()), before, atol=1e-5)
    assert podium.score("tiny", PROMPT, TEXTS)["model"] == 2
    queries = ["please"] * 2 * CHUNK_COMPLETIONS
    (asked_of_old,) = podium.query_rewards("tiny@1", ["please"], [""])
    np.testing.assert_allclose(podium.query_rewards("tiny@1", queries, [""] * len(queries)), asked_of_old, atol=1e-5)


def test_a_training_outlives_a_restart_of_the_service(save: Save, serve: Serve) -> None:
    first = serve(Ref("tiny", 1, save("1", 1)[0]))
    podium = Podium(first.url, patience=60)
    seen: list[int] = []
    failed: list[PodiumError] = []

    def train() -> None:
        try:
            while 2 not in seen:
                seen.append(podium.score("tiny", PROMPT, TEXTS)["model"])
        except PodiumError as error:
            failed.append(error)

    training = threading.Thread(target=train)
    training.start()
    while len(seen) < 3:
        assert training.is_alive()
    first.end()
    serve(Ref("tiny", 2, save("2", 2)[0]), port=int(first.url.rpartition(":")[2]))
    training.join(60)
    assert not failed
    assert set(seen) == {1, 2}


@pytest.fixture
def bad_day() -> Iterator[tuple[str, list[int | None]]]:
    """The address of a proxy in whose mouth these statuses are put, None for a lost connection; then it answers."""
    statuses: list[int | None] = []

    class Proxy(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            status = statuses.pop(0) if statuses else 200
            if status is None:
                self.close_connection = True
                return
            content = json.dumps({"best": 1}).encode() if status == 200 else b"<h1>Bad Gateway</h1>"
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *values: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}", statuses
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_bad_gateway_and_a_lost_connection_are_tried_again(bad_day: tuple[str, list[int | None]]) -> None:
    url, statuses = bad_day
    statuses += [502, None, None]
    assert Podium(url).best("tiny", PROMPT, TEXTS) == TEXTS[1]
    assert not statuses
    impatient = Podium(url, patience=0)
    assert impatient.best("tiny", PROMPT, TEXTS) == TEXTS[1]
    statuses += [None]  # the kept connection alone
    assert impatient.best("tiny", PROMPT, TEXTS) == TEXTS[1]
    assert not statuses


def test_patience_ends_with_what_was_the_matter(
    bad_day: tuple[str, list[int | None]], caplog: pytest.LogCaptureFixture
) -> None:
    url, statuses = bad_day
    statuses += [503] * 9
    with pytest.raises(Unavailable, match="503: no answer of a scoring service: '<h1>Bad Gateway</h1>'"):
        Podium(url, patience=0.3).score("tiny", PROMPT, TEXTS)
    assert 5 < len(statuses) < 9
    assert ["trying again for up to 0 s" in message for message in caplog.messages] == [True]
    with pytest.raises(Unavailable, match=r"127\.0\.0\.1:9 doesn't answer: ConnectionRefusedError") as down:
        Podium("http://127.0.0.1:9", patience=0).score("tiny", PROMPT, TEXTS)
    assert down.value.status is None


def test_the_file_stands_alone_on_an_old_python() -> None:
    tree = ast.parse(FILE.read_text(encoding="utf-8"), feature_version=(3, 9))
    names = [node.names[0].name for node in ast.walk(tree) if isinstance(node, ast.Import)]
    names += [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    assert {name.partition(".")[0] for name in names} <= sys.stdlib_module_names
