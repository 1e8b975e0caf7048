"""The queue as a program sees it: claim, draft, rank, skip, give back. Blind: texts in the shown order and no more."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext_lazy
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from labeling.answers import rankings
from labeling.answers.submissions import MAX_COMMENT
from labeling.api.rest.asks import MoreAsked, MoreSaid, asked_of
from labeling.api.rest.fields import Number, Reason, Text, Truth, Whole
from labeling.api.rest.requests import IF_MATCH, KnownFields, View, person, refuse_unknown, revision
from labeling.api.rest.schema import conflict, etag
from labeling.models import Assignment, Project
from labeling.models.rankings import MAX_ACTIVE_SECONDS
from labeling.people import access
from labeling.queue import claims, shown_ids, skips
from labeling.queue.draft_checks import MAX_REASON


class MessageSerializer(serializers.Serializer[dict[str, str]]):
    role = serializers.CharField()
    content = serializers.CharField()


class ShownCompletionSerializer(serializers.Serializer[dict[str, str]]):
    id = serializers.CharField()
    text = serializers.CharField()


class TaskSerializer(MoreAsked):
    id = serializers.IntegerField()
    prompt = MessageSerializer(many=True)
    completions = ShownCompletionSerializer(many=True)
    expires_at = serializers.DateTimeField()
    draft = serializers.JSONField(allow_null=True)
    draft_revision = serializers.IntegerField(help_text="Grows with each save; a draft's ETag.")


EXPIRES_AT = serializers.DateTimeField()


class LeaseSerializer(serializers.ModelSerializer[Assignment]):
    class Meta:
        model = Assignment
        fields = ("id", "state", "expires_at", "draft_revision")


class RankingBodySerializer(MoreSaid):
    """What to send. The noun reads it itself, because it checks it against the task."""

    tiers = serializers.ListField(
        child=serializers.ListField(child=Text(), min_length=1),
        min_length=1,
        help_text="Completion ids, best tier first; ids of one tier are a tie. Each completion once; where the task "
        "has `top_k`, so many at least, and those left out are below, without an order.",
    )
    comment = Text(max_length=MAX_COMMENT, required=False, allow_blank=True)
    strength = Whole(
        min_value=1, max_value=3, required=False, allow_null=True,
        help_text="1 slightly, 2 clearly, 3 much better. Only where the task has `ask_strength`, and not for a tie.",
    )  # fmt: skip
    active_seconds = Number(required=False, min_value=0, max_value=MAX_ACTIVE_SECONDS)


ANSWER_FIELDS = tuple(RankingBodySerializer().fields)  # made once: it takes a third of a millisecond


class SubmittedSerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField(help_text="The ranking's.")
    pairs = serializers.IntegerField()
    ties = serializers.IntegerField()


class SkipBodySerializer(KnownFields):
    reason = Reason(
        max_length=MAX_REASON, missing=gettext_lazy("Say why in a few words; it helps whoever looks at this prompt.")
    )
    for_everyone = Truth(
        required=False, default=False, help_text="Nobody can rank it: the prompt leaves the queue until a review."
    )


GONE = conflict("You ranked or skipped this task, gave it back, or someone else has the prompt now.")


class NextAssignment(View):
    without_body = ("post",)

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
                enum=claims.REASONS,
                response=[204],
            ),
            OpenApiParameter(
                "X-Queue-Until",
                datetime,
                OpenApiParameter.HEADER,
                description="When it is worth asking again: the end of the first lease of `all_taken`, or a new day's "
                "beginning for `limit`.",
                response=[204],
            ),
            OpenApiParameter(
                "X-Queue-Page",
                str,
                OpenApiParameter.HEADER,
                description="Where the person qualifies, in a browser, for `not_qualified`: the path of a page.",
                response=[204],
            ),
        ],
    )
    def post(self, request: Request, slug: str) -> Response:
        """Your open task with its lease extended, or the next one."""
        project = access.get_project(request.user, slug)
        assignment = claims.claim(project, person(request))
        if assignment is None:
            return Response(status=204, headers=_why(project, claims.queue_reason(project, person(request))))
        return Response(task(assignment))


def _why(project: Project, nothing: claims.Nothing) -> dict[str, str]:
    headers = {"X-Queue-Reason": nothing.reason}
    if nothing.reason == "not_qualified":
        headers["X-Queue-Page"] = reverse("qualification", args=[project.slug])
    if nothing.until is not None:
        headers["X-Queue-Until"] = EXPIRES_AT.to_representation(nothing.until)
    return headers


class AssignmentRanking(View):
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
        assignment = access.get_assignment(request.user, pk)
        return submitted(assignment, rankings.submit(assignment, answer_of(request)))

    @extend_schema(
        operation_id="assignments_amend",
        request=RankingBodySerializer,
        responses={
            201: SubmittedSerializer,
            200: OpenApiResponse(SubmittedSerializer, "This very answer stands already."),
            409: conflict("There is no answer of yours to change."),
        },
    )
    def put(self, request: Request, pk: int) -> Response:
        """Change your answer: a new revision, whose pairs replace the old one's. Frozen versions stay as they are."""
        assignment = access.get_assignment(request.user, pk)
        return submitted(assignment, rankings.amend(assignment, answer_of(request)))


class AssignmentUndo(View):
    without_body = ("post",)

    @extend_schema(
        operation_id="assignments_undo",
        request=None,
        responses={200: TaskSerializer, 409: conflict("It is too late, or there is no answer of yours.")},
    )
    def post(self, request: Request, pk: int) -> Response:
        """Take your answer back within 30 seconds: the task is open again, with the answer as its draft."""
        return Response(task(rankings.withdraw(access.get_assignment(request.user, pk, texts=True))))


class AssignmentSkip(View):
    @extend_schema(operation_id="assignments_skip", request=SkipBodySerializer, responses={204: None, 409: GONE})
    def post(self, request: Request, pk: int) -> Response:
        """Pass this task, with a reason; others still get it unless `for_everyone`."""
        assignment = access.get_assignment(request.user, pk)
        body = SkipBodySerializer(data=request.data)
        body.is_valid(raise_exception=True)
        leave = claims.cannot_rank if body.validated_data["for_everyone"] else claims.skip
        leave(assignment, body.validated_data["reason"])
        return Response(status=204)

    @extend_schema(
        operation_id="assignments_take_up",
        responses={200: TaskSerializer, 409: conflict("You did not skip it, or there is no place for your answer.")},
    )
    def delete(self, request: Request, pk: int) -> Response:
        """Take your skip back: the task is open again, where its prompt still has a slot. Twice is harmless.

        One for everyone can be taken back within 30 seconds.
        """
        return Response(task(skips.take_up(access.get_assignment(request.user, pk, texts=True))))


class AssignmentRelease(View):
    without_body = ("post",)

    @extend_schema(operation_id="assignments_release", request=None, responses={204: None, 409: GONE})
    def post(self, request: Request, pk: int) -> Response:
        """Give the task back untouched."""
        claims.release(access.get_assignment(request.user, pk))
        return Response(status=204)


class AssignmentDraft(View):
    for_labelers = True

    @extend_schema(operation_id="assignments_read_draft", responses=OpenApiTypes.OBJECT, parameters=[etag(200)])
    def get(self, request: Request, pk: int) -> Response:
        """The draft as it stands, empty where there is none; its ETag is what a `PUT` goes on from."""
        assignment = access.get_assignment(request.user, pk)
        return Response(shown_ids.draft_of(assignment) or {}, headers=tagged(assignment))

    @extend_schema(
        operation_id="assignments_draft",
        request=OpenApiTypes.OBJECT,
        responses={
            200: LeaseSerializer,
            409: GONE,
            412: conflict("The draft was saved elsewhere since; nothing was stored."),
        },
        parameters=[IF_MATCH, etag(200)],
    )
    def put(self, request: Request, pk: int) -> Response:
        """Keep what is placed so far, any JSON object of up to 160 KiB, and extend the lease."""
        assignment = access.get_assignment(request.user, pk)
        draft = serializers.DictField().run_validation(request.data)
        saved = claims.save_draft(assignment, draft, base=revision(request))
        return Response(LeaseSerializer(saved).data, headers=tagged(saved))


def answer_of(request: Request) -> Any:
    refuse_unknown(request.data, ANSWER_FIELDS)
    return request.data


def submitted(assignment: Assignment, submitted: rankings.Submitted) -> Response:
    if submitted.created:
        rankings.notify_ranked(assignment.prompt.project_id)
    answer = {"id": submitted.ranking.pk, "pairs": submitted.pairs, "ties": submitted.ties}
    return Response(answer, status=201 if submitted.created else 200)


def tagged(assignment: Assignment) -> dict[str, str]:
    return {"ETag": f'"{assignment.draft_revision}"'}


def task(assignment: Assignment) -> dict[str, object]:
    """Gives what a labeler may know of a task: no model, no imported id, no key, nobody else's answer.

    It is written as TaskSerializer describes it, which is for the document alone: serializing took 0.4 ms of 2.
    """
    completions = claims.shown_completions(assignment)
    return {
        "id": assignment.pk,
        "prompt": assignment.prompt.messages,
        "completions": [{"id": shown_ids.of(assignment, shown.pk), "text": shown.text} for shown in completions],
        **asked_of(assignment.prompt.project, len(completions)),
        "expires_at": EXPIRES_AT.to_representation(assignment.expires_at),
        "draft": shown_ids.draft_of(assignment),
        "draft_revision": assignment.draft_revision,
    }
