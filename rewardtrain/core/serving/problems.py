"""What went wrong, in the form of Podium's own API: {"type", "errors": [{"code", "detail", "attr"}]}."""

from dataclasses import dataclass

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from rewardtrain.core.errors import CoreError, DataError
from rewardtrain.core.serving.batcher import Busy
from rewardtrain.core.serving.model_cache import NoModelError, NotYetError

RETRY = {"Retry-After": "1"}


class Refused(Exception):
    """Who asks may not."""

    def __init__(self, status: int, code: str, detail: str) -> None:
        super().__init__(detail)
        self.status, self.code = status, code


@dataclass(frozen=True)
class Problem:
    """Why there is no answer: what every form of an error says in its own way."""

    status: int
    code: str
    detail: str


def problem_of(error: Exception) -> Problem:
    match error:
        case Refused():
            return Problem(error.status, error.code, str(error))
        case DataError():
            return Problem(400, "bad_request", f"{error}.")
        case NoModelError():
            return Problem(409, "no_champion", f"{error}: train one, promote one by hand, or ask for another.")
        case NotYetError():
            return Problem(503, "starting", f"{error}.")
        case Busy():
            return Problem(503, "busy", f"{error}.")
        case TimeoutError():
            message = "No answer in time: the machine is too slow for what is asked of it. Send fewer or shorter texts."
            return Problem(503, "timeout", message)
        case ClientDisconnect():
            return Problem(499, "gone", "The caller has gone.")
        case CoreError():
            return Problem(503, "failed", f"{error}.")
        case _:
            return Problem(500, "error", "The service failed at this request; its log says why.")


def response_to(problem: Problem) -> Response:
    kind = "server_error" if problem.status >= 500 else "validation_error" if problem.status == 400 else "client_error"
    body = {"type": kind, "errors": [{"code": problem.code, "detail": problem.detail, "attr": None}]}
    return JSONResponse(body, status_code=problem.status, headers=RETRY if problem.status == 503 else None)


async def http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    messages = {
        404: "There is no such address; see docs/serving.md.",
        405: "POST to this address; see docs/serving.md.",
    }
    return response_to(Problem(error.status_code, "not_found", messages.get(error.status_code, error.detail)))
