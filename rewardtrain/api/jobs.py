"""The door of jobs on a cluster: programs of ours, each with a token of its own. The API promises nothing of it."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request
from rest_framework.response import Response

from labeling.api.rest.requests import View
from rewardtrain.training.remote import door
from rewardtrain.training.remote.job_token import is_token_of

SCHEME = "Bearer"


class JobAuthentication(BaseAuthentication):
    """Nobody is logged in here, whatever cookie or token of a person comes along."""

    def authenticate(self, request: Request) -> None:
        scheme, _, token = str(request.headers.get("Authorization", ""))[:300].partition(" ")
        name = str(request.parser_context["kwargs"]["name"])
        if scheme != SCHEME or not is_token_of(name, token.strip()):
            raise AuthenticationFailed("this is the door of a job, for its own token alone", "bad_job_token")
        # Nobody of its network is to wait for how much it asks: see labeling/requests/throttle.py.
        request._request.program = name  # type: ignore[attr-defined]

    def authenticate_header(self, request: Request) -> str:
        return SCHEME


class JobDoor(View):
    authentication_classes = (JobAuthentication,)
    permission_classes = ()

    @extend_schema(exclude=True)
    def post(self, request: Request, name: str, act: str) -> Response:
        return Response(door.answer(name, act, request.data), headers={"Cache-Control": "no-store"})
