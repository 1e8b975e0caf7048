"""Cases as they are read: in pages, and one with its answers and its trail."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers
from rest_framework.request import Request

from labeling.api.prompt_rows import MOST_RANKINGS
from labeling.api.rankings import KNOWN_COLUMNS, KnownRankingSerializer, written_known
from labeling.api.rest.fields import Choice
from labeling.api.rest.requests import NO_NUL, one_of
from labeling.data.reviewing import cases
from labeling.models import Project, ReviewAct, ReviewCase
from labeling.people import access
from labeling.people.access import Visitor

Row = dict[str, Any]
State, Reason, Outcome = ReviewCase.State, ReviewCase.Reason, ReviewCase.Outcome

PARAMETERS = [
    OpenApiParameter("state", str, enum=State.values, description="Default: those that wait, `open`."),
    OpenApiParameter("reason", str, enum=Reason.values, description="Only those that stand under this reason."),
    OpenApiParameter(
        "whose",
        str,
        enum=cases.Whose.values,
        description="Default: `all`; `mine`: reserved for you; `nobodys`: not reserved.",
    ),
    OpenApiParameter("prompt", NO_NUL, description="Only of the prompt with this id in the imported file."),
]


class CaseSerializer(serializers.ModelSerializer[ReviewCase]):
    prompt = serializers.CharField(source="prompt_id", help_text="As `key` of prompts/, `prompt` of rankings/.")
    external_id = serializers.CharField(source="prompt.external_id", help_text="The prompt's id in the imported file.")
    reason = Choice(choices=Reason.choices, help_text="The gravest of its reasons.")
    also = serializers.ListField(child=Choice(choices=Reason.choices), help_text="What else speaks for a look.")
    state = Choice(choices=State.choices)
    outcome = Choice(choices=Outcome.choices, allow_null=True, help_text="Of a closed one.")
    awaits = serializers.CharField(allow_null=True, help_text="Whose answer was sent back and is awaited.")
    reviewer = serializers.CharField(allow_null=True, help_text="Whose it is to decide; null: any reviewer's.")
    n_rankings = serializers.IntegerField(source="prompt.ranked", help_text="How often the prompt has been ranked.")
    overlap = serializers.IntegerField(source="prompt.overlap", help_text="How often it should be.")

    class Meta:
        model = ReviewCase
        fields = (
            "id", "prompt", "external_id", "reason", "also", "state", "outcome", "awaits", "reviewer", "n_rankings",
            "overlap", "opened_at", "closed_at",
        )  # fmt: skip


class ActSerializer(serializers.ModelSerializer[ReviewAct]):
    act = Choice(choices=ReviewAct.Act.choices)
    by = serializers.CharField(allow_null=True, help_text="Null where a rule did it.")
    reason = serializers.CharField(help_text="What the person said; may be empty.")
    what = Choice(
        choices=[*Reason.choices, *Outcome.choices], allow_null=True,
        help_text="Of `opened` the case's reason, of `closed` its outcome.",
    )  # fmt: skip
    labeler = serializers.CharField(allow_null=True, help_text="Whose answer was sent back.")
    whom = serializers.CharField(allow_null=True, help_text="For whom it was reserved, or from whom it was freed.")
    ranking = serializers.IntegerField(allow_null=True, help_text="That this act made.")

    class Meta:
        model = ReviewAct
        fields = ("act", "by", "reason", "what", "labeler", "whom", "ranking", "at")


COMPLETIONS = ("chosen", "rejected", "completion")


class EvidenceSerializer(serializers.Serializer[Any]):
    """A model is sure of the other order of two completions, or of the other answer to a question about a text. It may
    be wrong."""

    model = serializers.IntegerField(help_text="The version of the champion that said so.")
    ranking = serializers.IntegerField(help_text="That it is against.")
    chosen = serializers.CharField(
        allow_null=True,
        help_text="By the ranking: a completion's key, as rankings/ name it. Null of an answer to a question, as are "
        "`rejected` and `reward_gap`.",
    )
    rejected = serializers.CharField(allow_null=True, help_text="By the ranking.")
    probability = serializers.FloatField(
        help_text="That `rejected` is preferred to `chosen`, or that the other answer is right; calibrated."
    )
    reward_gap = serializers.FloatField(allow_null=True, help_text="How much more reward `rejected` gets.")
    completion = serializers.CharField(
        allow_null=True, help_text="The text that was asked about. This, `flag` and `answer` are null of an order."
    )
    flag = serializers.CharField(allow_null=True, help_text="The name of the question.")
    answer = serializers.BooleanField(allow_null=True, help_text="The person's, of which the model says the other one.")


class CaseWithTrailSerializer(CaseSerializer):
    evidence = EvidenceSerializer(
        allow_null=True, help_text="Of a case that a champion opened. /task/ is blind: look at it after your decision."
    )
    rankings = KnownRankingSerializer(many=True, help_text="The first hundred live ones.")
    trail = ActSerializer(many=True, help_text="What was done, oldest first; of very much the newest 100.")

    class Meta(CaseSerializer.Meta):
        fields = (*CaseSerializer.Meta.fields, "evidence", "rankings", "trail")  # type: ignore[assignment]


COLUMNS = (
    "id", "prompt_id", "prompt__external_id", "reason", "also", "state", "outcome", "awaits__username",
    "reviewer__username", "prompt__ranked", "prompt__overlap", "opened_at", "closed_at",
)  # fmt: skip
_time = serializers.DateTimeField().to_representation


def wanted(project: Project, request: Request) -> Any:
    """Gives the rows, of `written`, that the address asks for. Raises Invalid."""
    state = one_of(request, "state", State.values, code="unknown_state") or State.OPEN
    reason = one_of(request, "reason", Reason.values, code="unknown_reason") or ""
    whose = one_of(request, "whose", cases.Whose.values, code="unknown_whose") or cases.Whose.ALL
    rows = cases.cases_of(project, state=state, reason=reason, whose=whose, reader=request.user)
    if prompt := request.query_params.get("prompt"):
        rows = rows.filter(prompt__external_id=prompt, prompt__project=project)
    return rows.select_related(None).values(*COLUMNS)


def written(page: Sequence[Row]) -> list[Row]:
    """Writes what CaseSerializer declares."""
    return [
        {
            "id": row["id"],
            "prompt": str(row["prompt_id"]),
            "external_id": row["prompt__external_id"],
            "reason": row["reason"],
            "also": row["also"],
            "state": row["state"],
            "outcome": row["outcome"] or None,
            "awaits": row["awaits__username"],
            "reviewer": row["reviewer__username"],
            "n_rankings": row["prompt__ranked"],
            "overlap": row["prompt__overlap"],
            "opened_at": _time(row["opened_at"]),
            "closed_at": row["closed_at"] and _time(row["closed_at"]),
        }
        for row in page
    ]


def read(user: Visitor, case: ReviewCase) -> Row:
    """Writes what CaseWithTrailSerializer declares, as it stands now."""
    now = ReviewCase.objects.filter(pk=case.pk).values(*COLUMNS, "evidence").get()
    rankings = access.rankings_of(user, case.project).filter(prompt=case.prompt_id).order_by("pk")
    said = written_known(list(rankings.values(*KNOWN_COLUMNS)[:MOST_RANKINGS]))
    trail = [_act(each) for each in cases.trail(case)]
    return {**written([now])[0], "evidence": _evidence(now["evidence"]), "rankings": said, "trail": trail}


def _evidence(stored: Row | None) -> Row | None:
    if stored is None:
        return None
    keys = {name: None if stored.get(name) is None else str(stored[name]) for name in COMPLETIONS}
    rest = ("model", "ranking", "probability", "reward_gap", "flag", "answer")
    return {name: stored.get(name) for name in rest} | keys


def _act(act: ReviewAct) -> Row:
    sent_to = act.assignment.labeler.username if act.act == ReviewAct.Act.SENT_BACK and act.assignment else None
    return {
        "act": act.act,
        "by": act.by.username if act.by else None,
        "reason": act.words,
        "what": act.what or None,
        "labeler": sent_to,
        "whom": act.whom.username if act.whom else None,
        "ranking": act.ranking_id,
        "at": _time(act.at),
    }
