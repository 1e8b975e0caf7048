"""The doors of the scoring service, as an ASGI application.

POST /PROJECT/score      one prompt's completions
POST /PROJECT/rows       several prompts, each with its completions
POST /PROJECT/rewards    OpenRLHF's remote reward
POST /PROJECT/tokens     which tokens one completion's reward came from
GET  /healthz /readyz /metrics /models
"""

import asyncio
import base64
import binascii
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from concurrent.futures import Future
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from formats import values
from rewardtrain.core.data.encoding import Encoded
from rewardtrain.core.data.groups import Group
from rewardtrain.core.errors import CoreError, DataError
from rewardtrain.core.score import Scorer, refusal
from rewardtrain.core.serving.batcher import Batcher, Tick, UnreadableError
from rewardtrain.core.serving.model_cache import ModelCache, Ref
from rewardtrain.core.serving.problems import Refused, http_error, response_to
from rewardtrain.core.serving.protocols import Asked, parse_queries, parse_rows, parse_score, parse_tokens
from rewardtrain.core.serving.service_metrics import Metrics

MOST_BYTES = 32 * 2**20
SECONDS = 120.0  # after which nobody waits for an answer any more
LONGEST_NAME = 200  # of a project

logger = logging.getLogger(__name__)

Authorize = Callable[[str | None, str | None], None]  # (credential, project); raises Refused
Answer = dict[str, Any]
Parse = Callable[[object], Asked]
Door = Callable[[Request], Awaitable[Response]]
Result = TypeVar("Result")


class Service:
    """What the doors share."""

    def __init__(self, models: ModelCache, batcher: Batcher, authorize: Authorize, *, seconds: float = SECONDS) -> None:
        self._cache, self._batcher, self._authorize, self._seconds = models, batcher, authorize, seconds
        self._metrics = Metrics(batcher)

    def app(self) -> Starlette:
        @asynccontextmanager
        async def lifespan(app: Starlette) -> AsyncIterator[None]:
            yield
            await run_in_threadpool(self._batcher.end)

        routes = [
            Route("/healthz", _healthz),
            Route("/readyz", self._readyz),
            Route("/models", self._for_administrators(self._models)),
            Route("/metrics", self._for_administrators(self._show_metrics)),
            Route("/{project}/score", self._scores(parse_score, _one), methods=["POST"]),
            Route("/{project}/rows", self._scores(parse_rows, _rows), methods=["POST"]),
            Route("/{project}/rewards", self._scores(parse_queries, _rewards), methods=["POST"]),
            Route("/{project}/tokens", self._door(self._tokens), methods=["POST"]),
        ]
        return Starlette(routes=routes, lifespan=lifespan, exception_handlers={HTTPException: http_error})

    def _scores(self, parse: Parse, write: Callable[[Ref, list[Answer]], Answer]) -> Door:
        async def scores(request: Request) -> Answer:
            return await self._answer(request, parse, write)

        return self._door(scores)

    def _door(self, answer: Callable[[Request], Awaitable[Answer]]) -> Door:
        async def door(request: Request) -> Response:
            began = time.perf_counter()
            try:
                response: Response = JSONResponse(await answer(request))
            except Exception as error:
                response = response_to(error)
                if response.status_code == 500:
                    logger.exception("%s could not be answered", request.url.path)
            project = request.path_params["project"]
            known = project if self._cache.knows(project) else ""
            self._metrics.note(known, response.status_code, time.perf_counter() - began)
            return response

        return door

    async def _asked(self, request: Request, parse: Parse) -> tuple[Asked, Ref, Scorer]:
        project = request.path_params["project"]
        if "\0" in project or len(project) > LONGEST_NAME:  # which no database looks up
            raise Refused(404, "not_found", "There is no such project that you can see.")
        await run_in_threadpool(self._authorize, credential(request), project)
        asked = parse(await _json(request))
        return asked, *await run_in_threadpool(self._cache.get, project, asked.version)

    async def _answer(self, request: Request, parse: Parse, write: Callable[[Ref, list[Answer]], Answer]) -> Answer:
        asked, ref, scorer = await self._asked(request, parse)

        encoded = await run_in_threadpool(_encode, scorer, asked.groups)
        flat = [sequence for sequences in encoded for sequence in sequences]
        try:
            outputs = await self._done(request, self._batcher.submit(scorer, flat))
        except UnreadableError as error:
            raise DataError(f"{_place(asked.groups, error.index)}: {error}") from error
        answers, start = [], 0
        for sequences in encoded:
            part = slice(start, start + len(sequences))
            start = part.stop
            answers.append(scorer.answer(sequences, outputs[part], raw=asked.raw, pairwise=asked.pairwise))
        self._metrics.completions.labels(request.path_params["project"]).inc(start)
        return write(ref, answers)

    async def _tokens(self, request: Request) -> Answer:
        asked, ref, scorer = await self._asked(request, parse_tokens)
        (group,) = asked.groups

        def work(tick: Tick) -> Answer:
            try:
                return scorer.tokens(group, tick=tick)
            except CoreError:
                raise
            except Exception as error:  # a network raises what it likes
                raise DataError(f"completion: {refusal(error)}") from error

        return {"model": ref.version} | await self._done(request, self._batcher.call(work))

    async def _done(self, request: Request, work: "Future[Result]") -> Result:
        """Raises TimeoutError, and ClientDisconnect where nobody waits any more."""
        future = asyncio.wrap_future(work)
        gone = asyncio.ensure_future(_disconnected(request))
        both: set[asyncio.Future[Any]] = {future, gone}
        try:
            await asyncio.wait(both, timeout=self._seconds, return_when=asyncio.FIRST_COMPLETED)
            if future.done():
                return future.result()
            raise ClientDisconnect if gone.done() else TimeoutError
        finally:
            future.cancel()
            gone.cancel()

    async def _readyz(self, request: Request) -> Response:
        failures, champions = self._cache.failures(), self._cache.champions()
        state = {"champions": len(champions), "in_memory": len(self._cache.loaded()), "failed": len(failures)}
        return JSONResponse(state, status_code=503 if failures else 200)

    def _for_administrators(self, show: Callable[[], Response]) -> Door:
        async def door(request: Request) -> Response:
            try:
                await run_in_threadpool(self._authorize, credential(request), None)
            except Refused as error:
                return response_to(error)
            return show()

        return door

    def _models(self) -> Response:
        loaded, failures = self._cache.loaded(), self._cache.failures()
        rows = [
            {"project": project, "version": ref.version, "in_memory": ref in loaded, "error": failures.get(ref)}
            for project, ref in sorted(self._cache.champions().items())
        ]
        return JSONResponse({"champions": rows, "tokens_waiting": self._batcher.tokens_waiting})

    def _show_metrics(self) -> Response:
        text, media_type = self._metrics.text()
        return Response(text, media_type=media_type)


def _encode(scorer: Scorer, groups: Sequence[Group]) -> list[list[Encoded]]:
    """Raises DataError naming the group."""
    encoded = []
    for group in groups:
        try:
            encoded.append(scorer.encode(group))
        except DataError as error:
            raise DataError(f"{group.id}: {error}") from error
    return encoded


def _place(groups: Sequence[Group], index: int) -> str:
    """Tells where in the body the sequence of this index came from."""
    for group in groups:
        if index < len(group.completions):
            return f"{group.id}: completions[{index}]" if len(group.completions) > 1 else group.id
        index -= len(group.completions)
    raise IndexError(index)


# --- What is written --------------------------------------------------------------------------------------------------


def _one(ref: Ref, answers: list[Answer]) -> Answer:
    return {"model": ref.version, **answers[0]}


def _rows(ref: Ref, answers: list[Answer]) -> Answer:
    return {"model": ref.version, "rows": answers}


def _rewards(ref: Ref, answers: list[Answer]) -> Answer:
    """Gives a reward for each query. OpenRLHF's own code for one query takes the first of the list."""
    return {"model": ref.version, "rewards": [answer["rewards"][0] for answer in answers]}


async def _healthz(request: Request) -> Response:
    return PlainTextResponse("ok\n")


# --- What is read -----------------------------------------------------------------------------------------------------


def credential(request: Request) -> str | None:
    """Reads a token: `Authorization: Bearer TOKEN`, or the password of `http://any:TOKEN@host/`, which clients that
    take nothing but an address send as Basic."""
    kind, _, value = request.headers.get("authorization", "").partition(" ")
    if kind.lower() == "bearer":
        return value.strip()
    if kind.lower() == "basic":
        try:
            return base64.b64decode(value).decode().partition(":")[2].replace("\0", "")  # which no database knows
        except (binascii.Error, UnicodeDecodeError):
            return None
    return None


async def _json(request: Request) -> object:
    """Raises DataError, and Refused over MOST_BYTES."""
    read, parts = 0, []
    async for part in request.stream():
        read += len(part)
        if read > MOST_BYTES:
            raise Refused(413, "too_large", f"The body is over {MOST_BYTES // 2**20} MiB; send it in several requests.")
        parts.append(part)
    try:
        body = values.parse(b"".join(parts).decode("utf-8-sig", "surrogatepass"))  # which the texts are asked for
    except ValueError as error:  # UnicodeDecodeError is one
        raise DataError(f"the body is not JSON in UTF-8 ({error}); send one object") from error
    if slip := values.slip_of(body):
        raise DataError(f"the body can't be read: {slip}; send it once, and as it is meant")
    return body


async def _disconnected(request: Request) -> None:
    """Ends when the caller has gone; the body has been read, so there is nothing else to come."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
