"""Reviews: what waits for a reviewer, and what they decide. The functions are those of the pages, and so is the trail.

An act on a case that is closed by now, by the same request a moment ago or by another reviewer, is refused with what
happened and changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from labeling.answers import rankings
from labeling.answers.rankings import Submitted
from labeling.api.assignments import (
    ANSWER_FIELDS,
    MessageSerializer,
    RankingBodySerializer,
    ShownCompletionSerializer,
    SubmittedSerializer,
    task,
)
from labeling.api.rest.asks import MoreAsked
from labeling.api.rest.fields import Reason, Text, Whole
from labeling.api.rest.paging import PagedView
from labeling.api.rest.requests import LARGEST_ID, KnownFields, View, person, refuse_unknown
from labeling.api.rest.schema import conflict
from labeling.api.review import case_rows
from labeling.api.review.case_rows import CaseSerializer, CaseWithTrailSerializer
from labeling.data.reviewing import acts, cases, decisions
from labeling.data.reviewing.acts import MAX_WORDS
from labeling.errors import Invalid
from labeling.judgements.row_limits import MAX_ID
from labeling.models import Prompt, ReviewCase, Role
from labeling.people import access

WHY = gettext_lazy("Say why in a few words: it stays in the trail.")
CLOSED = "The case is closed by now: `detail` says how, and by whom."
DECISION = f"{CLOSED} Or you ranked the prompt yourself: nobody decides about their own answer."


class AskedBodySerializer(KnownFields):
    prompt = Text(max_length=MAX_ID, trim_whitespace=False, help_text="Its id in the imported file.")


class WordsBodySerializer(KnownFields):
    reason = Text(max_length=MAX_WORDS, required=False, default="", allow_blank=True, help_text="Stays in the trail.")


class WhyBodySerializer(KnownFields):
    reason = Reason(max_length=MAX_WORDS, missing=WHY)


class SendBackBodySerializer(WhyBodySerializer):
    ranking = Whole(min_value=1, max_value=LARGEST_ID, help_text="That its labeler should look at again.")


class DecideAsBodySerializer(WordsBodySerializer):
    ranking = Whole(min_value=1, max_value=LARGEST_ID, help_text="The one that is right.")


class DecideBodySerializer(RankingBodySerializer):
    reason = Text(max_length=MAX_WORDS, required=False, allow_blank=True, help_text="Stays in the trail.")


class ReviewTaskSerializer(MoreAsked):
    """What a reviewer ranks: blind, in an order of their own."""

    id = serializers.IntegerField()
    prompt = MessageSerializer(many=True)
    completions = ShownCompletionSerializer(many=True)


TASK_FIELDS: tuple[str, ...] = tuple(ReviewTaskSerializer().fields)


class Reviews(PagedView):
    serializer_class = CaseSerializer
    query = {"get": tuple(each.name for each in case_rows.PARAMETERS)}

    @extend_schema(operation_id="reviews_list", parameters=case_rows.PARAMETERS, responses=CaseSerializer(many=True))
    def get(self, request: Request, slug: str) -> Response:
        """Cases that wait for a reviewer, oldest first; or those that are sent back, or closed."""
        project = access.get_project(request.user, slug, at_least=Role.REVIEWER)
        return self.page(case_rows.wanted(project, request), case_rows.written)

    @extend_schema(
        operation_id="reviews_ask",
        request=AskedBodySerializer,
        responses={200: CaseWithTrailSerializer, 409: conflict("The prompt is withdrawn.")},
    )
    def post(self, request: Request, slug: str) -> Response:
        """Ask for a look at a prompt: its open case, or a new one. Twice is harmless."""
        project = access.get_project(request.user, slug, at_least=Role.REVIEWER)
        body = AskedBodySerializer(data=request.data)
        body.is_valid(raise_exception=True)
        prompt = Prompt.objects.filter(project=project, external_id=body.validated_data["prompt"]).first()
        if prompt is None:
            message = _("There is no prompt %(name)r in this project.")
            raise Invalid("unknown_prompt", message % {"name": body.validated_data["prompt"][:80]}, attr="prompt")
        case = cases.open_case(prompt, ReviewCase.Reason.ASKED, by=person(request))
        case.project = project
        return Response(case_rows.read(request.user, case))


class OneReview(View):
    @extend_schema(operation_id="reviews_read", responses=CaseWithTrailSerializer)
    def get(self, request: Request, slug: str, case: int) -> Response:
        """One case: all answers that stand, and what was done about it."""
        return Response(case_rows.read(request.user, case_of(request, slug, case)))


class ReviewTask(View):
    without_body = ("post",)

    @extend_schema(
        operation_id="reviews_task", request=None, responses={200: ReviewTaskSerializer, 409: conflict(DECISION)}
    )
    def post(self, request: Request, slug: str, case: int) -> Response:
        """Your own blind task of the case's prompt, to be ranked with /decide/; the same one each time."""
        shown = task(decisions.task_for(case_of(request, slug, case), person(request)))
        return Response({name: shown[name] for name in TASK_FIELDS})


class DecideReview(View):
    @extend_schema(
        operation_id="reviews_decide",
        request=DecideBodySerializer,
        responses={201: SubmittedSerializer, 409: conflict(DECISION)},
    )
    def post(self, request: Request, slug: str, case: int) -> Response:
        """Decide by your own ranking, of the completions as /task/ names them: it takes the place of all others.

        They stay as a record, their pairs give way, and the prompt needs no more. Frozen versions stay as they are.
        """
        found = case_of(request, slug, case)
        refuse_unknown(request.data, (*ANSWER_FIELDS, "reason"))
        payload: dict[str, Any] = dict(request.data)
        words = WordsBodySerializer(data={"reason": payload.pop("reason")} if "reason" in payload else {})
        words.is_valid(raise_exception=True)
        own, said = decisions.task_for(found, person(request)), words.validated_data["reason"]
        return _decided(found, decisions.decide(found, own, payload, by=person(request), words=said))


class DecideReviewAs(View):
    @extend_schema(
        operation_id="reviews_decide_as",
        request=DecideAsBodySerializer,
        responses={201: SubmittedSerializer, 409: conflict(f"{DECISION} Or the ranking was changed meanwhile.")},
    )
    def post(self, request: Request, slug: str, case: int) -> Response:
        """Decide as one of the labelers ranked it: their ranking, under your name, takes the place of all."""
        found = case_of(request, slug, case)
        body = DecideAsBodySerializer(data=request.data)
        body.is_valid(raise_exception=True)
        said: dict[str, Any] = body.validated_data
        chosen = cases.find_ranking(found, said["ranking"])
        return _decided(found, decisions.decide_as(found, chosen, by=person(request), words=said["reason"]))


class _Act(View):
    """What closes a case, or sends it back: answered with the case as it stands then."""

    body: ClassVar[type[KnownFields]]

    def answer(self, request: Request, slug: str, case: int, act: Callable[..., None]) -> Response:
        found = case_of(request, slug, case)
        body = type(self).body(data=request.data)
        body.is_valid(raise_exception=True)
        said: dict[str, Any] = body.validated_data
        chosen = [cases.find_ranking(found, said["ranking"])] if "ranking" in said else []
        act(found, *chosen, by=person(request), words=said["reason"])
        return Response(case_rows.read(request.user, found))


class SendReviewBack(_Act):
    body = SendBackBodySerializer

    @extend_schema(
        operation_id="reviews_send_back",
        request=SendBackBodySerializer,
        responses={
            200: CaseWithTrailSerializer,
            409: conflict(f"{CLOSED} Or an answer is awaited already, or nobody would change this one."),
        },
    )
    def post(self, request: Request, slug: str, case: int) -> Response:
        """Send one answer back with a word: its labeler sees that word and their own answer, and nobody's name."""
        return self.answer(request, slug, case, acts.send_back)


class PutReviewBack(_Act):
    body = WordsBodySerializer

    @extend_schema(
        operation_id="reviews_put_back",
        request=WordsBodySerializer,
        responses={200: CaseWithTrailSerializer, 409: conflict(f"{CLOSED} Or nobody set the prompt aside.")},
    )
    def post(self, request: Request, slug: str, case: int) -> Response:
        """Put a prompt that was set aside back into the queue, and close the case."""
        return self.answer(request, slug, case, acts.put_back)


class DiscardReview(_Act):
    body = WhyBodySerializer

    @extend_schema(
        operation_id="reviews_discard",
        request=WhyBodySerializer,
        responses={200: CaseWithTrailSerializer, 409: conflict(CLOSED)},
    )
    def post(self, request: Request, slug: str, case: int) -> Response:
        """Withdraw the prompt with all its rankings, and close the case. A manager can put it back."""
        return self.answer(request, slug, case, acts.discard)


class LeaveReview(_Act):
    body = WordsBodySerializer

    @extend_schema(
        operation_id="reviews_leave",
        request=WordsBodySerializer,
        responses={200: CaseWithTrailSerializer, 409: conflict(CLOSED)},
    )
    def post(self, request: Request, slug: str, case: int) -> Response:
        """Close the case and leave all answers as they are."""
        return self.answer(request, slug, case, acts.leave)


def case_of(request: Request, slug: str, key: int) -> ReviewCase:
    project = access.get_project(request.user, slug, at_least=Role.REVIEWER)
    case = cases.find_case(project, key)
    case.project = case.prompt.project = project
    return case


def _decided(case: ReviewCase, submitted: Submitted) -> Response:
    rankings.notify_ranked(case.project_id)
    answer = {"id": submitted.ranking.pk, "pairs": submitted.pairs, "ties": submitted.ties}
    return Response(answer, status=201)
