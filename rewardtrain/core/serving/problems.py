"""What went wrong, in the form of Podium's own API: {"type", "errors": [{"code", "detail", "attr"}]}."""

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from rewardtrain.core.errors import CoreError, DataError
from rewardtrain.core.serving.batcher import Busy
from rewardtrain.core.serving.model_cache import NoModelError, NotYetError


class Refused(Exception):
    """Who asks may not."""

    def __init__(self, status: int, code: str, detail: str) -> None:
        super().__init__(detail)
        self.status, self.code = status, code


def response_to(error: Exception) -> Response:
    match error:
        case Refused():
            return _problem(error.status, error.code, str(error))
        case DataError():
            return _problem(400, "bad_request", f"{error}.")
        case NoModelError():
            return _problem(409, "no_champion", f"{error}: train one, promote one by hand, or ask for another.")
        case NotYetError():
            return _problem(503, "starting", f"{error}.")
        case Busy():
            return _problem(503, "busy", f"{error}.")
        case TimeoutError():
            message = "No answer in time: the machine is too slow for what is asked of it. Send fewer or shorter texts."
            return _problem(503, "timeout", message)
        case ClientDisconnect():
            return Response(status_code=499)
        case CoreError():
            return _problem(503, "failed", f"{error}.")
        case _:
            return _problem(500, "error", "The service failed at this request; its log says why.")


def _problem(status: int, code: str, detail: str) -> Response:
    kind = "server_error" if status >= 500 else "validation_error" if status == 400 else "client_error"
    body = {"type": kind, "errors": [{"code": code, "detail": detail, "attr": None}]}
    return JSONResponse(body, status_code=status, headers={"Retry-After": "1"} if status == 503 else None)


async def http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    messages = {
        404: "There is no such address; see docs/serving.md.",
        405: "POST to this address; see docs/serving.md.",
    }
    return _problem(error.status_code, "not_found", messages.get(error.status_code, error.detail))
