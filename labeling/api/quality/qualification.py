"""Lets a person pass a project's qualification, or asks them to qualify again."""

from __future__ import annotations

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from labeling.api.rest.fields import Choice
from labeling.api.rest.requests import LARGEST_ID, KnownFields, View
from labeling.models import Membership, Role
from labeling.people import access
from labeling.quality.practising import standing


class DecidedSerializer(KnownFields):
    act = Choice(
        choices=[("let", "let"), ("ask", "ask")],
        help_text="`let`: they need no attempt, or no other; `ask`: they qualify anew, with all attempts.",
    )


class PersonQualification(View):
    @extend_schema(operation_id="people_qualification", request=DecidedSerializer, responses={204: None})
    def post(self, request: Request, slug: str, person: int) -> Response:
        """Let a person pass the qualification, or ask them again. For reviewers and managers. Twice is harmless."""
        project = access.get_project(request.user, slug, at_least=Role.REVIEWER)
        body = DecidedSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        member = Membership.objects.filter(project=project, user=min(person, LARGEST_ID)).select_related("user").first()
        if member is None:
            raise Http404
        (standing.let_pass if body.validated_data["act"] == "let" else standing.ask_again)(project, member.user)
        return Response(status=204)
