"""The automatic labeler: start, watch, cancel, and how far it agrees with people."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from labeling.api.rest.fields import Number
from labeling.api.rest.paging import NewestFirst, PagedView
from labeling.api.rest.requests import KnownFields, View, person, truth
from labeling.api.rest.schema import conflict
from labeling.models import Role
from labeling.people import access
from rewardtrain import tasks
from rewardtrain.automatic import auto_labels
from rewardtrain.models import AutoLabelJob
from rewardtrain.monitoring.model_agreement import agreement


class UnreadRowSerializer(serializers.Serializer[Any]):
    row = serializers.CharField(help_text="The prompt's id.")
    error = serializers.CharField()


class AutoLabelJobSerializer(serializers.ModelSerializer[AutoLabelJob]):
    """`id` is the job's number in its project, as in the address and on the page. Counts are of unranked prompts."""

    id = serializers.IntegerField(source="number")
    model = serializers.IntegerField(source="reward_model.version", help_text="The version that labels.")
    requested_by = serializers.CharField(source="requested_by.username", allow_null=True, default=None)
    prompts = serializers.SerializerMethodField(help_text="Decided throughout, partly, or left to people altogether.")
    pairs_kept = serializers.IntegerField(source="kept")
    pairs_below = serializers.IntegerField(source="below", help_text="Those below the threshold.")
    prompts_compared = serializers.IntegerField(source="compared", help_text="Ranked ones, scored for the agreement.")

    unread_rows = UnreadRowSerializer(many=True, help_text="The first of those that the model could not read.")

    class Meta:
        model = AutoLabelJob
        fields = (
            "id", "model", "threshold", "state", "requested_by", "done", "total", "unread", "unread_rows",
            "prompts", "pairs_kept",
            "pairs_below", "prompts_compared", "attempts", "cancel_requested", "error", "requested_at", "started_at",
            "heartbeat_at", "finished_at",
        )  # fmt: skip

    def get_prompts(self, job: AutoLabelJob) -> dict[str, int]:
        return {"decided": job.decided, "partly": job.partly, "left": job.left}


class AutoLabelBodySerializer(KnownFields):
    threshold = Number(
        min_value=0.5,
        max_value=1,
        required=False,
        default=auto_labels.THRESHOLD,
        help_text="The calibrated probability from which a pair is kept: above 0.5, below 1.",
    )


class ShareSerializer(serializers.Serializer[Any]):
    n = serializers.IntegerField()
    n_prompts = serializers.IntegerField(help_text="That the n pairs are of.")
    value = serializers.FloatField(allow_null=True)
    low = serializers.FloatField(allow_null=True, help_text="95 % interval: Wilson's at the effective number of pairs.")
    high = serializers.FloatField(allow_null=True)


class BandSerializer(serializers.Serializer[Any]):
    low = serializers.FloatField()
    high = serializers.FloatField()
    says = serializers.FloatField(allow_null=True, help_text="The model's mean probability.")
    right = ShareSerializer()


class PartSerializer(serializers.Serializer[Any]):
    n_prompts = serializers.IntegerField()
    right = ShareSerializer()
    longer = ShareSerializer(help_text="How often people preferred the longer completion.")
    sure = ShareSerializer(help_text="Right, of pairs at or above the threshold.")
    bands = BandSerializer(many=True)
    ece = serializers.FloatField(source="calibration.value", help_text="Expected calibration error.")


class ModelAgreementSerializer(serializers.Serializer[Any]):
    model = serializers.IntegerField(source="version")
    raw = serializers.BooleanField()
    threshold = serializers.FloatField()
    held_out = PartSerializer(allow_null=True, help_text="Prompts that the model can't have learnt from.")
    learnt = PartSerializer(allow_null=True, help_text="Prompts that it was trained on: agreement there flatters it.")
    of_latest = serializers.BooleanField(help_text="Only of the prompts ranked last: there are more than 10,000 pairs.")
    since = serializers.DateTimeField(
        allow_null=True, help_text="With `of_latest`: when the first of those judgements was made."
    )


class AutoLabels(PagedView):
    serializer_class = AutoLabelJobSerializer
    pagination_class = NewestFirst

    @extend_schema(operation_id="auto_labels_list", responses=AutoLabelJobSerializer(many=True))
    def get(self, request: Request, slug: str) -> Response:
        """Jobs of the automatic labeler, newest first."""
        project = access.get_project(request.user, slug, at_least=Role.MANAGER)
        return self.page(project.auto_label_jobs.select_related("reward_model", "requested_by"))

    @extend_schema(
        operation_id="auto_labels_request",
        request=AutoLabelBodySerializer,
        responses={
            202: AutoLabelJobSerializer,
            409: conflict("No champion, a job that runs, nothing to label, or a project that classifies."),
        },
    )
    def post(self, request: Request, slug: str) -> Response:
        """Have the champion label prompts that nobody has ranked. What it is not sure of stays with people."""
        project = access.get_project(request.user, slug, at_least=Role.MANAGER)
        body = AutoLabelBodySerializer(data=request.data)
        body.is_valid(raise_exception=True)
        job = auto_labels.request(project, by=person(request), **body.validated_data)
        tasks.sweep_soon()
        return Response(AutoLabelJobSerializer(job).data, status=202)


class OneAutoLabelJob(View):
    @extend_schema(operation_id="auto_labels_read", responses=AutoLabelJobSerializer)
    def get(self, request: Request, slug: str, number: int) -> Response:
        """One job with its progress and counts."""
        project = access.get_project(request.user, slug, at_least=Role.MANAGER)
        return Response(AutoLabelJobSerializer(project.auto_label_jobs.get(number=number)).data)


class CancelAutoLabelJob(View):
    without_body = ("post",)

    @extend_schema(
        operation_id="auto_labels_cancel",
        request=None,
        responses={200: AutoLabelJobSerializer, 409: conflict("The job has ended.")},
    )
    def post(self, request: Request, slug: str, number: int) -> Response:
        """A queued job ends at once, a running one in a second or two. What was kept so far stays."""
        project = access.get_project(request.user, slug, at_least=Role.MANAGER)
        return Response(AutoLabelJobSerializer(auto_labels.cancel(project.auto_label_jobs.get(number=number))).data)


class AutoLabelAgreement(View):
    query = {"get": ("model", "raw")}

    @extend_schema(
        operation_id="auto_labels_agreement",
        parameters=[
            OpenApiParameter(
                "model", {"type": "integer", "minimum": 1}, description="A version. Default: that of the newest job."
            ),
            OpenApiParameter("raw", bool, description="Probabilities as training left them, before calibration."),
        ],
        responses=ModelAgreementSerializer,
    )
    def get(self, request: Request, slug: str) -> Response:
        """Model and people on pairs that both judged: agreement by how sure the model was, with intervals."""
        project = access.get_project(request.user, slug, at_least=Role.MANAGER)
        raw = truth(request, "raw")
        model = auto_labels.model_of(project, request.query_params.get("model", ""))
        measured = agreement(project, model, threshold=auto_labels.threshold_of(model), raw=raw)
        return Response(ModelAgreementSerializer(measured).data)
