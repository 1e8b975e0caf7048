"""Ask a Podium's scoring service for rewards, with nothing but Python's standard library (3.9 or newer).

    curl -O https://podium.example/static/podium_client.py

    podium = Podium("http://podium.example:8001", token="...")
    podium.score("helpful", "How do I bake bread?", ["Mix, rest, bake.", "No."])["rewards"]
    podium.best("helpful", "How do I bake bread?", ["Mix, rest, bake.", "No."])
    trl.GRPOTrainer(..., reward_funcs=podium.reward_function("helpful"))

A prompt is a text, or a list of messages {"role", "content"}. What fails on the way (no connection, a service that
starts again, one that is busy) is tried again for `patience` seconds, so that a training outlives a restart. Scoring
changes nothing, so asking twice does no harm. One Podium may be used by several threads and be pickled.
"""

from __future__ import annotations

import base64
import http.client
import json
import logging
import os
import random
import ssl
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Union
from urllib.parse import quote, unquote, urlsplit

Prompt = Union[str, Sequence[Mapping[str, Any]]]
Completion = Union[str, Sequence[Mapping[str, Any]]]  # messages, as TRL has them: the last one is what is scored
Answer = dict[str, Any]

CHUNK_COMPLETIONS, CHUNK_CHARACTERS = 256, 1_000_000  # of one request; the service takes 1,024 and 32 MiB
TRY_AGAIN = (429, 502, 503, 504)
FIRST_PAUSE, LONGEST_PAUSE = 0.25, 10.0  # seconds

logger = logging.getLogger("podium_client")


class PodiumError(Exception):
    """What the service said, or why it could not be asked. status is None where nothing was answered."""

    def __init__(self, detail: str, *, status: int | None = None, code: str = "") -> None:
        super().__init__(detail)
        self.status, self.code = status, code


class Refused(PodiumError):
    """The request is wrong, or not allowed, or there is no such model: the same again would be refused again."""


class Unavailable(PodiumError):
    """Nothing was answered for as long as patience lasted."""


class Podium:
    """A scoring service; see docs/serving.md of Podium for all that it answers."""

    def __init__(self, url: str, token: str | None = None, *, timeout: float = 150.0, patience: float = 600.0) -> None:
        """url: where the service is, with the token in it (http://x:TOKEN@host:8001) or apart; several with commas,
        of which another is asked where one doesn't answer. timeout: seconds for one answer; the service itself gives
        up after 120. patience: seconds of trying again; 0 tries each once.
        """
        self._places = [_Place(each.strip(), token) for each in url.split(",")]
        self._at = random.randrange(len(self._places))  # so that many clients share them
        self._timeout, self._patience = timeout, patience
        self._local = threading.local()

    def score(self, project: str, prompt: Prompt, completions: Sequence[str], **options: Any) -> Answer:
        """rewards, logits, probabilities, best and more of one prompt's completions, at most 1,024.

        options: model=VERSION (default: the champion), raw=True, pairwise=True. Raises Refused, Unavailable.
        """
        texts = completions if isinstance(completions, str) else list(completions)  # one text alone is refused
        return self._post(project, "score", {"prompt": prompt, "completions": texts, **options})

    def best(self, project: str, prompt: Prompt, completions: Sequence[str], **options: Any) -> str:
        """The completion of the highest reward. Raises Refused, Unavailable."""
        best: int = self.score(project, prompt, completions, **options)["best"]
        return completions[best]

    def rewards(self, project: str, pairs: Iterable[tuple[Prompt, Completion]], **options: Any) -> list[float]:
        """A reward for each (prompt, completion), of any number, in requests of some hundreds. As score."""
        return [reward for answer in self.answers(project, pairs, **options) for reward in answer["rewards"]]

    def answers(self, project: str, pairs: Iterable[tuple[Prompt, Completion]], **options: Any) -> Iterator[Answer]:
        """What score tells, of each run of pairs with the same prompt: asked for together, it is read once."""
        for rows in _chunks(pairs):
            answer = self._post(project, "rows", {"rows": rows, **options})
            if options.get("model") is None:  # a promotion meanwhile must not make it rewards of two models
                options["model"] = answer["model"]
            yield from answer["rows"]

    def query_rewards(self, project: str, queries: Sequence[str], prompts: Sequence[str]) -> list[float]:
        """A reward for each query: the text of its prompt, as a policy's chat template writes it, with its completion.

        project: helpful, or helpful@3 for a version. Raises Refused, Unavailable.
        """
        rewards: list[float] = []
        for start in range(0, len(queries), CHUNK_COMPLETIONS):
            part = slice(start, start + CHUNK_COMPLETIONS)
            body = {"query": list(queries[part]), "prompts": list(prompts[part])}
            answer = self._post(project, "rewards", body)
            rewards += answer["rewards"]
            project = f"{project.partition('@')[0]}@{answer['model']}"  # for the same reason as in answers
        return rewards

    def reward_function(self, project: str, **options: Any) -> RewardFunction:
        """For TRL's reward_funcs. Give model=VERSION, or a promotion amid the training changes the reward."""
        return RewardFunction(self, project, options)

    def _post(self, project: str, what: str, body: Mapping[str, Any]) -> Answer:
        path = f"/{quote(project, safe='')}/{what}"
        content = json.dumps(body, ensure_ascii=False).encode("utf-8", "surrogatepass")
        ends, pause, left = time.monotonic() + self._patience, FIRST_PAUSE, len(self._places)
        while True:
            at = self._at
            kept = self._connection(at).sock is not None
            try:
                return self._ask(at, path, content)
            except Unavailable as error:
                if kept and error.status is None:  # the connection may have died with a service that is back already
                    continue
                self._at, left = (at + 1) % len(self._places), left - 1
                if left > 0:
                    continue
                left = len(self._places)
                if time.monotonic() + pause > ends:
                    raise
                if pause == FIRST_PAUSE:
                    logger.warning("%s; trying again for up to %.0f s", error, self._patience)
            time.sleep(pause * random.uniform(0.5, 1.0))
            pause = min(2 * pause, LONGEST_PAUSE)

    def _ask(self, at: int, path: str, content: bytes) -> Answer:
        connection, place = self._connection(at), self._places[at]
        try:
            connection.request("POST", place.path + path, content, place.headers)
            response = connection.getresponse()
            status, text = response.status, response.read()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            words = f"The scoring service at {place.host}:{connection.port} doesn't answer: {error!r}"
            kind = Refused if isinstance(error, ssl.SSLCertVerificationError) else Unavailable
            raise kind(words) from error
        try:
            answer: Answer = json.loads(text)
            if status == 200:
                return answer
            code, detail = answer["errors"][0]["code"], answer["errors"][0]["detail"]
        except (ValueError, LookupError, TypeError):
            code, detail = "", f"no answer of a scoring service: {text[:200].decode(errors='replace').strip()!r}"
        kind = Unavailable if status in TRY_AGAIN else Refused
        raise kind(f"{status}: {detail}", status=status, code=code)

    def _connection(self, at: int) -> http.client.HTTPConnection:
        """This thread's own to one of the places; a forked process makes its own too."""
        kept: _Kept | None = getattr(self._local, "kept", None)
        if kept is None or (kept.process, kept.at) != (os.getpid(), at):
            place = self._places[at]
            kind = http.client.HTTPSConnection if place.secure else http.client.HTTPConnection
            kept = self._local.kept = _Kept(kind(place.host, place.port, timeout=self._timeout), at)
        return kept.connection

    def __getstate__(self) -> Answer:
        return {name: value for name, value in self.__dict__.items() if name != "_local"}

    def __setstate__(self, state: Answer) -> None:
        self.__dict__.update(state, _local=threading.local())


class _Place:
    """Where a service is, and what opens it."""

    def __init__(self, url: str, token: str | None) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"url is {url!r}; it must be like http://host:8001")
        self.secure, self.host, self.port = parts.scheme == "https", parts.hostname, parts.port
        self.path, self.headers = parts.path.rstrip("/"), {"Content-Type": "application/json"}
        if token:
            self.headers["Authorization"] = f"Bearer {token}"
        elif parts.password:
            user = f"{unquote(parts.username or '')}:{unquote(parts.password)}"
            self.headers["Authorization"] = f"Basic {base64.b64encode(user.encode()).decode()}"


class _Kept:
    """A connection to one of the places for as long as its thread uses it."""

    def __init__(self, connection: http.client.HTTPConnection, at: int) -> None:
        self.connection, self.process, self.at = connection, os.getpid(), at

    def __del__(self) -> None:
        self.connection.close()


class RewardFunction:
    """A reward for each prompt and completion, as TRL's trainers ask for it. TRL logs it by __name__."""

    def __init__(self, podium: Podium, project: str, options: Mapping[str, Any]) -> None:
        self._podium, self._project, self._options = podium, project, options
        self.__name__ = f"podium_{project}"

    def __call__(self, prompts: Sequence[Prompt], completions: Sequence[Completion], **kwargs: Any) -> list[float]:
        """Raises Refused, Unavailable."""
        answers = list(self._podium.answers(self._project, zip(prompts, completions), **self._options))
        if (
            "log_metric" in kwargs
        ):  # to be seen beside the reward: a rise says that the model is asked what it hasn't learnt
            for name in ("truncated", "uncertainty"):
                values = [value for answer in answers for value in answer.get(name, ())]
                if values:
                    kwargs["log_metric"](f"{self.__name__}/{name}", sum(values) / len(values))
        return [reward for answer in answers for reward in answer["rewards"]]


def _chunks(pairs: Iterable[tuple[Prompt, Completion]]) -> Iterator[list[Answer]]:
    """Rows {"prompt", "completions"} for one request each, in the order of the pairs."""
    rows: list[Answer] = []
    completions = characters = 0
    for pair in pairs:
        prompt, completion = _plain(*pair)
        row = {"prompt": prompt, "completions": [completion]}
        size = len(json.dumps(row))
        if rows and (completions == CHUNK_COMPLETIONS or characters + size > CHUNK_CHARACTERS):
            yield rows
            rows, completions, characters = [], 0, 0
        if rows and rows[-1]["prompt"] == prompt:
            rows[-1]["completions"].append(completion)
        else:
            rows.append(row)
        completions, characters = completions + 1, characters + size
    if rows:
        yield rows


def _plain(prompt: Prompt, completion: Completion) -> tuple[Prompt, str]:
    """Messages as the service takes them. Of several in a completion, those before the last belong to the prompt."""
    turns = [] if isinstance(completion, str) else [_message(turn) for turn in completion]
    messages = prompt if isinstance(prompt, str) else [_message(turn) for turn in prompt]
    if not turns:
        return messages, completion if isinstance(completion, str) else ""
    before = [{"role": "user", "content": messages}] if isinstance(messages, str) else list(messages)
    return (before + turns[:-1] if turns[:-1] else messages), turns[-1]["content"]


def _message(turn: Mapping[str, Any]) -> dict[str, Any]:
    content = turn.get("content") or ""
    if not isinstance(content, str):  # a list of parts, of which the texts are read
        content = "".join(part.get("text") or "" for part in content)
    return {"role": turn.get("role"), "content": content}
