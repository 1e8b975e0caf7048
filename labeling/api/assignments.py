"""The queue as a program sees it: claim, draft, rank, skip, give back. Blind: texts in the shown order and no more."""

from __future__ import annotations

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from labeling import access, assignments, rankings
from labeling.api.projects import FlagSerializer
from labeling.api.requests import person
from labeling.api.schema import conflict
from labeling.models import Assignment


class MessageSerializer(serializers.Serializer[dict[str, str]]):
    role = serializers.CharField()
    content = serializers.CharField()


class ShownCompletionSerializer(serializers.Serializer[dict[str, str]]):
    id = serializers.CharField()
    text = serializers.CharField()


class TaskSerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    prompt = MessageSerializer(many=True)
    completions = ShownCompletionSerializer(many=True)
    flags = FlagSerializer(many=True)
    expires_at = serializers.DateTimeField()
    draft = serializers.JSONField(allow_null=True)


class LeaseSerializer(serializers.ModelSerializer[Assignment]):
    class Meta:
        model = Assignment
        fields = ("id", "state", "expires_at")


class RankingBodySerializer(serializers.Serializer[Any]):
    """What to send. The noun reads it itself, because it checks it against the task."""

    tiers = serializers.ListField(
        child=serializers.ListField(child=serializers.CharField()),
        help_text="Completion ids, best tier first; ids of one tier are a tie. Each completion once.",
    )
    flags = serializers.DictField(child=serializers.DictField(child=serializers.BooleanField()), required=False)
    comment = serializers.CharField(required=False)
    active_seconds = serializers.FloatField(required=False)


class SubmittedSerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField(help_text="The ranking's.")
    pairs = serializers.IntegerField()
    ties = serializers.IntegerField()


class SkipBodySerializer(serializers.Serializer[Any]):
    reason = serializers.CharField(required=False, allow_blank=True, default="")
    for_everyone = serializers.BooleanField(
        required=False, default=False, help_text="Nobody can rank it: the prompt leaves the queue until a review."
    )


class NextAssignment(APIView):
    @extend_schema(
        operation_id="assignments_next",
        request=None,
        responses={
            200: TaskSerializer,
            204: OpenApiResponse(description="Nothing to do; the header X-Queue-Reason says why."),
        },
        parameters=[
            OpenApiParameter(
                "X-Queue-Reason",
                str,
                OpenApiParameter.HEADER,
                enum=["no_prompts", "all_ranked_by_you", "all_taken", "all_done"],
                response=[204],
            )
        ],
    )
    def post(self, request: Request, slug: str) -> Response:
        """Your open task with its lease extended, or the next one."""
        project = access.get_project(request.user, slug)
        assignment = assignments.claim(project, person(request))
        if assignment is None:
            return Response(status=204, headers={"X-Queue-Reason": assignments.queue_reason(project, person(request))})
        return Response(TaskSerializer(task(assignment)).data)


class AssignmentRanking(APIView):
    @extend_schema(
        operation_id="assignments_rank",
        request=RankingBodySerializer,
        responses={
            201: SubmittedSerializer,
            200: OpenApiResponse(SubmittedSerializer, "This very answer was stored before."),
            409: conflict("Another answer stands, or someone else has the prompt now."),
        },
    )
    def post(self, request: Request, pk: int) -> Response:
        """Rank all completions. The same answer again is answered the same way and stored once."""
        submitted = rankings.submit(access.get_assignment(request.user, pk), request.data)
        answer = {"id": submitted.ranking.pk, "pairs": submitted.pairs, "ties": submitted.ties}
        return Response(answer, status=201 if submitted.created else 200)


class AssignmentSkip(APIView):
    @extend_schema(operation_id="assignments_skip", request=SkipBodySerializer, responses={204: None})
    def post(self, request: Request, pk: int) -> Response:
        """Pass this task, with a reason; others still get it unless `for_everyone`."""
        assignment = access.get_assignment(request.user, pk)
        body = SkipBodySerializer(data=request.data)
        body.is_valid(raise_exception=True)
        leave = assignments.cannot_rank if body.validated_data["for_everyone"] else assignments.skip
        leave(assignment, body.validated_data["reason"])
        return Response(status=204)


class AssignmentRelease(APIView):
    @extend_schema(operation_id="assignments_release", request=None, responses={204: None})
    def post(self, request: Request, pk: int) -> Response:
        """Give the task back untouched."""
        assignments.release(access.get_assignment(request.user, pk))
        return Response(status=204)


class AssignmentDraft(APIView):
    @extend_schema(operation_id="assignments_draft", request=OpenApiTypes.OBJECT, responses=LeaseSerializer)
    def put(self, request: Request, pk: int) -> Response:
        """Keep what is placed so far, any JSON object, and extend the lease."""
        assignment = access.get_assignment(request.user, pk)
        body = serializers.DictField()
        draft = body.run_validation(request.data)
        return Response(LeaseSerializer(assignments.save_draft(assignment, draft)).data)


def task(assignment: Assignment) -> dict[str, object]:
    """What a labeler may know of a task: no model, no imported id, nobody else's answer."""
    shown = assignments.shown_completions(assignment)
    return {
        "id": assignment.pk,
        "prompt": assignment.prompt.messages,
        "completions": [{"id": str(completion.pk), "text": completion.text} for completion in shown],
        "flags": assignment.prompt.project.flags,
        "expires_at": assignment.expires_at,
        "draft": assignment.draft,
    }
