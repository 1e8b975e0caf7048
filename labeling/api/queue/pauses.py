"""Pausing a project and resuming it."""

from __future__ import annotations

from django.utils.translation import gettext_lazy
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from labeling.api.rest.fields import Reason
from labeling.api.rest.requests import KnownFields, View, person
from labeling.models import Project, Role
from labeling.models.projects import LONGEST_REASON
from labeling.people import access
from labeling.projects import pauses


class PauseBodySerializer(KnownFields):
    reason = Reason(max_length=LONGEST_REASON, missing=gettext_lazy("Say why in a few words; labelers read it."))


class PauseSerializer(serializers.ModelSerializer[Project]):
    class Meta:
        model = Project
        fields = ("paused_at", "pause_reason")


class PauseProject(View):
    @extend_schema(operation_id="projects_pause", request=PauseBodySerializer, responses=PauseSerializer)
    def post(self, request: Request, slug: str) -> Response:
        """Give nobody a new task of the project, for a reason that labelers read. What they hold they may finish.

        Of one that is paused already the reason is replaced.
        """
        project = access.get_project(request.user, slug, at_least=Role.MANAGER)
        body = PauseBodySerializer(data=request.data)
        body.is_valid(raise_exception=True)
        paused = pauses.pause(project, by=person(request), reason=body.validated_data["reason"])
        return Response(PauseSerializer(paused).data)


class ResumeProject(View):
    without_body = ("post",)

    @extend_schema(operation_id="projects_resume", request=None, responses=PauseSerializer)
    def post(self, request: Request, slug: str) -> Response:
        """Give tasks out again. Twice is harmless."""
        project = access.get_project(request.user, slug, at_least=Role.MANAGER)
        return Response(PauseSerializer(pauses.resume(project)).data)
