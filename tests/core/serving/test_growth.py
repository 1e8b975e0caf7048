"""No door of the scoring service works more than in proportion to what is sent to it; see tests/config/test_growth.py.

Each is given 1, 2 and 4 times as much, by a network of each way to read a text, and the calls in all its threads are
counted; then a megabyte, of which it must come to an end. A new door without a probe fails here.
"""

import asyncio
import json
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any
from urllib.parse import unquote

import pytest
from starlette.applications import Starlette

from rewardtrain.core.device import choose_device
from rewardtrain.core.serving.app import Service
from rewardtrain.core.serving.batcher import Batcher
from rewardtrain.core.serving.model_cache import ModelCache, Ref
from rewardtrain.core.serving.protocols import MOST_COMPLETIONS, MOST_READ, MOST_TURNS
from tests.core.serving.loops import run
from tests.core.tiny.finished import finish
from tests.growth import Measure, counting_threads, ends, largest, worse_than_linear
from tests.sized import BROKEN, Body

BASE = 200
MOST = 2**20  # bytes
LINE = 2**16  # of an address or a header
LONGEST_REFUSAL = 20_000  # bytes
NETWORKS = ["tiny_bert", "tiny_llama", "chat"]
CHATML = "<|im_start|>user\nhi<|im_end|>\n"
Sized = Callable[[int], Any]


@dataclass
class Answer:
    status_code: int
    content: bytes


@dataclass
class Doors:
    """A service with one model, whoever asks."""

    app: Starlette
    measure: Measure  # of all its threads

    def ask(self, path: str, body: bytes | None = None, headers: dict[str, str] | None = None) -> Answer:
        """A POST of a body, or a GET."""
        sent: list[Any] = []
        waiting = [{"type": "http.request", "body": body or b"", "more_body": False}]

        async def receive() -> Any:
            if waiting:
                return waiting.pop()
            await asyncio.Event().wait()  # the caller stays

        async def send(message: Any) -> None:
            sent.append(message)

        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "scheme": "http", "root_path": "",
            "method": "GET" if body is None else "POST", "path": unquote(path), "raw_path": path.encode(),
            "headers": [(name.lower().encode(), value.encode()) for name, value in (headers or {}).items()],
            "query_string": b"", "server": ("127.0.0.1", 80), "client": ("127.0.0.1", 9),
        }  # fmt: skip
        run(self.app(scope, receive, send))
        return Answer(sent[0]["status"], b"".join(message.get("body", b"") for message in sent))


@pytest.fixture(scope="module")
def doors(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Doors]:
    """Its network makes pairs, lines or a chat of prompt and completion."""
    folder = tmp_path_factory.mktemp("growth") / "model"
    finish(folder, base=request.getfixturevalue(request.param), seed=1)
    ref = Ref("tiny", 1, folder)
    models = ModelCache(choose_device(1), room=1, find=lambda *key: ref if key[0] == "tiny" else None)
    models.set_champions({"tiny": ref})
    with counting_threads() as measure:
        batcher = Batcher()
    logging.disable(logging.CRITICAL)
    yield Doors(Service(models, batcher, lambda credential, project: None).app(), measure)
    logging.disable(logging.NOTSET)
    batcher.end()


# --- What is sent -----------------------------------------------------------------------------------------------------

TEXTS: dict[str, Callable[[int], str]] = {
    "n words": lambda n: "chess " * n,
    "n letters": lambda n: "x" * n,
    "n blanks": lambda n: "a" + " " * n + "b",
    "n blanks and no end": lambda n: " " * n,
    "n line ends": lambda n: "\n" * n + "a",
    "n accents": lambda n: "a" + "\u0301" * n,
    "n halves of a pair": lambda n: "\ud800" * n,
    "n marks": lambda n: "[SEP]" * n + "a",
    "n ends": lambda n: "</s>" * n + "a",
    "n ends apart": lambda n: "</s> a " * n,
    "n ends and blanks": lambda n: "</s> \n " * n + "a",
    "n begun marks": lambda n: "<|" * n + "a",
    "n long marks": lambda n: f"<|{'a' * n}|>" + "a",
    "n turns of a template": lambda n: CHATML * n,
    "n begun turns": lambda n: "<|im_start|>user\n" * n,
    "n turns of nobody": lambda n: "<|im_start|>" * n,
    "n turns of llama": lambda n: "<|start_header_id|>user<|end_header_id|>\n\n" * n,
    "a role of n letters": lambda n: f"<|im_start|>{'a' * n}",
    "n thoughts": lambda n: f"<|im_start|>assistant\n{'<think>' * n}",
    "n blanks of a thought": lambda n: f"<|im_start|>user\n<|im_end|><|im_start|>assistant\n<think>{' ' * n}x",
}


def _texts(n: int) -> list[str]:
    return [f"{place} chess" for place in range(n)]


def _turns(n: int, *roles: str) -> list[dict[str, str]]:
    return [{"role": roles[place % len(roles)], "content": f"{place}"} for place in range(n)]


PROMPTS: dict[str, Sized] = {
    **TEXTS,
    "n turns": lambda n: _turns(n, "user", "assistant"),
    "n turns of one": lambda n: _turns(n, "user"),
    "n system turns": lambda n: _turns(n, "system"),
    "n turns of a role unknown": lambda n: _turns(n, "x" * n),
    "n empty turns": lambda n: [{"role": "user", "content": ""}] * n,
    "n turns with a mark": lambda n: [{"role": "user", "content": "</s>"}] * n,
    "a turn of n keys": lambda n: [{"role": "user", "content": "a", **{f"key{place}": 1 for place in range(n)}}],
    "a turn with a key of n letters": lambda n: [{"role": "user", "content": "a", "x" * n: 1}],
    "a turn of n texts": lambda n: [{"role": "user", "content": ["a"] * n}],
    "n lists in one another": lambda n: json.loads("[" * min(n, 900) + "]" * min(n, 900)),
}


def _groups() -> Iterator[tuple[str, Sized]]:
    """A prompt and its completions, with too much of one or the other."""
    for what, sized in PROMPTS.items():
        yield f"a prompt of {what}", lambda n, sized=sized: {"prompt": sized(n), "completions": ["a", "b"]}  # type: ignore[misc]
    for what, text in TEXTS.items():
        yield f"a completion of {what}", lambda n, text=text: {"prompt": "a", "completions": [text(n), "b"]}  # type: ignore[misc]
    yield "n completions", lambda n: {"prompt": "a", "completions": _texts(n)}
    yield "n equal completions", lambda n: {"prompt": "a", "completions": ["chess"] * n}
    yield "n empty completions", lambda n: {"prompt": "a", "completions": [""] * n}
    yield "n completions of n/8 lengths", lambda n: {"prompt": "", "completions": ["a " * (i // 8) for i in range(n)]}
    yield "n completions that are none", lambda n: {"prompt": "a", "completions": [{}] * n}
    yield "n completions by pairs", lambda n: {"prompt": "a", "completions": _texts(n), "pairwise": True}
    yield "n unknown keys", lambda n: {"prompt": "a", "completions": ["b"], **{f"key{at}": 1 for at in range(n)}}
    yield "a key of n letters", lambda n: {"prompt": "a", "completions": ["b"], "x" * n: 1}


def _score() -> Iterator[tuple[str, Sized]]:
    yield from _groups()
    yield "a version of n digits", lambda n: {"prompt": "a", "completions": ["b"], "model": int("9" * min(n, 4000))}
    yield "a version of n letters", lambda n: {"prompt": "a", "completions": ["b"], "model": "x" * n}


def _rows() -> Iterator[tuple[str, Sized]]:
    yield "a row of n completions", lambda n: {"rows": [{"prompt": "a", "completions": _texts(n)}]}
    yield "a row of n turns", lambda n: {"rows": [{"prompt": _turns(n, "user", "assistant"), "completions": ["a"]}]}
    yield (
        "a row of n keys",
        lambda n: {"rows": [{"prompt": "a", "completions": ["b"], **{f"key{at}": 1 for at in range(n)}}]},
    )
    yield "n rows", lambda n: {"rows": [{"prompt": text, "completions": ["a"]} for text in _texts(n)]}
    yield "n equal rows", lambda n: {"rows": [{"prompt": "a", "completions": ["chess"]}] * n}
    yield "n bad rows", lambda n: {"rows": [{}] * n}
    yield "n rows and a bad one", lambda n: {"rows": [{"prompt": "a", "completions": ["b"]}] * n + [7]}
    yield "n rows with a text that is none", lambda n: {"rows": [{"prompt": "a", "completions": ["\ud800"]}] * n}
    yield "n lists", lambda n: {"rows": [[]] * n}


def _rewards() -> Iterator[tuple[str, Sized]]:
    for what, text in TEXTS.items():
        yield (
            f"a prompt of {what}",
            lambda n, text=text: {"query": [f"{text(n)}b"], "prompts": [text(n)]},  # type: ignore[misc]
        )
        if not text(1).strip("ab </sSEP[]>|\n"):  # what may stand before a prompt, or nearly
            yield (
                f"a prompt after {what}",
                lambda n, text=text: {"query": [f"{text(n)}hm b"], "prompts": ["hm"]},  # type: ignore[misc]
            )
        yield f"a query of {what}", lambda n, text=text: {"query": [text(n)]}  # type: ignore[misc]
    yield "n queries", lambda n: {"query": _texts(n)}
    yield "n queries with prompts", lambda n: {"query": [f"a{text}" for text in _texts(n)], "prompts": ["a"] * n}
    yield "n prompts for one", lambda n: {"query": ["a"], "prompts": ["a"] * n}
    yield "n equal queries", lambda n: {"query": ["chess"] * n}
    yield "a prompt that almost is there", lambda n: {"query": ["a" * 2 * n], "prompts": ["a" * n + "b"]}
    yield "n labels", lambda n: {"query": ["a"], "labels": _texts(n)}
    yield "n unknown keys", lambda n: {"query": ["a"], **{f"key{place}": 1 for place in range(n)}}


def _tokens() -> Iterator[tuple[str, Sized]]:
    for what, sized in PROMPTS.items():
        yield f"a prompt of {what}", lambda n, sized=sized: {"prompt": sized(n), "completion": "a"}  # type: ignore[misc]
    for what, text in TEXTS.items():
        yield f"a completion of {what}", lambda n, text=text: {"prompt": "a", "completion": text(n)}  # type: ignore[misc]


def _classify() -> Iterator[tuple[str, Sized]]:
    for what, text in TEXTS.items():
        yield f"a text of {what}", lambda n, text=text: {"input": text(n), "truncate_prompt_tokens": -1}  # type: ignore[misc]
        yield (
            f"a turn of {what}",
            lambda n, text=text: {"messages": [*_turns(1, "user"), {"role": "assistant", "content": text(n)}]},  # type: ignore[misc]
        )
    yield "n texts", lambda n: {"input": _texts(n)}
    yield "n texts that are none", lambda n: {"input": [{}] * n}
    yield "n turns", lambda n: {"messages": _turns(2 * n, "user", "assistant"), "truncate_prompt_tokens": -1}
    yield (
        "a turn of n parts",
        lambda n: {
            "messages": [*_turns(1, "user"), {"role": "assistant", "content": [{"type": "text", "text": "a"}] * n}]
        },
    )
    yield "a model of n letters", lambda n: {"input": "a", "model": "x" * n}
    yield "a version of n digits", lambda n: {"input": "a", "model": "tiny@" + "9" * n}
    yield "n unknown keys", lambda n: {"input": "a", **{f"key{at}": 1 for at in range(n)}}
    yield "a template of n letters", lambda n: {"input": "a", "chat_template": "x" * n}
    yield "n tokens to cut to", lambda n: {"input": "chess " * n, "truncate_prompt_tokens": n + 3}


def _sides() -> Iterator[tuple[str, Sized]]:
    for what, text in TEXTS.items():
        yield f"a prompt of {what}", lambda n, text=text: {"text_1": text(n), "text_2": "a"}  # type: ignore[misc]
    yield "n texts", lambda n: {"text_1": "a", "text_2": _texts(n)}
    yield "n pairs", lambda n: {"text_1": _texts(n), "text_2": _texts(n)}
    yield "n and one", lambda n: {"text_1": _texts(n), "text_2": "a"}
    yield "n parts", lambda n: {"text_1": "a", "text_2": {"content": [{"type": "text", "text": "a"}] * n}}


def _documents(name: str) -> Iterator[tuple[str, Sized]]:
    for what, text in TEXTS.items():
        yield f"a query of {what}", lambda n, text=text: {"query": text(n), name: ["a", "b"]}  # type: ignore[misc]
    yield "n texts", lambda n: {"query": "a", name: _texts(n)}
    yield "n equal texts", lambda n: {"query": "a", name: ["chess"] * n}
    yield "the best n", lambda n: {"query": "a", name: _texts(n), "top_n": n}


def _predict() -> Iterator[tuple[str, Sized]]:
    for what, text in TEXTS.items():
        yield f"a text of {what}", lambda n, text=text: {"inputs": text(n)}  # type: ignore[misc]
    yield "n texts", lambda n: {"inputs": [[text] for text in _texts(n)]}
    yield "n pairs", lambda n: {"inputs": [["a", text] for text in _texts(n)]}
    yield "a row of n texts", lambda n: {"inputs": [_texts(n)]}
    yield "n rows that are none", lambda n: {"inputs": [["a"], *[7] * n]}
    yield "a direction of n letters", lambda n: {"inputs": "a", "truncation_direction": "x" * n}


SCORE = "/{project}/score"
BODIES: dict[str, Callable[[], Iterator[tuple[str, Sized]]]] = {
    SCORE: _score,
    "/{project}/rows": _rows,
    "/{project}/rewards": _rewards,
    "/{project}/tokens": _tokens,
    "/{project}/classify": _classify,
    "/{project}/pooling": lambda: (("n texts", lambda n: {"input": _texts(n)}) for _ in range(1)),  # reads as classify
    "/{project}/v1/score": _sides,
    "/{project}/rerank": lambda: chain(_documents("documents"), _documents("texts")),
    "/{project}/v1/rerank": lambda: (("n texts", lambda n: {"query": "a", "documents": _texts(n)}) for _ in range(1)),
    "/{project}/v2/rerank": lambda: (("n texts", lambda n: {"query": "a", "documents": _texts(n)}) for _ in range(1)),
    "/{project}/predict": _predict,
}
# Which read an address and its headers.
GETS = {"/healthz", "/health", "/readyz", "/models", "/metrics"}
GETS |= {"/{project}/health", "/{project}/info", "/{project}/v1/models"}


def sized_bodies(made: Iterator[tuple[str, Sized]]) -> dict[str, Body]:
    return {what: lambda n, sized=sized: json.dumps(sized(n)).encode() for what, sized in made}  # type: ignore[misc]


def bodies(door: str) -> dict[str, Body]:
    return sized_bodies(BODIES[door]()) | (BROKEN if door == SCORE else {})  # one reader for all doors


def heads() -> Iterator[tuple[str, Callable[[int], tuple[str, dict[str, str]]]]]:
    """Addresses and headers of n letters."""
    for door in (*BODIES, *GETS):
        for what, letter in (("letters", "x"), ("slashes", "/"), ("escapes", "%2F"), ("zeros", "%00")):
            name = door.replace("{project}", "tiny")
            yield f"{door}: n {what} after it", lambda n, name=name, letter=letter: (name + letter * n, {})  # type: ignore[misc]
            if name != door:
                yield (
                    f"{door}: a project of n {what}",
                    lambda n, door=door, letter=letter: (door.replace("{project}", letter * n), {}),
                )  # type: ignore[misc]
    for what in ("Bearer ", "Basic ", "", " "):
        for letter in ("x", " ", "=", "eDp4"):
            yield (
                f"{what!r} and n of {letter!r}",
                lambda n, what=what, letter=letter: ("/models", {"Authorization": what + letter * n}),
            )  # type: ignore[misc]


# The others read prompts and texts as SCORE does.
COUNTED = [*((network, SCORE) for network in NETWORKS), *(("tiny_bert", door) for door in BODIES if door != SCORE)]
BY_TEMPLATES = (
    "a prompt of n turns",
    "a prompt of n turns with a mark",
    "a prompt of n ends",
    "a completion of n ends",
)

# --- What is counted --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("doors", NETWORKS[:1], indirect=True)
def test_every_door_has_a_probe(doors: Doors) -> None:
    assert {route.path for route in doors.app.routes} == {*BODIES, *GETS}  # type: ignore[attr-defined]


@pytest.mark.parametrize(("doors", "door"), COUNTED, indirect=["doors"])
def test_no_door_does_more_than_four_times_the_work_for_four_times_the_body(doors: Doors, door: str) -> None:
    path = door.replace("{project}", "tiny")
    found = {}
    for what, body in bodies(door).items():
        found[what] = worse_than_linear(lambda n, body=body: doors.ask(path, body(n)), BASE, doors.measure)  # type: ignore[misc]
    assert not {name: worse for name, worse in found.items() if worse}


@pytest.mark.parametrize(
    ("doors", "door", "only"),
    [*(("tiny_bert", door, ()) for door in BODIES), ("chat", SCORE, BY_TEMPLATES)],
    indirect=["doors"],
)
def test_every_door_comes_to_an_end_of_a_megabyte(doors: Doors, door: str, only: tuple[str, ...]) -> None:
    path, sent = door.replace("{project}", "tiny"), bodies(door)
    found = {what: at_most(doors, path, sent[what]) for what in only or sent}
    assert not {what: problem for what, problem in found.items() if problem}


@pytest.mark.parametrize("doors", NETWORKS, indirect=True)
@pytest.mark.parametrize(
    "prompt",
    [
        "chess " * (MOST_READ // MOST_COMPLETIONS // 6),
        "[SEP]" * (MOST_READ // MOST_COMPLETIONS // 5),
        [{"role": role, "content": "chess"} for role in ("user", "assistant")] * (MOST_TURNS // MOST_COMPLETIONS // 2),
    ],
    ids=["words", "marks", "turns"],
)
def test_as_many_completions_of_as_long_a_prompt_as_are_taken_come_to_an_end(doors: Doors, prompt: object) -> None:
    """Each is read after the whole prompt; more is refused at once."""
    body = {"prompt": prompt, "completions": _texts(MOST_COMPLETIONS)}
    with ends():
        assert doors.ask("/tiny/score", json.dumps(body).encode()).status_code == 200
    more = {**body, "prompt": prompt * 2}  # type: ignore[operator]
    with ends():
        refusal = doors.ask("/tiny/score", json.dumps(more).encode())
    assert refusal.status_code == 400
    assert b"send fewer completions a request" in refusal.content


def at_most(doors: Doors, path: str, body: Body) -> str:
    most = largest(lambda n: len(body(n)), MOST)
    try:
        with ends():
            answer = doors.ask(path, body(most))
    except (AssertionError, MemoryError) as error:
        return repr(error)
    refused = answer.status_code >= 400 and len(answer.content) > LONGEST_REFUSAL
    return f"{answer.status_code}, {len(answer.content):,} bytes" if answer.status_code >= 500 or refused else ""


@pytest.mark.parametrize("doors", NETWORKS[:1], indirect=True)
def test_addresses_and_headers_cost_no_more_than_they_are_long(doors: Doors) -> None:
    found = {}
    for name, made in heads():
        found[name] = worse_than_linear(lambda n, made=made: _answer(doors, *made(n)), BASE, doors.measure)  # type: ignore[misc]
        with ends():
            assert _answer(doors, *made(LINE // 4)).status_code < 500
    assert not {name: worse for name, worse in found.items() if worse}


def _answer(doors: Doors, path: str, headers: dict[str, str]) -> Answer:
    posted = path.split("/")[-1] in {door.split("/")[-1] for door in BODIES} or (
        "tiny" in path and not path.startswith(("/tiny/health", "/tiny/info", "/tiny/v1/models"))
    )
    return doors.ask(path, b"{}" if posted else None, headers)
