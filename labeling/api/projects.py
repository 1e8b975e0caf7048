"""Projects: list, create, read, change, delete."""

from __future__ import annotations

from typing import ClassVar

from django.core.exceptions import PermissionDenied
from django.core.validators import RegexValidator
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from labeling.api.rest.fields import Choice, Text, Truth, Whole
from labeling.api.rest.paging import NewestFirst, PagedView
from labeling.api.rest.requests import NO_NUL, KnownFields, View, person
from labeling.api.rest.schema import conflict
from labeling.data.deleting import deletions
from labeling.models import Project, ProjectDeletion, Role
from labeling.people import access
from labeling.projects import projects, search_languages
from labeling.projects.projects import FLAG_NAME, MAX_FLAGS, MAX_GUIDELINES, MAX_LABEL, MAX_LEASE_MINUTES, MAX_OVERLAP

CONFIRM = OpenApiParameter("confirm", NO_NUL, required=True, description="The project's slug once more.")


class FlagSerializer(KnownFields):
    name = Text(
        max_length=40,
        trim_whitespace=False,
        validators=[RegexValidator(FLAG_NAME)],
        help_text="What programs call it, such as factual_error; each once.",
    )
    label = Text(  # type: ignore[assignment]
        required=False, allow_blank=True, max_length=MAX_LABEL, help_text="What labelers read; else the name."
    )


@extend_schema_field({"type": "integer", "anyOf": [{"enum": [0]}, {"minimum": 51, "maximum": 99}]})
class SureOfTheContrary(Whole):
    """Percent of which 50 is no preference, or 0; labeling/projects/projects.py refuses others."""


class ProjectSerializer(KnownFields, serializers.ModelSerializer[Project]):
    name = Text(max_length=120)
    guidelines = Text(required=False, allow_blank=True, max_length=MAX_GUIDELINES, help_text="Markdown.")
    kind = Choice(
        choices=Project.Kind.choices,
        default=Project.Kind.RANKING,
        help_text="`classification` asks yes or no of each flag for each text; it stays once there are prompts.",
    )
    flags = FlagSerializer(many=True, required=False, max_length=MAX_FLAGS)  # type: ignore[call-arg]
    overlap = Whole(default=1, min_value=1, max_value=MAX_OVERLAP, help_text="How many people rank each prompt.")
    lease_minutes = Whole(
        default=20,
        min_value=1,
        max_value=MAX_LEASE_MINUTES,
        help_text="How long a labeler keeps an untouched prompt.",
    )
    review_percent = Whole(
        default=0, min_value=0, max_value=100, help_text="Of new rankings, drawn at random for the reviewers."
    )
    champion_percent = SureOfTheContrary(
        default=95,
        help_text="From how sure of the contrary on a champion brings an answer to reviewers: from 51; 0: never.",
    )
    ask_strength = Truth(default=False, help_text="With two completions, also ask how much better the better one is.")
    search_language = Choice(
        choices=[(name, name) for name in search_languages.KNOWN],
        default=search_languages.PLAIN,
        help_text="Whose word forms the search knows; `simple` takes words as they are written.",
    )
    # The noun answers for a slug that is taken: 409 with what to do.
    slug = Text(max_length=60, trim_whitespace=False, validators=[RegexValidator(r"^[-a-zA-Z0-9_]+$")])

    class Meta:
        model = Project
        fields = (
            "slug", "name", "kind", "guidelines", "flags", "ask_strength", "overlap", "lease_minutes",
            "search_language", "review_percent", "champion_percent", "created_at",
        )  # fmt: skip


class ProjectChangesSerializer(ProjectSerializer):
    kind = Choice(choices=Project.Kind.choices, required=False)
    overlap = Whole(required=False, min_value=1, max_value=MAX_OVERLAP)
    lease_minutes = Whole(required=False, min_value=1, max_value=MAX_LEASE_MINUTES)
    review_percent = Whole(required=False, min_value=0, max_value=100)
    champion_percent = SureOfTheContrary(required=False)
    ask_strength = Truth(required=False)
    search_language = Choice(choices=[(name, name) for name in search_languages.KNOWN], required=False)

    class Meta(ProjectSerializer.Meta):
        fields = (  # type: ignore[assignment]
            "name", "kind", "guidelines", "flags", "ask_strength", "overlap", "lease_minutes", "search_language",
            "review_percent", "champion_percent",
        )  # fmt: skip


class DeletionSerializer(serializers.ModelSerializer[ProjectDeletion]):
    requested_by = serializers.CharField(source="requested_by.username", allow_null=True, default=None)
    state = serializers.CharField(help_text="`queued`, `running`, `succeeded` or `failed`.")
    prompts_deleted = serializers.IntegerField(source="done")
    counts = serializers.DictField(
        child=serializers.IntegerField(), help_text="What there was when it was asked for, such as prompts and models."
    )

    class Meta:
        model = ProjectDeletion
        fields = (
            "id", "slug", "name", "state", "requested_by", "requested_at", "finished_at", "counts", "prompts_deleted",
            "error",
        )  # fmt: skip


class Projects(PagedView):
    serializer_class = ProjectSerializer
    for_labelers = True

    @extend_schema(operation_id="projects_list", responses=ProjectSerializer(many=True))
    def get(self, request: Request) -> Response:
        """The projects that you are in; an administrator's are all."""
        return self.page(access.visible_projects(request.user))

    @extend_schema(
        operation_id="projects_create",
        request=ProjectSerializer,
        responses={201: ProjectSerializer, 409: conflict("Another project has this slug.")},
    )
    def post(self, request: Request) -> Response:
        """Make a project and become its manager. For administrators and for managers of another project."""
        if not access.may_create_projects(request.user):
            raise PermissionDenied(_("Projects are made by administrators and by managers of another project."))
        body = ProjectSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        project = projects.create_project(by=person(request), **body.validated_data)
        return Response(ProjectSerializer(project).data, status=201)


class OneProject(View):
    for_labelers = True
    query: ClassVar = {"delete": ("confirm",)}
    without_body = ("delete",)

    @extend_schema(operation_id="projects_read", responses=ProjectSerializer)
    def get(self, request: Request, slug: str) -> Response:
        """A project's name, guidelines and settings."""
        return Response(ProjectSerializer(access.get_project(request.user, slug)).data)

    @extend_schema(
        operation_id="projects_change",
        request=ProjectChangesSerializer(partial=True),
        responses={200: ProjectSerializer, 409: conflict("The kind is settled: the project has prompts.")},
    )
    def patch(self, request: Request, slug: str) -> Response:
        """Change what is named; the rest stays. The slug stays for ever, because addresses hold it."""
        project = access.get_project(request.user, slug, at_least=Role.MANAGER)
        body = ProjectChangesSerializer(data=request.data, partial=True)
        body.is_valid(raise_exception=True)
        return Response(ProjectSerializer(projects.update_project(project, **body.validated_data)).data)

    @extend_schema(
        operation_id="projects_delete",
        parameters=[CONFIRM],
        request=None,
        responses={202: DeletionSerializer, 409: conflict("It is being deleted already.")},
    )
    def delete(self, request: Request, slug: str) -> Response:
        """Delete the project with all that is its own: prompts, rankings, versions, models, runs and their files.

        Nobody finds it from now on, and nothing brings it back; a worker deletes it meanwhile: see /deletions/.
        """
        project = access.get_project(request.user, slug, at_least=Role.MANAGER)
        deletions.check_confirmed(request.query_params.get("confirm", ""), project.slug)
        return Response(DeletionSerializer(deletions.request_deletion(project, by=person(request))).data, status=202)


class Deletions(PagedView):
    serializer_class = DeletionSerializer
    pagination_class = NewestFirst
    for_labelers = True

    @extend_schema(operation_id="deletions_list", responses=DeletionSerializer(many=True))
    def get(self, request: Request) -> Response:
        """The deletions of projects that you asked for, newest first; an administrator's are all."""
        return self.page(deletions.visible_deletions(person(request)))
