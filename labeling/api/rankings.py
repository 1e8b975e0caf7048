"""Rankings: your own, or everyone's for a reviewer or manager.

Whoever trains on them pages through all, a thousand at a time: rows are written from the columns that they show. The
serializers say in the API's document what that is, and a test holds the two together.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from labeling.answers import finding
from labeling.api.rest import narrowed
from labeling.api.rest.looks import OF_A_PROMPT, OF_A_RANKING, Looking, read_conditions
from labeling.api.rest.paging import Look, PagedView
from labeling.api.rest.requests import after, one_of, truth
from labeling.forms.finding import RankingsForm
from labeling.models import Project, RankedCompletion, Ranking, Role
from labeling.models.rankings import MAX_ACTIVE_SECONDS
from labeling.people import access
from labeling.people.access import Which
from labeling.queue import shown_ids

Row = dict[str, Any]
SECONDS = {"type": "integer", "minimum": 0, "maximum": MAX_ACTIVE_SECONDS}


class RankedSerializer(serializers.ModelSerializer[RankedCompletion]):
    id = serializers.CharField(read_only=True, help_text="As the task has it, and as a changed answer takes it.")

    attributes = serializers.DictField(
        child=serializers.IntegerField(),
        help_text="Ratings by the project's attributes; of a comparison of two by how much it is ahead.",
    )

    class Meta:
        model = RankedCompletion
        fields = ("id", "rank", "shown_position", "flags", "note", "attributes")


class KnownRankedSerializer(RankedSerializer):
    id = serializers.CharField(source="completion_id", help_text="The same in every ranking of its prompt.")
    external_id = serializers.CharField(
        source="completion.external_id", required=False, help_text="Its id in the imported row."
    )
    model = serializers.CharField(source="completion.model_name", required=False, help_text="Who wrote it.")

    class Meta(RankedSerializer.Meta):
        fields = (*RankedSerializer.Meta.fields, "external_id", "model")  # type: ignore[assignment]


class RewriteSerializer(serializers.Serializer[Row]):
    """A text that its labeler finds better than a completion that they put first."""

    of = serializers.CharField(source="rewrite_of_id", help_text="The completion's id.")
    text = serializers.CharField(source="rewrite")

    def to_representation(self, ranking: Any) -> Any:
        return super().to_representation(ranking) if ranking.rewrite else None


class RankingSerializer(serializers.ModelSerializer[Ranking]):
    """Blind: what the labeler saw and said."""

    labeler = serializers.CharField(source="labeler.username")
    ranked = RankedSerializer(many=True)
    strength = serializers.IntegerField(
        allow_null=True, help_text="1 slightly, 2 clearly, 3 much better; null where it was not asked."
    )

    acceptable = serializers.IntegerField(
        allow_null=True, help_text="How many tiers are acceptable, from the best on; null where it was not asked."
    )
    reasons = serializers.ListField(child=serializers.CharField(), help_text="Names of the project's reasons.")

    rewrite = RewriteSerializer(source="*", allow_null=True)
    top_k = serializers.IntegerField(
        allow_null=True,
        help_text="How many are ranked above the rest, which has the last rank and no order in itself: of two of it "
        "nothing was said, not even a tie. null where all are ranked.",
    )

    class Meta:
        model = Ranking
        fields = (
            "id", "assignment", "labeler", "revision", "source", "ranked", "strength", "acceptable", "reasons",
            "rewrite", "top_k", "comment", "active_seconds", "created_at",
        )  # fmt: skip


class KnownRankingSerializer(RankingSerializer):
    """For those who may know what came from where."""

    prompt = serializers.CharField(source="prompt_id", required=False)  # none for a labeler, as what follows
    external_id = serializers.CharField(
        source="prompt.external_id", required=False, help_text="The prompt's id in the imported file."
    )
    split = serializers.CharField(source="prompt.split", required=False, help_text="The prompt's.")
    live = serializers.BooleanField(required=False, help_text="False of one that was replaced or withdrawn.")
    ended_at = serializers.DateTimeField(allow_null=True, required=False, help_text="When it was.")
    ranked = KnownRankedSerializer(many=True)

    class Meta(RankingSerializer.Meta):
        fields = (*RankingSerializer.Meta.fields, "prompt", "external_id", "split", "live", "ended_at")  # type: ignore[assignment]


ASKED = [
    *OF_A_RANKING,
    OpenApiParameter("words", str, enum=["some"], description="Only with a comment, or a note on a completion."),
    OpenApiParameter("least_seconds", SECONDS, description="Only those that took so long, or longer."),
    OpenApiParameter("most_seconds", SECONDS, description="Only those that took so long, or shorter."),
    *OF_A_PROMPT,
]
PURPOSE = OpenApiParameter(
    "purpose",
    str,
    enum=["gold", "repeat"],
    description="Answers to gold, or second answers of a person, which are no data; for reviewers and managers.",
)
NOT_BLIND = (
    "purpose",
    *(each.name for each in OF_A_PROMPT),
)  # for reviewers and managers: they tell of models and of others


class Rankings(PagedView):
    serializer_class = KnownRankingSerializer
    pagination_class = Looking
    query = {"get": (*narrowed.NAMES, "ended", "given", "purpose", *(each.name for each in ASKED))}

    @extend_schema(
        operation_id="rankings_list",
        parameters=[
            *narrowed.PARAMETERS,
            *ASKED,
            OpenApiParameter(
                "ended", bool, description="With those that were replaced or withdrawn; for reviewers and managers."
            ),
            PURPOSE,
            OpenApiParameter(
                "given",
                bool,
                description="What each person said last, whatever became of it after, as a person's `today` counts it; "
                "for reviewers and managers.",
            ),
        ],
        responses=KnownRankingSerializer(many=True),
    )
    def get(self, request: Request, slug: str) -> Response:
        """Live rankings, oldest first.

        A labeler gets their own, without `prompt`, `external_id`, `split`, `live`, `ended_at` and `model`, and
        completions by their task's ids; and can't ask for `disagreement`, `model` or `q`. Narrowed by what no index
        has, a page looks through 100,000 rankings (10,000 for common words) and may hold none: follow `next`.
        """
        ended, given = truth(request, "ended"), truth(request, "given")
        purpose = one_of(request, "purpose", PURPOSE.enum or (), code="unknown_purpose")
        which = Which(purpose) if purpose else Which.ALL if ended else Which.GIVEN if given else Which.STANDING
        needed = Role.REVIEWER if any(request.query_params.get(name) for name in NOT_BLIND) else Role.LABELER
        needed = needed if needed == Role.REVIEWER else narrowed.role_for(request)
        project = access.get_project(request.user, slug, at_least=needed)
        known = access.role_in(request.user, project) != Role.LABELER
        rows = narrowed.narrowed(access.rankings_of(request.user, project, which), request)
        rows, self.look = self._meeting(rows, project, request)
        if known:
            return self.page(rows.values(*KNOWN_COLUMNS), written_known)
        return self.page(rows.values(*COLUMNS, "assignment__seed"), written_blind)

    def _meeting(
        self, rows: QuerySet[Ranking], project: Project, request: Request
    ) -> tuple[QuerySet[Ranking], Look | None]:
        """Gives those that meet what else was asked, and how far one look for them goes. Raises Invalid."""
        params = request.query_params
        form = RankingsForm({each.name: params[each.name] for each in ASKED if each.name in params}, project=project)
        read_conditions(form, params)
        asked = form.conditions()
        if not asked.needs_a_look:
            return finding.meeting(rows, asked), None
        base = after(Ranking.objects.filter(project=project), request)
        return finding.meeting(rows, asked), partial(finding.end_of, base, n=asked.looked_through)


COLUMNS = (
    "id", "assignment_id", "labeler__username", "revision", "source", "strength", "acceptable", "reasons", "rewrite",
    "rewrite_of_id", "unranked", "comment", "active_seconds", "created_at",
)  # fmt: skip
KNOWN_COLUMNS = (*COLUMNS, "prompt_id", "prompt__external_id", "prompt__split", "live", "ended_at")
_time = serializers.DateTimeField().to_representation


def written_known(rankings: Sequence[Row]) -> list[Row]:
    """Writes what KnownRankingSerializer declares."""
    places = defaultdict(list)
    for ranking, completion, *said, external_id, model in _ranked(rankings, "external_id", "model_name"):
        place = {"id": str(completion), **_said(*said), "external_id": external_id, "model": model}
        places[ranking].append(place)
    return [{**_row(row, places[row["id"]], str), **_known(row)} for row in rankings]


def _known(row: Row) -> Row:
    return {
        "prompt": str(row["prompt_id"]),
        "external_id": row["prompt__external_id"],
        "split": row["prompt__split"],
        "live": row["live"],
        "ended_at": row["ended_at"] and _time(row["ended_at"]),
    }


def written_blind(rankings: Sequence[Row]) -> list[Row]:
    """Writes what RankingSerializer declares: completions by the ids of their task."""
    of = {row["id"]: (row["assignment_id"], row["assignment__seed"]) for row in rankings}
    places = defaultdict(list)
    for ranking, completion, *said in _ranked(rankings):
        places[ranking].append({"id": shown_ids.hashed(*of[ranking], completion), **_said(*said)})
    return [_row(row, places[row["id"]], partial(shown_ids.hashed, *of[row["id"]])) for row in rankings]


def _ranked(rankings: Sequence[Row], *of_completion: str) -> list[tuple[Any, ...]]:
    rows = RankedCompletion.objects.filter(ranking__in=[row["id"] for row in rankings])
    columns = ("ranking_id", "completion_id", "rank", "shown_position", "flags", "note", "attributes")
    return list(
        rows.order_by("ranking_id", "rank", "id").values_list(
            *columns, *(f"completion__{name}" for name in of_completion)
        )
    )


def _said(rank: int, shown_position: int | None, flags: object, note: str, attributes: object) -> Row:
    said = {"rank": rank, "shown_position": shown_position, "flags": flags, "note": note}
    return {**said, "attributes": attributes}


def _row(row: Row, ranked: list[Row], name: Callable[[int], str]) -> Row:
    """name: gives a completion's id by its key."""
    return {
        "id": row["id"],
        "assignment": row["assignment_id"],
        "labeler": row["labeler__username"],
        "revision": row["revision"],
        "source": row["source"],
        "ranked": ranked,
        "strength": row["strength"],
        "acceptable": row["acceptable"],
        "reasons": row["reasons"],
        "rewrite": {"of": name(row["rewrite_of_id"]), "text": row["rewrite"]} if row["rewrite"] else None,
        "top_k": len(ranked) - row["unranked"] if row["unranked"] else None,
        "comment": row["comment"],
        "active_seconds": row["active_seconds"],
        "created_at": _time(row["created_at"]),
    }
