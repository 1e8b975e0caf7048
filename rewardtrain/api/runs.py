"""Training runs: start, watch, cancel."""

from __future__ import annotations

from typing import Any, get_args, get_type_hints

from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from labeling.api.rest.fields import Choice
from labeling.api.rest.paging import NewestFirst, PagedView
from labeling.api.rest.requests import KnownFields, View, person
from labeling.api.rest.schema import conflict
from labeling.models import Role
from labeling.people import access
from rewardtrain import tasks
from rewardtrain.core.config import (
    ATTENTION,
    DTYPES,
    HEADS,
    KERNELS,
    MARGINS,
    OPTIMIZERS,
    QUANTIZED,
    TIES,
    WEIGHTS,
    TrainConfig,
)
from rewardtrain.models import RunPoint, TrainingRun
from rewardtrain.training import runs
from rewardtrain.training.backbones import LONGEST
from rewardtrain.training.ranges import RANGES, Range


class RunSerializer(serializers.ModelSerializer[TrainingRun]):
    """`id` is the run's number in its project, as in the address and on the page."""

    id = serializers.IntegerField(source="number")
    dataset_version = serializers.IntegerField(source="dataset_version.number")
    requested_by = serializers.CharField(source="requested_by.username", allow_null=True, default=None)
    reward_model = serializers.IntegerField(
        source="reward_model.version", allow_null=True, default=None, help_text="The version that came of it."
    )

    waits_for = serializers.CharField(
        source="job_reason", help_text="Why its job waits in a cluster's queue, or can't be asked for, in its words."
    )

    class Meta:
        model = TrainingRun
        fields = (
            "id", "depth", "state", "trigger", "requested_by", "dataset_version", "reward_model", "attempts",
            "cancel_requested", "phase", "done", "total", "error", "requested_at", "started_at", "heartbeat_at",
            "finished_at", "executor", "job_name", "waits_for", "preemptions",
        )  # fmt: skip


class PointSerializer(serializers.ModelSerializer[RunPoint]):
    class Meta:
        model = RunPoint
        fields = ("step", "loss", "validation_log_loss", "validation_accuracy")


class RunDetailSerializer(RunSerializer):
    training = serializers.JSONField(help_text="The settings that the run was given.")
    counts = serializers.JSONField(help_text="What the training process counted at its start.")
    points = PointSerializer(many=True, help_text="The curves: one row a step that was written down.")

    class Meta(RunSerializer.Meta):
        fields = (*RunSerializer.Meta.fields, "training", "counts", "points")  # type: ignore[assignment]

    def to_representation(self, run: TrainingRun) -> dict[str, Any]:
        """Earlier versions noted the folder of a run's backbone among its counts; its name is what is told."""
        shown: dict[str, Any] = super().to_representation(run)
        if "config" in shown["counts"]:
            config = {**shown["counts"]["config"], "backbone": run.training["backbone"]}
            shown["counts"] = {**shown["counts"], "config": config}
        return shown


JSON_TYPES: dict[type, dict[str, Any]] = {
    str: {"type": "string", "maxLength": LONGEST},
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"type": "number"},
}


def training_schema() -> dict[str, Any]:
    """Lists the settings with their types, choices and limits. Which values go together is the noun's to say."""
    choices = {
        "head": HEADS,
        "ties": TIES,
        "margin": MARGINS,
        "weight": WEIGHTS,
        "dtype": DTYPES,
        "optimizer": OPTIMIZERS,
        "quantize": QUANTIZED,
        "attention": ATTENTION,
        "kernels": KERNELS,
    }
    properties: dict[str, Any] = {}
    for name, hint in get_type_hints(TrainConfig).items():
        kinds = [kind for kind in (get_args(hint) or (hint,)) if kind is not type(None)]
        properties[name] = dict(JSON_TYPES[kinds[0]])
        if name in choices:
            properties[name]["enum"] = list(choices[name])
        if type(None) in get_args(hint):
            properties[name]["nullable"] = True
        if name in RANGES:
            properties[name] |= limits_of(RANGES[name])
    del properties["depth"], properties["backbone_name"]  # each run's own; a project calls it by its name alone
    return {"type": "object", "properties": properties, "additionalProperties": False}


def limits_of(allowed: Range) -> dict[str, Any]:
    limits: dict[str, Any] = {"minimum": allowed.low, "maximum": allowed.high}
    if allowed.above:
        limits["exclusiveMinimum"] = True
    if allowed.below:
        limits["exclusiveMaximum"] = True
    return limits


@extend_schema_field(training_schema())
class TrainingField(serializers.DictField):
    """Checked by the noun, which names the setting."""


class RunBodySerializer(KnownFields):
    depth = Choice(
        choices=TrainingRun.Depth.choices,
        required=False,
        default=TrainingRun.Depth.FULL,
        help_text="`head` fits the last layer alone, in about a second; `full` fine-tunes the whole model; `none` "
        "measures the reward model that the setting `backbone` names as it is.",
    )
    training = TrainingField(
        required=False, default=dict, help_text="Settings for this run alone; they go over the retrain policy's."
    )

    executor = serializers.CharField(
        required=False,
        default="",
        max_length=20,
        help_text="Where it goes, if offered: `local`, `slurm`, `kubernetes` or `skypilot`. Empty: as the policy says.",
    )


class Runs(PagedView):
    serializer_class = RunSerializer
    pagination_class = NewestFirst

    @extend_schema(operation_id="runs_list", responses=RunSerializer(many=True))
    def get(self, request: Request, slug: str) -> Response:
        """Runs, newest first."""
        project = access.get_project(request.user, slug, at_least=Role.MANAGER)
        return self.page(project.runs.select_related("dataset_version", "requested_by", "reward_model"))

    @extend_schema(
        operation_id="runs_request",
        request=RunBodySerializer,
        responses={202: RunSerializer, 409: conflict("A run of this depth is queued or running.")},
    )
    def post(self, request: Request, slug: str) -> Response:
        """Freeze today's rankings and queue a run on them."""
        project = access.get_project(request.user, slug, at_least=Role.MANAGER)
        body = RunBodySerializer(data=request.data)
        body.is_valid(raise_exception=True)
        wanted = body.validated_data
        depth = TrainingRun.Depth(wanted["depth"])
        run = runs.request_run(
            project, by=person(request), depth=depth, training=wanted["training"], executor=wanted["executor"]
        )
        tasks.sweep_soon()
        return Response(RunSerializer(run).data, status=202)


class OneRun(View):
    @extend_schema(operation_id="runs_read", responses=RunDetailSerializer)
    def get(self, request: Request, slug: str, number: int) -> Response:
        """One run with its settings, its progress and its curves."""
        project = access.get_project(request.user, slug, at_least=Role.MANAGER)
        return Response(RunDetailSerializer(project.runs.prefetch_related("points").get(number=number)).data)


class CancelRun(View):
    without_body = ("post",)

    @extend_schema(
        operation_id="runs_cancel",
        request=None,
        responses={200: RunSerializer, 409: conflict("The run has ended.")},
    )
    def post(self, request: Request, slug: str, number: int) -> Response:
        """A queued run ends at once, a running one when its worker sees the request, in a second or two."""
        project = access.get_project(request.user, slug, at_least=Role.MANAGER)
        return Response(RunSerializer(runs.cancel(project.runs.get(number=number))).data)
