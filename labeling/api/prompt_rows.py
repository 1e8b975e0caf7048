"""Prompts as they are read back: with their texts, in pages of a bounded size, and one by its id.

Rows are written from the columns that they show, as in labeling/api/rankings.py.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers
from rest_framework.request import Request

from labeling.answers import finding, finding_prompts, ordered_prompts
from labeling.answers.finding_prompts import STATES
from labeling.answers.prompt_orders import ORDERS
from labeling.api.rankings import KNOWN_COLUMNS, KnownRankingSerializer, written_known
from labeling.api.rest.in_order import InOrder, InOrderOf
from labeling.api.rest.looks import OF_A_PROMPT, OF_A_RANKING, read_conditions
from labeling.api.rest.paging import Look
from labeling.api.rest.requests import AFTER, LABELER, LARGEST_ID, NO_NUL, after, one_of, whole
from labeling.data.revising import erasures, revisions
from labeling.errors import Invalid
from labeling.forms.finding import PromptsForm
from labeling.models import Completion, Project, Prompt, PromptErasure, PromptRevision, Split
from labeling.models.functions import query
from labeling.people import access
from labeling.people.access import Visitor
from labeling.requests.strict_json import unstorable

Row = dict[str, Any]

MOST_BYTES = 8 * 2**20  # of texts in a page, before its last row: a row is bounded by the import's longest line
MOST_IDS = 100  # in one address
MOST_RANKINGS = 100  # beside one prompt
STATE_NAMES = tuple(STATES)

# Lengths are looked up until they are enough, so that no page reads a gigabyte to find out that it is one.
FITTING = """
WITH RECURSIVE fitting(n, bytes) AS (
    SELECT 0, 0::bigint
    UNION ALL
    SELECT n + 1, bytes + coalesce((
        SELECT octet_length(messages::text) + octet_length(metadata::text) + (
            SELECT coalesce(sum(octet_length(text)), 0)::bigint FROM labeling_completion WHERE prompt_id = prompt.id)
        FROM labeling_prompt prompt WHERE id = (%(keys)s::bigint[])[n + 1]), 0)
    FROM fitting WHERE n < cardinality(%(keys)s::bigint[]) AND bytes < %(most)s
)
SELECT max(n) AS n FROM fitting
"""


class CompletionSerializer(serializers.ModelSerializer[Completion]):
    key = serializers.CharField(source="pk", help_text="As rankings/ and pairs/ name it.")
    id = serializers.CharField(source="external_id", help_text="As in the imported row.")
    model = serializers.CharField(source="model_name", help_text="Who wrote it.")

    class Meta:
        model = Completion
        fields = ("key", "id", "text", "model", "position")


class PromptSerializer(serializers.ModelSerializer[Prompt]):
    key = serializers.CharField(source="pk", help_text="As `prompt` in rankings/ and pairs/.")
    id = serializers.CharField(source="external_id", help_text="As in the imported row.")
    state = serializers.ChoiceField(
        choices=STATE_NAMES,
        help_text="held: someone said that it can't be ranked, or a manager holds it. ranked: as often as `overlap` "
        "asks. withdrawn: nobody gets it, and its rankings count nowhere.",
    )
    on_hold = serializers.BooleanField(source="is_on_hold", help_text="A manager holds it; held_reason says why.")
    last_ranked_at = serializers.DateTimeField(
        allow_null=True, help_text="Of the newest ranking that stands; null where none does."
    )
    priority = serializers.IntegerField(help_text="People get the highest first; 0 where nobody set any.")
    n_rankings = serializers.IntegerField(source="ranked", help_text="How often it has been ranked.")
    held_reason = serializers.CharField(help_text="Why it is held; empty if it isn't.")
    tags = serializers.ListField(child=serializers.CharField(), help_text="Words of the managers' own.")
    cohort = serializers.CharField(allow_null=True, help_text="Whose people alone get it; null: everybody.")
    metadata = serializers.DictField(child=serializers.JSONField())
    messages = serializers.ListField(
        child=serializers.DictField(child=serializers.JSONField()), help_text="[{role, content}]; all of the dialogue."
    )
    completions = CompletionSerializer(many=True)

    class Meta:
        model = Prompt
        fields = (
            "key", "id", "split", "state", "on_hold", "tags", "cohort", "priority", "overlap", "n_rankings",
            "last_ranked_at", "held_reason", "created_at", "metadata", "messages", "completions",
        )  # fmt: skip


class PromptRevisionSerializer(serializers.ModelSerializer[PromptRevision]):
    replaced_by = serializers.CharField(source="replaced_by.username", allow_null=True, default=None)
    rankings = serializers.IntegerField(help_text="That stood on it, and ended with it.")
    last_ranking = serializers.IntegerField(
        source="last_ranking_id", help_text="Rankings of the prompt up to this id were made on it or an earlier one."
    )
    messages = serializers.ListField(child=serializers.DictField(child=serializers.JSONField()))
    metadata = serializers.DictField(
        child=serializers.JSONField(), help_text="What of the prompt's metadata said these texts, and went with them."
    )
    completions = serializers.ListField(source="texts", child=serializers.DictField(child=serializers.CharField()))

    class Meta:
        model = PromptRevision
        fields = (
            "number",
            "replaced_at",
            "replaced_by",
            "rankings",
            "last_ranking",
            "messages",
            "completions",
            "metadata",
        )


class ErasureSerializer(serializers.ModelSerializer[PromptErasure]):
    id = serializers.CharField(source="prompt.external_id")
    erased_by = serializers.CharField(source="erased_by.username", allow_null=True, default=None)
    versions = serializers.ListField(
        child=serializers.IntegerField(), help_text="Frozen versions that had the texts, and keep them."
    )

    class Meta:
        model = PromptErasure
        fields = ("id", "erased_at", "erased_by", "versions")


class PromptWithRankingsSerializer(PromptSerializer):
    revision = serializers.IntegerField(help_text="Of the texts, from 1; a change of them names it.")
    erasure = ErasureSerializer(allow_null=True, help_text="Who erased its texts for good, and when; else null.")
    revisions = PromptRevisionSerializer(many=True, help_text="Those that were replaced, the newest 20.")
    rankings = KnownRankingSerializer(
        many=True, help_text="The first hundred live ones; all are in rankings/?prompt=ID."
    )

    class Meta(PromptSerializer.Meta):
        fields = (*PromptSerializer.Meta.fields, "revision", "erasure", "revisions", "rankings")  # type: ignore[assignment]


class PromptPages(InOrder):
    def fitting(self, keys: Sequence[int]) -> int:
        return int(query(FITTING, {"keys": list(keys), "most": MOST_BYTES})[0]["n"]) if keys else 0


SPLIT = OpenApiParameter("split", str, enum=Split.values)
LEFT = OpenApiParameter(
    "left", str, enum=["nobody"], description="Only where every member has ranked or skipped it, and it needs more."
)
COHORT = OpenApiParameter(
    "cohort", NO_NUL, description="Only of the cohort of this name; `-` for those that are everybody's."
)
NARROWING = [
    SPLIT,
    COHORT,
    OpenApiParameter("state", str, enum=list(STATES)),
    LABELER,
    LEFT,
    *OF_A_RANKING,
    *OF_A_PROMPT,
]
ORDER = OpenApiParameter(
    "order",
    str,
    enum=list(ORDERS),
    description="Default: the order of import. -priority has the highest first, -last_ranked the last ranked; what "
    "nobody ranked comes last in both.",
)
PARAMETERS = [
    AFTER,
    *NARROWING,
    ORDER,
    OpenApiParameter(
        "id",
        {"type": "array", "maxItems": MOST_IDS, "items": {**NO_NUL, "maxLength": 200}},
        description=f"Only these, by their ids in the imported file: `id=q1&id=q2`, at most {MOST_IDS}.",
        explode=True,
    ),
]


def wanted(project: Project, request: Request) -> tuple[QuerySet[Prompt], Look | None]:
    """Gives the prompts that the address asks for, and how far one look for them goes, if it needs any. Raises
    Invalid."""
    rows = after(project.prompts.all(), request)
    asked = read_form(project, request).conditions()
    look = None
    if replace(asked, split="").needs_a_look:
        look = partial(finding.end_of, after(finding_prompts.indexed(project, asked), request), n=asked.looked_through)
    rows = finding_prompts.meeting(rows, asked)
    if ids := _ids(request):
        rows = rows.filter(external_id__in=ids)
    return rows, look


def in_order(project: Project, request: Request) -> InOrderOf | None:
    """Gives the order that the address asks for, and what finds a page in it; None in that of import. Raises
    Invalid."""
    name = one_of(request, "order", ORDERS, code="unknown_order")
    if name is None:
        return None
    asked = read_form(project, request).conditions()
    since = whole(request, "since", low=0, high=LARGEST_ID, example=41)
    names = _ids(request)
    return ORDERS[name], partial(ordered_prompts.find_page, project, asked, ORDERS[name], since=since, names=names)


def _ids(request: Request) -> list[str]:
    """Raises Invalid."""
    ids = request.query_params.getlist("id")
    if len(ids) > MOST_IDS:
        message = _("The address names %(n)d ids, and it holds at most %(limit)d: ask in several requests.")
        raise Invalid("too_many_ids", message % {"n": len(ids), "limit": MOST_IDS}, attr="id")
    return ids


def read_form(project: Project, request: Request) -> PromptsForm:
    """Reads by which conditions the address narrows the list. Raises Invalid."""
    one_of(request, "split", Split.values, code="unknown_split")
    one_of(request, "state", STATES, code="unknown_state")
    form = PromptsForm(request.query_params.dict(), project=project)
    read_conditions(form, request.query_params)
    return form


COLUMNS = (
    "id", "external_id", "split", "overlap", "ranked", "held_at", "held_reason", "withdrawn_at", "gold_at",
    "created_at", "tags", "priority", "last_ranked_at", "hold_at", "metadata", "messages",
    "cohort__name", "cohort__deleted_at",
)  # fmt: skip
TOLD_BY = ("withdrawn_at", "gold_at", "held_at", "ranked", "overlap")  # a prompt's state
_time = serializers.DateTimeField().to_representation


def read(user: Visitor, project: Project, external_id: str) -> Row:
    """Writes what PromptWithRankingsSerializer declares. Raises Prompt.DoesNotExist."""
    if unstorable(external_id):
        raise Prompt.DoesNotExist
    prompt = project.prompts.only("project", "revision").get(external_id=external_id)
    key = prompt.pk
    rows = written([{"id": key}])
    if not rows:  # deleted since
        raise Prompt.DoesNotExist
    rankings = access.rankings_of(user, project).filter(prompt=key).order_by("pk")
    before = PromptRevisionSerializer(revisions.earlier(prompt)[: revisions.SHOWN], many=True).data
    erased = erasures.erasure_of(prompt) if rows[0]["state"] == "withdrawn" else None
    said = {
        "revision": prompt.revision,
        "erasure": ErasureSerializer(erased).data if erased else None,
        "revisions": before,
    }
    return {**rows[0], **said, "rankings": written_known(list(rankings.values(*KNOWN_COLUMNS)[:MOST_RANKINGS]))}


def written(page: Sequence[Row]) -> list[Row]:
    """Writes what PromptSerializer declares of each of these keys, {"id"}, by two statements."""
    keys = [row["id"] for row in page]
    completions = defaultdict(list)
    columns = ("prompt_id", "id", "external_id", "text", "model_name", "position")
    for prompt, key, external_id, text, model, position in (
        Completion.objects.filter(prompt__in=keys).order_by("prompt_id", "position").values_list(*columns)
    ):
        said = {"key": str(key), "id": external_id, "text": text, "model": model, "position": position}
        completions[prompt].append(said)
    rows = {row["id"]: row for row in Prompt.objects.filter(pk__in=keys).values(*COLUMNS)}
    return [_row(rows[key], completions[key]) for key in keys if key in rows]


def _row(row: Row, completions: list[Row]) -> Row:
    return {
        "key": str(row["id"]),
        "id": row["external_id"],
        "split": row["split"],
        "state": finding_prompts.state_of(**{name: row[name] for name in TOLD_BY}),
        "on_hold": row["hold_at"] is not None and row["hold_at"] == row["held_at"],
        "tags": row["tags"],
        "cohort": row["cohort__name"] if row["cohort__deleted_at"] is None else None,
        "priority": row["priority"],
        "overlap": row["overlap"],
        "n_rankings": row["ranked"],
        "last_ranked_at": row["last_ranked_at"] and _time(row["last_ranked_at"]),
        "held_reason": row["held_reason"],
        "created_at": _time(row["created_at"]),
        "metadata": row["metadata"],
        "messages": row["messages"],
        "completions": completions,
    }
