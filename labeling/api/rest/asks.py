"""What a task asks beyond an order, and what an answer says to it: the same at every address."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from labeling.answers.asks.asked import FURTHEST, Asked
from labeling.answers.asks.rewrite import MAX_REWRITE
from labeling.answers.submissions import MAX_NOTE
from labeling.api.projects import AttributeSerializer, FlagSerializer
from labeling.api.rest.fields import Text, Truth, Whole
from labeling.api.rest.requests import KnownFields
from labeling.models import Project
from labeling.projects.asks import LARGEST_SCALE


class MoreAsked(serializers.Serializer[Any]):
    """Of a task: what is asked. Each is off by default."""

    flags = FlagSerializer(many=True)
    ask_strength = serializers.BooleanField(help_text="Two completions: say how much better the better one is.")
    ask_acceptable = serializers.BooleanField(help_text="Say how many tiers are acceptable, from the best on.")
    ask_reasons = FlagSerializer(many=True)
    justification = serializers.CharField(help_text="`off`, `optional` or `required`: a reason or a comment.")
    attributes = AttributeSerializer(
        many=True, help_text="Ratings of each completion; of two completions those that compare them, too."
    )
    top_k = serializers.IntegerField(
        help_text="Rank so many at least, the best; the rest may be left out of `tiers`, and counts as below. 0: all."
    )
    ask_rewrite = serializers.CharField(help_text="`off`, or `optional`: a best completion may be written anew.")


class RewriteBody(KnownFields):
    of = Text(help_text="The id of a completion in the best tier.")
    text = Text(max_length=MAX_REWRITE, trim_whitespace=False)


class MoreSaid(KnownFields):
    """Of an answer: what is said beyond its order."""

    flags = serializers.DictField(child=serializers.DictField(child=Truth()), required=False)
    notes = serializers.DictField(
        child=Text(max_length=MAX_NOTE, allow_blank=True),
        required=False,
        help_text="By completion id: what is wrong with it.",
    )
    acceptable = Whole(
        min_value=0, max_value=10, required=False, allow_null=True,
        help_text="How many tiers are acceptable: 0 none. Needed where the task has `ask_acceptable`, else not taken.",
    )  # fmt: skip
    reasons = serializers.ListField(
        child=Text(), required=False, allow_null=True, help_text="Names of the task's `ask_reasons`."
    )
    attributes = serializers.DictField(
        child=serializers.DictField(child=Whole(min_value=1, max_value=LARGEST_SCALE)),
        required=False,
        help_text="By completion id: its rating by each of the task's attributes, from 1 to the attribute's scale.",
    )
    comparisons = serializers.DictField(
        child=serializers.DictField(child=Whole(min_value=-FURTHEST, max_value=FURTHEST)),
        required=False,
        help_text="By the id of one of two: by how much it is ahead of the other in each attribute that compares.",
    )
    rewrite = RewriteBody(
        required=False,
        allow_null=True,
        help_text="A better text, where the task has `ask_rewrite`: over the one of `of`.",
    )


def asked_of(project: Project, k: int) -> dict[str, Any]:
    """Writes what MoreAsked declares, of k completions."""
    asked = Asked.of(project, k)
    attributes = {each.name for each in asked.attributes}
    return {
        "flags": project.flags,
        "ask_strength": project.ask_strength and k == 2,
        "ask_acceptable": project.ask_acceptable and k > 1,
        "ask_reasons": project.ask_reasons,
        "justification": project.justification,
        "ask_rewrite": project.ask_rewrite if k > 1 else "off",
        "top_k": asked.top_k,
        "attributes": [each for each in project.attributes if each["name"] in attributes],
    }
