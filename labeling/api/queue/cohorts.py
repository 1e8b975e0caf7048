"""Cohorts of a project: listed, made, changed and deleted, and what each of it would do."""

from __future__ import annotations

from typing import Any, ClassVar

from drf_spectacular.utils import PolymorphicProxySerializer, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from labeling.api.rest.fields import Several, Text, Whole
from labeling.api.rest.paging import PagedView
from labeling.api.rest.requests import KnownFields, View, person, truth
from labeling.api.rest.schema import conflict
from labeling.api.withdrawals import DRY_RUN
from labeling.data.bulk import cohort_changes, cohorts
from labeling.data.bulk.cohort_changes import Foreseen
from labeling.models import Cohort, Role
from labeling.models.lists.cohorts import LONGEST_NAME
from labeling.models.prompts import LONGEST_TAG, MOST_TAGS
from labeling.people import access

MOST_PEOPLE = 1_000  # in one request
LARGEST_REVISION = 2**31 - 1


class CohortSerializer(serializers.ModelSerializer[Cohort]):
    tags = serializers.ListField(child=serializers.CharField(), help_text="A prompt with one of these is in it.")
    people = serializers.SerializerMethodField(help_text="Usernames of its people.")
    revision = serializers.IntegerField(help_text="A change may name it: 412 where somebody changed it since.")

    class Meta:
        model = Cohort
        fields = ("id", "name", "tags", "people", "revision", "created_at")

    def get_people(self, cohort: Cohort) -> list[str]:
        return sorted(each.membership.user.username for each in cohort.people.all())


class CohortBodySerializer(KnownFields):
    name = Text(max_length=LONGEST_NAME, help_text="Each once in a project.")
    tags = Several(child=Text(max_length=LONGEST_TAG), required=False, max_length=MOST_TAGS)
    people = Several(
        child=Text(max_length=150), required=False, max_length=MOST_PEOPLE, help_text="Usernames of members: all of it."
    )


class CohortChangesSerializer(CohortBodySerializer):
    name = Text(required=False, max_length=LONGEST_NAME)
    revision = Whole(required=False, min_value=1, max_value=LARGEST_REVISION, help_text="That it goes on from.")


class ForeseenCohortSerializer(serializers.Serializer[Foreseen]):
    """What a change does to the prompts and people that there are."""

    prompts = serializers.IntegerField(help_text="That are in it then.")
    waiting = serializers.IntegerField(help_text="Of these, that wait for rankings.")
    comes = serializers.IntegerField(help_text="Prompts that come into it.")
    comes_waiting = serializers.IntegerField()
    goes = serializers.IntegerField(help_text="Prompts that leave it.")
    goes_waiting = serializers.IntegerField()
    is_all = serializers.BooleanField(help_text="false: as far as could be counted in two seconds; it is more.")
    people = serializers.IntegerField(help_text="Who can log in, in it then.")
    too_few = serializers.BooleanField(help_text="Some prompts ask for more people than are in it then.")
    come = serializers.ListField(child=serializers.CharField(), help_text="Who comes into it.")
    leave = serializers.ListField(child=serializers.CharField(), help_text="Who leaves it.")


def _either(name: str) -> PolymorphicProxySerializer:
    return PolymorphicProxySerializer(
        component_name=name, serializers=[CohortSerializer, ForeseenCohortSerializer], resource_type_field_name=None
    )


class Cohorts(PagedView):
    serializer_class = CohortSerializer
    query: ClassVar = {"post": ("dry_run",)}

    @extend_schema(operation_id="cohorts_list", responses=CohortSerializer(many=True))
    def get(self, request: Request, slug: str) -> Response:
        """Cohorts: prompts that their people alone get, and before all others of a priority. The first made first."""
        return self.page(cohorts.of(access.get_project(request.user, slug, at_least=Role.MANAGER)))

    @extend_schema(
        operation_id="cohorts_make",
        parameters=[DRY_RUN],
        request=CohortBodySerializer,
        responses={
            200: ForeseenCohortSerializer,
            201: CohortSerializer,
            409: conflict("There is one of this name, or as many as there may be."),
        },
    )
    def post(self, request: Request, slug: str) -> Response:
        """Make a cohort. Prompts with one of its tags are in it, but for those of a cohort that was made before.

        Up to 1,000 prompts come into it before the answer, more by a worker (bulk-acts/). `dry_run=true` says what it
        would do.
        """
        project = access.get_project(request.user, slug, at_least=Role.MANAGER)
        body = CohortBodySerializer(data=request.data)
        body.is_valid(raise_exception=True)
        if truth(request, "dry_run"):
            return Response(ForeseenCohortSerializer(cohort_changes.foresee(project, body.validated_data)).data)
        cohort, _job = cohorts.save(project, body.validated_data, by=person(request))
        return Response(CohortSerializer(cohort).data, status=201)


class OneCohort(View):
    query: ClassVar = {"patch": ("dry_run",), "delete": ("dry_run",)}
    without_body = ("delete",)

    @extend_schema(operation_id="cohorts_read", responses=CohortSerializer)
    def get(self, request: Request, slug: str, cohort: int) -> Response:
        """A cohort's tags and people."""
        project = access.get_project(request.user, slug, at_least=Role.MANAGER)
        return Response(CohortSerializer(cohorts.of(project).get(pk=cohort)).data)

    @extend_schema(
        operation_id="cohorts_change",
        parameters=[DRY_RUN],
        request=CohortChangesSerializer,
        responses={
            200: _either("ChangedCohort"),
            409: conflict("There is another one of this name."),
            412: conflict("Somebody changed it since the revision that is named."),
        },
    )
    def patch(self, request: Request, slug: str, cohort: int) -> Response:
        """Change what is named; the rest stays. What people have open stays theirs.

        `dry_run=true` says what it would do.
        """
        project = access.get_project(request.user, slug, at_least=Role.MANAGER)
        found = cohorts.of(project).get(pk=cohort)
        body = CohortChangesSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        said: dict[str, Any] = dict(body.validated_data)
        revision = said.pop("revision", None)
        if truth(request, "dry_run"):
            return Response(ForeseenCohortSerializer(cohort_changes.foresee(project, said, key=found.pk)).data)
        cohorts.save(project, said, by=person(request), key=found.pk, revision=revision)
        return Response(CohortSerializer(cohorts.of(project).get(pk=cohort)).data)

    @extend_schema(
        operation_id="cohorts_delete",
        parameters=[DRY_RUN],
        request=None,
        responses={200: ForeseenCohortSerializer, 204: None},
    )
    def delete(self, request: Request, slug: str, cohort: int) -> Response:
        """Give its prompts to everybody, or to the next cohort whose tags they have."""
        project = access.get_project(request.user, slug, at_least=Role.MANAGER)
        found = cohorts.of(project).get(pk=cohort)
        if truth(request, "dry_run"):
            return Response(ForeseenCohortSerializer(cohort_changes.foresee_deletion(project, found.pk)).data)
        cohorts.delete(project, found.pk, by=person(request))
        return Response(status=204)
