"""Reward models: what each is worth, and which one is used."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from django.http import StreamingHttpResponse
from django.utils.translation import gettext_lazy
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from formats import zips
from labeling.api.rest.fields import Number, Reason
from labeling.api.rest.paging import NewestFirst, PagedView
from labeling.api.rest.requests import KnownFields, View, person
from labeling.api.rest.schema import conflict
from labeling.data.versions import holding
from labeling.data.versions.holding import Gone
from labeling.errors import Conflict
from labeling.models import Role
from labeling.people import access
from rewardtrain.evidence.worth import Worth
from rewardtrain.models import Evaluation, RewardModel, listed_evaluations
from rewardtrain.registry import champions, model_download, thresholds


class EstimateSerializer(serializers.Serializer[Any]):
    value = serializers.FloatField()
    low = serializers.FloatField(
        allow_null=True,
        help_text="95 % interval: of a share Wilson's at the effective number of pairs, else from a bootstrap over "
        "prompts. Null of fewer than 5 prompts, of which a bootstrap says too little.",
    )
    high = serializers.FloatField(allow_null=True)


class FlagFiguresSerializer(serializers.Serializer[Any]):
    """How well a model that classifies tells its flag, on the labels of the test split."""

    name = serializers.CharField(source="flag.name")
    positive = serializers.BooleanField(source="flag.positive", help_text="The answer whose logit is the reward.")
    n_labels = serializers.IntegerField(source="n_votes")
    n_texts = serializers.IntegerField(source="n_completions")
    roc_auc = EstimateSerializer(allow_null=True, help_text="Chance has 0.5. Null where all labels say the same.")
    log_loss = EstimateSerializer()
    base_rate_log_loss = EstimateSerializer(source="baseline.log_loss")
    ece = EstimateSerializer()


# Made once: a serializer takes longer to make than to use, and a page of models has hundreds.
_flag, _estimate = FlagFiguresSerializer().to_representation, EstimateSerializer().to_representation


class EvaluationSerializer(serializers.ModelSerializer[Evaluation]):
    """No accuracy without its length baseline, no log loss without ln 2, nothing without n and an interval."""

    dataset_version = serializers.IntegerField(source="dataset_version.number")
    n_prompts = serializers.IntegerField(help_text="That the pairs are of, or where there are none, the labels.")
    accuracy = EstimateSerializer(source="report.accuracy", allow_null=True, help_text="Null where there are no pairs.")
    log_loss = EstimateSerializer(source="report.log_loss", allow_null=True)
    baseline_longer = serializers.SerializerMethodField(help_text="How often the longer completion was preferred.")
    ln2 = serializers.FloatField(source="report.ln2", help_text="The log loss of a coin.")
    flag = serializers.SerializerMethodField(help_text="Of a model that classifies; null of any other.")

    class Meta:
        model = Evaluation
        fields = (
            "dataset_version", "split", "n_pairs", "n_prompts", "accuracy", "baseline_longer", "log_loss", "ln2",
            "flag", "created_at",
        )  # fmt: skip

    @extend_schema_field(FlagFiguresSerializer(allow_null=True))
    def get_flag(self, evaluation: Evaluation) -> dict[str, Any] | None:
        flags = evaluation.report["flags"]
        return _flag(flags) if flags else None

    @extend_schema_field(EstimateSerializer(allow_null=True))
    def get_baseline_longer(self, evaluation: Evaluation) -> dict[str, Any] | None:
        baseline = evaluation.report["baseline_longer"]
        if baseline is None:
            return None
        shown = {"value": baseline["accuracy"], "low": baseline["low"], "high": baseline["high"]}
        return _estimate(shown)


class RuleSerializer(serializers.Serializer[Any]):
    passed = serializers.BooleanField(allow_null=True, help_text="Null where only the words of that day were kept.")
    words = serializers.CharField()


class GateSerializer(serializers.Serializer[Any]):
    """What the gate decided when the model was made. Without `passed` a model becomes champion past its gate only."""

    passed = serializers.BooleanField()
    reasons = serializers.ListField(child=serializers.CharField(), help_text="As they were written down then.")


class VerdictSerializer(serializers.Serializer[Any]):
    """What the model is worth on the test split, in a word for programs and a few for people."""

    worth = serializers.ChoiceField(choices=Worth.values)
    words = serializers.CharField()


class GoneSerializer(serializers.Serializer[Gone]):
    """Of the rankings that it learnt from or was measured by: those of people withdrawn or erased since."""

    withdrawn_labelers = serializers.IntegerField(help_text="Of whom work was withdrawn, and not put back.")
    withdrawn_rankings = serializers.IntegerField()
    erased_labelers = serializers.IntegerField()
    erased_rankings = serializers.IntegerField()
    names_replaced_at = serializers.DateTimeField(
        allow_null=True, help_text="When pseudonyms took the place of their names in the version's file, the last time."
    )


class RewardModelSerializer(serializers.ModelSerializer[RewardModel]):
    run = serializers.IntegerField(source="run.number")
    dataset_version = serializers.IntegerField(source="run.dataset_version.number", help_text="That it learnt from.")
    gone = serializers.SerializerMethodField(help_text="What of that version was withdrawn or erased since.")
    verdict = serializers.SerializerMethodField()
    gate = GateSerializer()
    rules = serializers.SerializerMethodField(help_text="The gate's, one by one.")
    evaluations = EvaluationSerializer(many=True)
    threshold_by = serializers.CharField(source="threshold_by.username", allow_null=True, default=None)

    class Meta:
        model = RewardModel
        fields = (
            "version", "champion", "run", "dataset_version", "gone", "verdict", "gate", "rules", "evaluations",
            "threshold", "threshold_by", "threshold_at", "manifest_sha256", "created_at",
        )  # fmt: skip

    @extend_schema_field(GoneSerializer)
    def get_gone(self, model: RewardModel) -> dict[str, Any]:
        """Reads what the list found of all its models at once; of one alone, finds it."""
        version = model.run.dataset_version
        found = self.context.get("gone") or holding.gone(model.project, [version])
        return dict(GoneSerializer(found[version.pk]).data)

    @extend_schema_field(VerdictSerializer)
    def get_verdict(self, model: RewardModel) -> dict[str, Any]:
        [evaluation] = model.evaluations.all()
        verdict = champions.worth(model, evaluation.report)
        return {"worth": verdict.worth.value, "words": verdict.words}

    @extend_schema_field(RuleSerializer(many=True))
    def get_rules(self, model: RewardModel) -> list[dict[str, Any]]:
        [evaluation] = model.evaluations.all()
        return [dataclasses.asdict(rule) for rule in champions.rules(model, evaluation.report)]


class ReasonSerializer(KnownFields):
    reason = Reason(
        max_length=champions.MAX_REASON, missing=gettext_lazy("Write why, so that others can follow it later.")
    )


class PromotionSerializer(ReasonSerializer):
    past_gate = serializers.BooleanField(
        default=False, help_text="Promote it though its gate did not let it through; else that is answered with 409."
    )


class ThresholdSerializer(KnownFields):
    threshold = Number(min_value=0, max_value=1, help_text="Above 0 and below 1.")


CONFLICT = conflict("The champion is another than this request supposes.")
NOT_SO = conflict("It is the champion already, or its gate did not let it through and past_gate is not true.")


class Models(PagedView):
    serializer_class = RewardModelSerializer
    pagination_class = NewestFirst

    @extend_schema(operation_id="models_list", responses=RewardModelSerializer(many=True))
    def get(self, request: Request, slug: str) -> Response:
        """Models, newest first, with what they are worth on the test split."""
        project = access.get_project(request.user, slug, at_least=Role.MANAGER)
        rows = project.reward_models.select_related("project", "run__dataset_version", "threshold_by")

        def written(models: Sequence[RewardModel]) -> list[Any]:
            found = holding.gone(project, [model.run.dataset_version for model in models])
            return list(RewardModelSerializer(models, many=True, context={"gone": found}).data)

        return self.page(rows.prefetch_related(listed_evaluations()), written)


class ModelReport(View):
    @extend_schema(operation_id="models_report", responses={200: OpenApiTypes.OBJECT})
    def get(self, request: Request, slug: str, version: int) -> Response:
        """The whole evaluation on the test split, as docs/training.md describes it."""
        project = access.get_project(request.user, slug, at_least=Role.MANAGER)
        return Response(project.reward_models.get(version=version).evaluations.get().report)


class ModelDownload(View):
    @extend_schema(
        operation_id="models_download",
        responses={
            (200, zips.CONTENT_TYPE): OpenApiResponse(
                OpenApiTypes.BINARY, "A zip of one folder, nothing compressed; its length is known before."
            ),
            409: conflict("A file of the model is missing or was changed on the server."),
        },
    )
    def get(self, request: Request, slug: str, version: int) -> StreamingHttpResponse:
        """Download the model: a Hugging Face folder with its card, its manifest and SHA256SUMS."""
        project = access.get_project(request.user, slug, at_least=Role.MANAGER)
        download = model_download.download_of(project.reward_models.select_related("project").get(version=version))
        response = StreamingHttpResponse(download.stream(), content_type=zips.CONTENT_TYPE)
        response["Content-Length"] = str(download.length)
        response["Content-Disposition"] = f'attachment; filename="{download.filename}"'
        return response


class PromoteModel(View):
    @extend_schema(
        operation_id="models_promote",
        request=PromotionSerializer,
        responses={200: RewardModelSerializer, 409: NOT_SO},
    )
    def post(self, request: Request, slug: str, version: int) -> Response:
        """Make this version the champion, by hand and with a reason."""
        project = access.get_project(request.user, slug, at_least=Role.MANAGER)
        model = project.reward_models.get(version=version)
        body = PromotionSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        promoted = champions.promote(model, by=person(request), **body.validated_data)
        return Response(RewardModelSerializer(promoted).data)


class RollBackModel(View):
    @extend_schema(
        operation_id="models_rollback",
        request=ReasonSerializer,
        responses={200: RewardModelSerializer, 409: CONFLICT},
    )
    def post(self, request: Request, slug: str, version: int) -> Response:
        """Take the champion, which must be this version, out of use for the one before it. Answers the new champion.

        Naming the version makes a request that is sent twice roll back once.
        """
        project = access.get_project(request.user, slug, at_least=Role.MANAGER)
        model = project.reward_models.get(version=version)
        if not model.champion:
            raise Conflict("not_champion", f"Version {version} is not the champion, so there is nothing to roll back.")
        back = champions.rollback(project, by=person(request), reason=_reason(request))
        return Response(RewardModelSerializer(back).data)


class ModelThreshold(View):
    @extend_schema(
        operation_id="models_threshold",
        request=ThresholdSerializer,
        responses={200: RewardModelSerializer, 409: conflict("The model classifies nothing.")},
    )
    def put(self, request: Request, slug: str, version: int) -> Response:
        """Set from which probability of the positive class on a text counts as it."""
        project = access.get_project(request.user, slug, at_least=Role.MANAGER)
        body = ThresholdSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        model = project.reward_models.get(version=version)
        return Response(
            RewardModelSerializer(thresholds.choose(model, body.validated_data["threshold"], by=person(request))).data
        )


def _reason(request: Request) -> str:
    body = ReasonSerializer(data=request.data)
    body.is_valid(raise_exception=True)
    return str(body.validated_data["reason"])
