"""Best-of-N: upload candidates, watch, download them in the model's order."""

from __future__ import annotations

from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from labeling.api.prompts import ROWS, PromptsFileSerializer, sent_lines
from labeling.api.rest.paging import NewestFirst, PagedView
from labeling.api.rest.parsing import RowsJSONParser
from labeling.api.rest.requests import View, person
from labeling.api.rest.schema import conflict
from labeling.models import Role
from labeling.people import access
from rewardtrain import tasks
from rewardtrain.api.auto_labels import UnreadRowSerializer
from rewardtrain.automatic import best_of
from rewardtrain.models import BestOfJob


class BestOfJobSerializer(serializers.ModelSerializer[BestOfJob]):
    """`id` is the job's number in its project, as in the address and on the page."""

    id = serializers.IntegerField(source="number")
    model = serializers.IntegerField(source="reward_model.version", help_text="The version that scores.")
    requested_by = serializers.CharField(source="requested_by.username", allow_null=True, default=None)
    report = serializers.JSONField(
        help_text="At the end. gains: for each n the mean gain in reward, its interval (null of fewer than 5 prompts) "
        "and KL in nats. doubts: the prompts (places in the file's order, from 0) whose top is uncertain, and where "
        "the gain is within it."
    )

    unread_rows = UnreadRowSerializer(many=True, help_text="The first of those that the model could not read.")

    class Meta:
        model = BestOfJob
        fields = (
            "id", "model", "state", "requested_by", "done", "total", "unread", "unread_rows",
            "n_candidates", "report", "attempts",
            "cancel_requested", "error", "requested_at", "started_at", "heartbeat_at", "finished_at",
        )  # fmt: skip


class BestOf(PagedView):
    serializer_class = BestOfJobSerializer
    pagination_class = NewestFirst
    parser_classes = (MultiPartParser, RowsJSONParser)

    @extend_schema(operation_id="best_of_list", responses=BestOfJobSerializer(many=True))
    def get(self, request: Request, slug: str) -> Response:
        """Uploads, newest first."""
        project = access.get_project(request.user, slug, at_least=Role.MANAGER)
        return self.page(project.best_of_jobs.select_related("reward_model", "requested_by"))

    @extend_schema(
        operation_id="best_of_request",
        request={
            "application/x-ndjson": OpenApiTypes.STR,
            "multipart/form-data": PromptsFileSerializer,
            "application/json": ROWS,
        },
        responses={202: BestOfJobSerializer, 409: conflict("The project has no champion yet.")},
    )
    def post(self, request: Request, slug: str) -> Response:
        """Have the champion put each line's completions in order. A bad line refuses all of it, and is named."""
        project = access.get_project(request.user, slug, at_least=Role.MANAGER)
        job = best_of.request(project, sent_lines(request), by=person(request))
        tasks.sweep_soon()
        return Response(BestOfJobSerializer(job).data, status=202)


class OneBestOf(View):
    @extend_schema(operation_id="best_of_read", responses=BestOfJobSerializer)
    def get(self, request: Request, slug: str, number: int) -> Response:
        """One upload with its progress, and at the end what choosing by reward gains."""
        project = access.get_project(request.user, slug, at_least=Role.MANAGER)
        return Response(BestOfJobSerializer(project.best_of_jobs.get(number=number)).data)


class CancelBestOf(View):
    without_body = ("post",)

    @extend_schema(
        operation_id="best_of_cancel",
        request=None,
        responses={200: BestOfJobSerializer, 409: conflict("The job has ended.")},
    )
    def post(self, request: Request, slug: str, number: int) -> Response:
        """A queued job ends at once, a running one in a second or two."""
        project = access.get_project(request.user, slug, at_least=Role.MANAGER)
        return Response(BestOfJobSerializer(best_of.cancel(project.best_of_jobs.get(number=number))).data)


class BestOfResult(View):
    @extend_schema(
        operation_id="best_of_result",
        responses={
            (200, "application/x-ndjson"): OpenApiResponse(OpenApiTypes.STR, "A line a prompt, the best first."),
            409: conflict("It has not been scored to its end."),
        },
    )
    def get(self, request: Request, slug: str, number: int) -> StreamingHttpResponse:
        """Download the lines with their completions by reward: reward, rank, probability, uncertainty of each."""
        project = access.get_project(request.user, slug, at_least=Role.MANAGER)
        job = project.best_of_jobs.select_related("project", "reward_model").get(number=number)
        response = StreamingHttpResponse(best_of.result(job), content_type=best_of.CONTENT_TYPE)
        response["Content-Disposition"] = f'attachment; filename="{best_of.filename(job)}"'
        return response
