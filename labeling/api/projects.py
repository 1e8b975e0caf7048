"""Projects: list, create, read, change."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from labeling import access, projects
from labeling.api.paging import PagedView
from labeling.api.requests import person
from labeling.models import Project, Role


class FlagSerializer(serializers.Serializer[dict[str, str]]):
    name = serializers.CharField(help_text="What programs call it, such as factual_error.")
    label = serializers.CharField(required=False, help_text="What labelers read.")  # type: ignore[assignment]


class ProjectSerializer(serializers.ModelSerializer[Project]):
    kind = serializers.ChoiceField(
        choices=Project.Kind.choices,
        default=Project.Kind.RANKING,
        help_text="`classification` asks yes or no of each flag for each text; it stays once there are prompts.",
    )
    flags = FlagSerializer(many=True, required=False)
    overlap = serializers.IntegerField(default=1, help_text="How many people rank each prompt.")
    lease_minutes = serializers.IntegerField(default=20, help_text="How long a labeler keeps an untouched prompt.")
    ask_strength = serializers.BooleanField(
        default=False, help_text="With two completions, also ask how much better the better one is."
    )
    # The noun answers for a slug that is taken: 409 with what to do.
    slug = serializers.SlugField(max_length=60)

    class Meta:
        model = Project
        fields = (
            "slug", "name", "kind", "guidelines", "flags", "ask_strength", "overlap", "lease_minutes", "created_at",
        )  # fmt: skip


class ProjectChangesSerializer(ProjectSerializer):
    kind = serializers.ChoiceField(choices=Project.Kind.choices, required=False)
    overlap = serializers.IntegerField(required=False)
    lease_minutes = serializers.IntegerField(required=False)
    ask_strength = serializers.BooleanField(required=False)

    class Meta(ProjectSerializer.Meta):
        fields = ("name", "kind", "guidelines", "flags", "ask_strength", "overlap", "lease_minutes")  # type: ignore[assignment]


class Projects(PagedView):
    serializer_class = ProjectSerializer

    @extend_schema(operation_id="projects_list")
    def get(self, request: Request) -> Response:
        """The projects that you are in; an administrator's are all."""
        return self.page(access.visible_projects(request.user))

    @extend_schema(operation_id="projects_create", responses={201: ProjectSerializer})
    def post(self, request: Request) -> Response:
        """Make a project and become its manager. For administrators and for managers of another project."""
        if not access.may_create_projects(request.user):
            raise PermissionDenied(_("Projects are made by administrators and by managers of another project."))
        body = ProjectSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        project = projects.create_project(by=person(request), **body.validated_data)
        return Response(ProjectSerializer(project).data, status=201)


class OneProject(APIView):
    @extend_schema(operation_id="projects_read", responses=ProjectSerializer)
    def get(self, request: Request, slug: str) -> Response:
        """A project's name, guidelines and settings."""
        return Response(ProjectSerializer(access.get_project(request.user, slug)).data)

    @extend_schema(
        operation_id="projects_change", request=ProjectChangesSerializer(partial=True), responses=ProjectSerializer
    )
    def patch(self, request: Request, slug: str) -> Response:
        """Change what is named; the rest stays. The slug stays for ever, because addresses hold it."""
        project = access.get_project(request.user, slug, at_least=Role.MANAGER)
        body = ProjectChangesSerializer(data=request.data, partial=True)
        body.is_valid(raise_exception=True)
        return Response(ProjectSerializer(projects.update_project(project, **body.validated_data)).data)
