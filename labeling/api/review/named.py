"""Named reviewers: who is given new cases, and whose a case is to decide."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from labeling.api.rest.fields import Choice, Several, Text
from labeling.api.rest.requests import KnownFields, View, person
from labeling.api.rest.schema import conflict
from labeling.api.review import case_rows
from labeling.api.review.case_rows import CaseWithTrailSerializer
from labeling.api.review.reviews import CLOSED, case_of
from labeling.data.reviewing import reviewers
from labeling.data.reviewing.reviewers import MOST, Reviewer
from labeling.models import Project, Role
from labeling.people import access

LONGEST_NAME = 150


class ReviewerSerializer(serializers.Serializer[Reviewer]):
    username = serializers.CharField()
    role = Choice(choices=[Role.REVIEWER.value, Role.MANAGER.value])
    takes_cases = serializers.BooleanField(help_text="Named: new cases are shared out among those who are.")
    waiting = serializers.IntegerField(help_text="Open cases that are reserved for this person.")


class ReviewersSerializer(serializers.Serializer[Any]):
    reviewers = ReviewerSerializer(many=True, help_text=f"Who may review here, by name, the first {MOST}.")


class ReviewersBodySerializer(KnownFields):
    reviewers = Several(
        child=Text(max_length=LONGEST_NAME), max_length=MOST, help_text="Who is given new cases; empty: nobody."
    )


class ReserveBodySerializer(KnownFields):
    reviewer = Text(max_length=LONGEST_NAME, allow_null=True, help_text="Null: any reviewer may decide it.")


class Reviewers(View):
    @extend_schema(operation_id="reviewers_list", responses=ReviewersSerializer)
    def get(self, request: Request, slug: str) -> Response:
        """Who may review in the project, who is given new cases, and how many wait for each."""
        return _answer(access.get_project(request.user, slug, at_least=Role.REVIEWER))

    @extend_schema(operation_id="reviewers_set", request=ReviewersBodySerializer, responses=ReviewersSerializer)
    def put(self, request: Request, slug: str) -> Response:
        """Name who is given new cases, in equal shares. Of whoever is not named any more all that wait become free."""
        project = access.get_project(request.user, slug, at_least=Role.MANAGER)
        body = ReviewersBodySerializer(data=request.data)
        body.is_valid(raise_exception=True)
        reviewers.name_reviewers(project, body.validated_data["reviewers"], by=person(request))
        return _answer(project)


class ReserveReview(View):
    @extend_schema(
        operation_id="reviews_reserve",
        request=ReserveBodySerializer,
        responses={
            200: CaseWithTrailSerializer,
            409: conflict(f"{CLOSED} Or it is reserved for somebody else, or that person ranked the prompt."),
        },
    )
    def post(self, request: Request, slug: str, case: int) -> Response:
        """Take a case that is nobody's, hand on one of yours, or give it back; a manager does so with any."""
        found = case_of(request, slug, case)
        body = ReserveBodySerializer(data=request.data)
        body.is_valid(raise_exception=True)
        reviewers.reserve(found, body.validated_data["reviewer"], by=person(request))
        return Response(case_rows.read(request.user, found))


def _answer(project: Project) -> Response:
    return Response(ReviewersSerializer({"reviewers": reviewers.reviewers_of(project)}).data)
