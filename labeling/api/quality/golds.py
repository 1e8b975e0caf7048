"""Gold: listed with how each was answered, made and taken back; and people whom their checks paused let go on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.http import Http404
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from labeling.api.rest.fields import Several, Text, Truth, Whole
from labeling.api.rest.paging import PagedView
from labeling.api.rest.requests import LARGEST_ID, KnownFields, View, person
from labeling.api.rest.schema import conflict
from labeling.errors import Invalid, Missing
from labeling.judgements.row_limits import MAX_COMPLETIONS
from labeling.models import GoldAnswer, Membership, Project, Prompt, Ranking, Role
from labeling.models.quality.checks import LONGEST_EXPLANATION
from labeling.people import access
from labeling.quality.checks import acting, golds, lists
from labeling.quality.checks.golds import Known
from labeling.quality.checks.lists import Answered


class GoldSerializer(serializers.Serializer[Answered]):
    prompt = serializers.CharField(source="gold.prompt.external_id", help_text="Its id in the imported file.")
    tiers = serializers.SerializerMethodField(help_text="Completions by their ids in the file, best first.")
    top_k = serializers.SerializerMethodField(
        help_text="How many stand above the last tier, where that is a rest without an order in itself; null where all "
        "are ranked."
    )
    explanation = serializers.CharField(
        source="gold.explanation", help_text="Why it is so; labelers read it where they practise."
    )
    made_of = serializers.CharField(
        source="gold.source", help_text="`typed`, `ranking`, `review` (a decision) or `import`."
    )
    practice = serializers.BooleanField(
        source="gold.practice", help_text="Labelers practise on it, and see the answer: it is no check."
    )
    checks = serializers.IntegerField(source="share.n_prompts", help_text="Answers to it that were counted.")
    right = serializers.FloatField(source="share.value", allow_null=True, help_text="Of comparisons; null of none.")
    right_low = serializers.FloatField(source="share.low", allow_null=True, help_text="Of the 95 % interval.")
    right_high = serializers.FloatField(source="share.high", allow_null=True)
    doubts = serializers.ListField(
        child=serializers.CharField(), help_text="Why labelers said that it can't be ranked."
    )
    created_at = serializers.DateTimeField(source="gold.created_at")

    def get_tiers(self, row: Answered) -> list[list[str]]:
        names = {each.pk: each.external_id for each in row.gold.prompt.completions.all()}
        tiers: dict[int, list[str]] = {}
        for key, rank in row.gold.ranks.items():
            tiers.setdefault(rank, []).append(names.get(int(key), ""))
        return [sorted(tiers[rank]) for rank in sorted(tiers)]

    def get_top_k(self, row: Answered) -> int | None:
        return len(row.gold.ranks) - row.gold.unranked if row.gold.unranked else None


class MadeSerializer(KnownFields):
    """By a ranking that stands, or by tiers and flags."""

    prompt = Text(max_length=200, trim_whitespace=False, help_text="Its id in the imported file.")
    ranking = Whole(required=False, min_value=1, max_value=LARGEST_ID, help_text="One of it that stands.")
    tiers = Several(
        child=Several(child=Text(max_length=200, trim_whitespace=False), min_length=1, max_length=MAX_COMPLETIONS),
        required=False,
        max_length=MAX_COMPLETIONS,
        help_text="Completions by their ids in the file, best first; one tier's are a tie.",
    )
    top_k = Whole(
        required=False,
        min_value=1,
        max_value=MAX_COMPLETIONS,
        help_text="How many stand above the last tier, where that is a rest: below all others, and no tie.",
    )
    flags = serializers.DictField(
        child=serializers.DictField(child=Truth()),
        required=False,
        help_text='By the completion\'s id: {"a": {"hateful": true}}.',
    )
    explanation = Text(required=False, allow_blank=True, max_length=LONGEST_EXPLANATION)
    practice = Truth(
        required=False, help_text="To practise on, and no check. What is practised on stays so until it is taken back."
    )


class Golds(PagedView):
    serializer_class = GoldSerializer

    @extend_schema(operation_id="golds_list", responses=GoldSerializer(many=True))
    def get(self, request: Request, slug: str) -> Response:
        """Prompts with gold, and how each was answered. One that most answer otherwise may itself be wrong."""
        project = access.get_project(request.user, slug, at_least=Role.MANAGER)
        rows = GoldAnswer.objects.filter(project=project).select_related("prompt")
        return self.page(rows.prefetch_related("prompt__completions"), _written)

    @extend_schema(
        operation_id="golds_make",
        request=MadeSerializer,
        responses={
            200: GoldSerializer,
            409: conflict("The prompt is withdrawn, or the ranking stands no more."),
        },
    )
    def post(self, request: Request, slug: str) -> Response:
        """Make a prompt gold, or change what is known of it. It leaves the queue; its rankings stay data.

        Labelers who never had it get it among other tasks, as often as `gold_percent` says, and can't tell.
        """
        project = access.get_project(request.user, slug, at_least=Role.MANAGER)
        body = MadeSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        said = body.validated_data
        prompt = _prompt(project, said["prompt"])
        more = {"explanation": said.get("explanation", ""), "practice": said.get("practice", False)}
        if "ranking" in said:
            made = golds.make_from(project, _ranking(prompt, said["ranking"]), by=person(request), **more)
        else:
            known = _known(prompt, said)
            made = golds.make(project, prompt, known, source=GoldAnswer.Source.TYPED, by=person(request), **more)
        return Response(_written([made])[0])


class OneGold(View):
    without_body = ("delete",)

    @extend_schema(operation_id="golds_take_back", request=None, responses={204: None})
    def delete(self, request: Request, slug: str, external_id: str) -> Response:
        """The prompt is gold no more, and in the queue again. Answers to it count for nobody. Twice is harmless."""
        project = access.get_project(request.user, slug, at_least=Role.MANAGER)
        prompt = project.prompts.filter(external_id=external_id).first() if "\0" not in external_id else None
        if prompt is None:
            raise Http404
        golds.take_back(project, prompt)
        return Response(status=204)


class ResumePerson(View):
    without_body = ("post",)

    @extend_schema(operation_id="people_resume", request=None, responses={204: None})
    def post(self, request: Request, slug: str, person: int) -> Response:
        """Let a person go on whom their checks paused or warned; the count begins anew. Twice is harmless.

        For reviewers and managers; whoever was stopped goes on when a manager says so.
        """
        project = access.get_project(request.user, slug, at_least=Role.REVIEWER)
        member = Membership.objects.filter(project=project, user=min(person, LARGEST_ID)).select_related("user").first()
        if member is None:
            raise Http404
        acting.resume(project, member.user, by=request.user)  # type: ignore[arg-type]
        return Response(status=204)


def _written(rows: Sequence[GoldAnswer]) -> list[dict[str, Any]]:
    return [dict(GoldSerializer(row).data) for row in lists.answered(rows)]


def _prompt(project: Project, external_id: str) -> Prompt:
    found = project.prompts.filter(external_id=external_id).first()
    if found is None:
        message = _("There is no prompt %(id)r in this project.")
        raise Missing("unknown_prompt", message % {"id": external_id[:80]}, attr="prompt")
    return found


def _ranking(prompt: Prompt, key: int) -> Ranking:
    found = Ranking.objects.filter(pk=key, prompt=prompt).first()
    if found is None:
        message = _("There is no ranking %(key)s of this prompt.")
        raise Missing("unknown_ranking", message % {"key": key}, attr="ranking")
    return found


def _known(prompt: Prompt, said: dict[str, Any]) -> Known:
    keys = {each.external_id: each.pk for each in prompt.completions.all()}
    ranks: dict[int, int] = {}
    for rank, tier in enumerate(said.get("tiers", ()), start=1):
        for name in tier:
            if keys.get(name, 0) in ranks:
                message = _("Completion %(id)r is there twice.")
                raise Invalid("bad_gold", message % {"id": name[:80]}, attr="tiers")
            ranks[_key(keys, name, "tiers")] = rank
    flags = {_key(keys, name, "flags"): named for name, named in said.get("flags", {}).items()}
    return Known(ranks, flags, said.get("top_k"))


def _key(keys: dict[str, int], name: str, attr: str) -> int:
    if name not in keys:
        message = _("This prompt has no completion %(id)s; it has %(known)s.")
        values = {"id": name[:80], "known": ", ".join(keys)}
        raise Invalid("unknown_completion", message % values, attr=attr)
    return keys[name]
