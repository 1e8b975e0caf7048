"""The doors of the scoring service, as an ASGI application.

POST /PROJECT/score      one prompt's completions; or vLLM's score
POST /PROJECT/rows       several prompts, each with its completions
POST /PROJECT/rewards    OpenRLHF's remote reward
POST /PROJECT/tokens     which tokens one completion's reward came from
POST /PROJECT/classify, pooling, v1/score, rerank, v1/rerank, v2/rerank    vLLM's
POST /PROJECT/predict, rerank                                              Text Embeddings Inference's
GET  /PROJECT/health, info, v1/models
GET  /healthz /health /readyz /metrics /models

PROJECT@3 in an address is version 3 instead of the champion.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from concurrent.futures import Future
from contextlib import asynccontextmanager
from typing import Any, TypeVar
from urllib.parse import quote

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from rewardtrain.core.data.encoding import Encoded
from rewardtrain.core.errors import CoreError, DataError
from rewardtrain.core.score import Outputs, Scorer, refusal
from rewardtrain.core.serving.answers import REWARDS, ROWS, SCORE, Answered, Protocol, model_name
from rewardtrain.core.serving.batcher import Batcher, Tick, UnreadableError
from rewardtrain.core.serving.encoding import encode, place
from rewardtrain.core.serving.foreign.agreement import Foreign
from rewardtrain.core.serving.model_cache import ModelCache, Ref
from rewardtrain.core.serving.problems import Refused, http_error, problem_of, response_to
from rewardtrain.core.serving.protocols import Asked, parse_tokens
from rewardtrain.core.serving.reading import body_of, credential, disconnected, named_version, one_version, place_of
from rewardtrain.core.serving.service_metrics import Metrics
from rewardtrain.core.serving.shapes import tei, vllm
from rewardtrain.core.serving.state import champions_told, readiness

SECONDS = 120.0  # after which nobody waits for an answer any more
COMPUTED_HEADER = "X-Podium-Computed-By"  # podium, vllm or tei
MODEL_HEADER = "X-Podium-Model"  # which version answered, whatever the body's form

logger = logging.getLogger(__name__)

Authorize = Callable[[str | None, str | None], None]  # (credential, project); raises Refused
Answer = dict[str, Any]
Choose = Callable[[object], Protocol]  # by the body
Refuse = Callable[[], Protocol]  # the form of an error, which may be known late
Door = Callable[[Request], Awaitable[Response]]
Result = TypeVar("Result")


class Service:
    """What the doors share."""

    def __init__(
        self,
        models: ModelCache,
        batcher: Batcher,
        authorize: Authorize,
        *,
        seconds: float = SECONDS,
        foreign: Mapping[str, Foreign] = {},
    ) -> None:
        """foreign: by project, a server of somebody else's that holds its champion."""
        self._cache, self._batcher, self._authorize, self._seconds = models, batcher, authorize, seconds
        self._foreign = foreign
        self._metrics = Metrics(batcher, models)
        self._draining = False

    def drain(self) -> None:
        """Says from now on that it isn't ready, and closes each connection after its answer."""
        self._draining = True

    def app(self) -> Starlette:
        @asynccontextmanager
        async def lifespan(app: Starlette) -> AsyncIterator[None]:
            yield
            for foreign in self._foreign.values():
                foreign.end()
            await run_in_threadpool(self._batcher.end)

        gets = {
            "/healthz": _healthz,
            "/health": _healthz,
            "/readyz": self._readyz,
            "/models": self._for_administrators(self._models),
            "/metrics": self._for_administrators(self._show_metrics),
            "/{project}/health": _healthz,
            "/{project}/info": self._about(self._info, tei.PREDICT),
            "/{project}/v1/models": self._about(self._listed_models, vllm.CLASSIFY),
        }
        posts = {
            "/{project}/score": self._scores(lambda body: vllm.SCORE if vllm.is_score(body) else SCORE, SCORE),
            "/{project}/rows": self._scores(lambda body: ROWS, ROWS),
            "/{project}/rewards": self._scores(lambda body: REWARDS, REWARDS),
            "/{project}/tokens": self._about(self._tokens, SCORE),
            "/{project}/classify": self._scores(lambda body: vllm.CLASSIFY, vllm.CLASSIFY),
            "/{project}/pooling": self._scores(lambda body: vllm.POOLING, vllm.POOLING),
            "/{project}/v1/score": self._scores(lambda body: vllm.SCORE, vllm.SCORE),
            "/{project}/predict": self._scores(lambda body: tei.PREDICT, tei.PREDICT),
            "/{project}/rerank": self._scores(_rerank, vllm.RERANK),
            "/{project}/v1/rerank": self._scores(lambda body: vllm.RERANK, vllm.RERANK),
            "/{project}/v2/rerank": self._scores(lambda body: vllm.RERANK, vllm.RERANK),
        }
        routes = [Route(path, door) for path, door in gets.items()]
        routes += [Route(path, door, methods=["POST"]) for path, door in posts.items()]
        return Starlette(routes=routes, lifespan=lifespan, exception_handlers={HTTPException: http_error})

    # --- What every door does

    def _scores(self, choose: Choose, first: Protocol) -> Door:
        """first: in whose form an error is told before the body has been read."""

        async def door(request: Request) -> Response:
            protocol = first

            async def answer() -> Any:
                nonlocal protocol
                project, version = await self._let_in(request)
                body = await body_of(request)
                protocol = choose(body)
                return protocol.write(await self._answered(request, project, version, protocol.parse(body)))

            return await self._reply(request, answer, lambda: protocol)

        return door

    def _about(self, answer: Callable[[Request, str, int | None], Awaitable[Answer]], protocol: Protocol) -> Door:
        async def door(request: Request) -> Response:
            async def work() -> Answer:
                return await answer(request, *await self._let_in(request))

            return await self._reply(request, work, lambda: protocol)

        return door

    async def _let_in(self, request: Request) -> tuple[str, int | None]:
        """Gives the project of the address, and the version where it names one. Raises Refused."""
        project, version = place_of(request)
        await run_in_threadpool(self._authorize, credential(request), project)
        return project, version

    async def _reply(self, request: Request, answer: Callable[[], Awaitable[Any]], protocol: Refuse) -> Response:
        began = time.perf_counter()
        try:
            response: Response = JSONResponse(await answer())
        except Exception as error:
            response = protocol().refuse(problem_of(error))
            if response.status_code == 500:
                logger.exception("%s could not be answered", request.url.path)
        if self._draining:
            response.headers["Connection"] = "close"  # the next request on it would come too late
        if model := getattr(request.state, "model", None):
            response.headers[MODEL_HEADER] = quote(model, safe="@")
            response.headers[COMPUTED_HEADER] = getattr(request.state, "computed_by", "podium")
        known = request.path_params["project"].rpartition("@")[0] or request.path_params["project"]
        known = known if self._cache.knows(known) else ""
        self._metrics.note(known, response.status_code, time.perf_counter() - began)
        return response

    async def _model(self, request: Request, project: str, version: int | None) -> tuple[Ref, Scorer]:
        ref, scorer = await run_in_threadpool(self._cache.get, project, version)
        request.state.model = model_name(project, ref.version)
        return ref, scorer

    # --- Scores

    async def _answered(self, request: Request, project: str, version: int | None, asked: Asked) -> Answered:
        """All of it by one model, though another becomes champion meanwhile."""
        wanted = one_version(version, asked.version, named_version(asked.name, project))
        ref, scorer = await self._model(request, project, wanted)
        encoded = await run_in_threadpool(encode, scorer, asked)
        flat = [sequence for sequences in encoded for sequence in sequences]
        try:
            outputs = await self._outputs(request, ref, scorer, asked, flat)
        except UnreadableError as error:
            raise DataError(f"{place(asked, error.index)}: {error}") from error
        answers, start = [], 0
        for sequences in encoded:
            part = slice(start, start + len(sequences))
            start = part.stop
            answers.append(scorer.answer(sequences, outputs[part], raw=asked.raw, pairwise=asked.pairwise))
        self._metrics.completions.labels(project).inc(start)
        return Answered(project, ref.version, asked, answers, sum(map(len, flat)), scorer.labels)

    async def _outputs(
        self, request: Request, ref: Ref, scorer: Scorer, asked: Asked, sequences: list[Encoded]
    ) -> Outputs:
        """Asks the project's other server about its champion, where there is one that agrees with ours."""
        foreign = self._foreign.get(ref.project)
        if foreign and self._cache.champions().get(ref.project) == ref:
            outputs = await self._done(request, foreign.submit(ref, scorer, asked.groups, sequences))
            if outputs is not None:
                request.state.computed_by = foreign.address.kind
                self._metrics.elsewhere.labels(ref.project).inc(len(sequences))
                return outputs
        return await self._done(request, self._batcher.submit(scorer, sequences))

    async def _tokens(self, request: Request, project: str, version: int | None) -> Answer:
        asked = parse_tokens(await body_of(request))
        ref, scorer = await self._model(request, project, one_version(version, asked.version))
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
        gone = asyncio.ensure_future(disconnected(request))
        both: set[asyncio.Future[Any]] = {future, gone}
        try:
            await asyncio.wait(both, timeout=self._seconds, return_when=asyncio.FIRST_COMPLETED)
            if future.done():
                return future.result()
            raise ClientDisconnect if gone.done() else TimeoutError
        finally:
            future.cancel()
            gone.cancel()

    # --- What it tells of itself

    async def _info(self, request: Request, project: str, version: int | None) -> Answer:
        ref, scorer = await self._model(request, project, version)
        return tei.info(project, ref.version, scorer)

    async def _listed_models(self, request: Request, project: str, version: int | None) -> Answer:
        ref, scorer = await self._model(request, project, version)
        return vllm.listed_models(project, ref.version, scorer.max_length)

    async def _readyz(self, request: Request) -> Response:
        state, ready = readiness(self._cache)
        ready = ready and not self._draining
        return JSONResponse({**state, "draining": self._draining}, status_code=200 if ready else 503)

    def _for_administrators(self, show: Callable[[Request], Response]) -> Door:
        async def door(request: Request) -> Response:
            try:
                await run_in_threadpool(self._authorize, credential(request), None)
            except Refused as error:
                return response_to(problem_of(error))
            return show(request)

        return door

    def _models(self, request: Request) -> Response:
        rows = champions_told(self._cache, self._foreign, request.query_params.get("project"))
        return JSONResponse({"champions": rows, "tokens_waiting": self._batcher.tokens_waiting})

    def _show_metrics(self, request: Request) -> Response:
        text, media_type = self._metrics.text()
        return Response(text, media_type=media_type)


def _rerank(body: object) -> Protocol:
    return tei.RERANK if tei.is_rerank(body) else vllm.RERANK


async def _healthz(request: Request) -> Response:
    return PlainTextResponse("ok\n")
