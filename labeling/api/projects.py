"""Projects: list, create, read, change, delete."""

from __future__ import annotations

from typing import ClassVar

from django.core.exceptions import PermissionDenied
from django.core.validators import RegexValidator
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, PolymorphicProxySerializer, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from labeling.api.rest.checks import ChecksSerializer
from labeling.api.rest.fields import Choice, Text, Truth, Whole
from labeling.api.rest.paging import NewestFirst, PagedView
from labeling.api.rest.requests import NO_NUL, KnownFields, View, person, truth
from labeling.api.rest.schema import conflict
from labeling.api.withdrawals import DRY_RUN
from labeling.data.bulk import setting_changes
from labeling.data.deleting import deletions
from labeling.models import Project, ProjectDeletion, Role
from labeling.models.projects import CHECKS
from labeling.people import access
from labeling.projects import changes, projects, search_languages
from labeling.projects.asks import KINDS, LARGEST_SCALE, MAX_ATTRIBUTES, MAX_REASONS, MAX_TOP_K, SMALLEST_SCALE
from labeling.projects.changes import Flag, Foreseen
from labeling.projects.named import MAX_LABEL, NAME
from labeling.projects.projects import MAX_DAILY_LIMIT, MAX_FLAGS, MAX_GUIDELINES, MAX_LEASE_MINUTES, MAX_OVERLAP

ONLY_NEW = OpenApiParameter(
    "only_new_prompts", bool, description="Another overlap holds for prompts imported from now on, and for no others."
)
ONLY_NEW_PEOPLE = OpenApiParameter(
    "only_new_people", bool, description="A qualification that is asked for now is not of those who are there."
)
CONFIRM = OpenApiParameter("confirm", NO_NUL, required=True, description="The project's slug once more.")


class FlagSerializer(KnownFields):
    name = Text(
        max_length=40,
        trim_whitespace=False,
        validators=[RegexValidator(NAME)],
        help_text="What programs call it, such as factual_error; each once.",
    )
    label = Text(  # type: ignore[assignment]
        required=False, allow_blank=True, max_length=MAX_LABEL, help_text="What labelers read; else the name."
    )


class AttributeSerializer(FlagSerializer):
    kind = Choice(
        choices=KINDS,
        required=False,
        help_text="`rating` of each completion, or `comparison` of two from -3 to 3, which has no scale.",
    )
    scale = Whole(
        required=False, min_value=SMALLEST_SCALE, max_value=LARGEST_SCALE, help_text="Of a rating: from 1 to this; 5."
    )
    low = Text(required=False, max_length=MAX_LABEL, help_text="What 1 means.")
    high = Text(required=False, max_length=MAX_LABEL, help_text="What the other end means.")


@extend_schema_field({"type": "integer", "anyOf": [{"enum": [0]}, {"minimum": 51, "maximum": 99}]})
class SureOfTheContrary(Whole):
    """Percent of which 50 is no preference, or 0; labeling/projects/projects.py refuses others."""


class ProjectSerializer(ChecksSerializer, serializers.ModelSerializer[Project]):
    name = Text(max_length=120)
    guidelines = Text(required=False, allow_blank=True, max_length=MAX_GUIDELINES, help_text="Markdown.")
    kind = Choice(
        choices=Project.Kind.choices,
        default=Project.Kind.RANKING,
        help_text="`classification` asks yes or no of each flag for each text; it stays once there are prompts.",
    )
    flags = FlagSerializer(many=True, required=False, max_length=MAX_FLAGS)  # type: ignore[call-arg]
    overlap = Whole(
        required=False,
        min_value=1,
        max_value=MAX_OVERLAP,
        help_text="How many people rank each prompt. Of a new project, where neither this nor what follows is sent: 1, "
        "and 3 of 15 percent of the prompts.",
    )
    extra_percent = Whole(
        required=False,
        min_value=0,
        max_value=100,
        help_text="Of so many percent of the prompts it is extra_overlap. Which ones stays the same for ever.",
    )
    extra_overlap = Whole(
        required=False, min_value=1, max_value=MAX_OVERLAP, help_text="Above overlap, where extra_percent is not 0."
    )
    lease_minutes = Whole(
        default=20,
        min_value=1,
        max_value=MAX_LEASE_MINUTES,
        help_text="How long a labeler keeps an untouched prompt.",
    )
    daily_limit = Whole(
        default=0, min_value=0, max_value=MAX_DAILY_LIMIT, help_text="Rankings a day of one person; 0: no limit."
    )
    review_percent = Whole(
        default=0, min_value=0, max_value=100, help_text="Of new rankings, drawn at random for the reviewers."
    )
    champion_percent = SureOfTheContrary(
        default=95,
        help_text="From how sure of the contrary on a champion brings an answer to reviewers: from 51; 0: never.",
    )
    ask_strength = Truth(default=False, help_text="With two completions, also ask how much better the better one is.")
    ask_acceptable = Truth(default=False, help_text="Also ask above which tier the completions are acceptable.")
    ask_reasons = FlagSerializer(  # type: ignore[call-arg]
        many=True, required=False, max_length=MAX_REASONS, help_text="Why: reasons to pick from, of the whole answer."
    )
    justification = Choice(
        choices=Project.Justification.choices,
        default=Project.Justification.OFF,
        help_text="`required`: no answer without a reason or a comment.",
    )
    attributes = AttributeSerializer(many=True, required=False, max_length=MAX_ATTRIBUTES)  # type: ignore[call-arg]
    ask_rewrite = Choice(
        choices=Project.Rewrite.choices,
        default=Project.Rewrite.OFF,
        help_text="`optional`: who likes writes a best completion anew.",
    )
    top_k = Whole(
        default=0,
        min_value=0,
        max_value=MAX_TOP_K,
        help_text="Of more than six completions rank so many, the best, and leave the rest below; 0: rank all.",
    )
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
            "slug", "name", "kind", "guidelines", "flags", "ask_strength", "ask_acceptable", "ask_reasons",
            "justification", "attributes", "ask_rewrite", "top_k", "overlap", "extra_percent", "extra_overlap",
            "lease_minutes", "daily_limit", "search_language", "review_percent", "champion_percent", *CHECKS,
            "created_at", "paused_at", "pause_reason",
        )  # fmt: skip


class ProjectChangesSerializer(ProjectSerializer):
    kind = Choice(choices=Project.Kind.choices, required=False)
    lease_minutes = Whole(required=False, min_value=1, max_value=MAX_LEASE_MINUTES)
    daily_limit = Whole(required=False, min_value=0, max_value=MAX_DAILY_LIMIT)
    review_percent = Whole(required=False, min_value=0, max_value=100)
    champion_percent = SureOfTheContrary(required=False)
    ask_strength = Truth(required=False)
    ask_acceptable = Truth(required=False)
    justification = Choice(choices=Project.Justification.choices, required=False)
    ask_rewrite = Choice(choices=Project.Rewrite.choices, required=False)
    top_k = Whole(required=False, min_value=0, max_value=MAX_TOP_K)
    search_language = Choice(choices=[(name, name) for name in search_languages.KNOWN], required=False)

    class Meta(ProjectSerializer.Meta):
        fields = (
            "name", "kind", "guidelines", "flags", "ask_strength", "ask_acceptable", "ask_reasons", "justification",
            "attributes", "ask_rewrite", "top_k", "overlap", "extra_percent", "extra_overlap", "lease_minutes",
            "daily_limit", "search_language", "review_percent", "champion_percent", *CHECKS,
        )  # fmt: skip


class FlagChangeSerializer(serializers.Serializer[Flag]):
    name = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]
    answers = serializers.IntegerField(help_text="Texts with an answer to it, in rankings that stand.")


class ForeseenSerializer(serializers.Serializer[Foreseen]):
    """What a change does to the prompts and answers that there are."""

    changed = serializers.IntegerField(help_text="Prompts that another number of people are asked to rank.")
    reopened = serializers.IntegerField(help_text="Of these: they had all their rankings, and wait for more.")
    ended = serializers.IntegerField(help_text="Of these: they waited for more, and have all their rankings.")
    more = serializers.IntegerField(help_text="Rankings that are asked for besides.")
    fewer = serializers.IntegerField(help_text="Rankings that are asked for no more.")
    is_all = serializers.BooleanField(help_text="false: as far as could be counted in two seconds; it is more.")
    seconds = serializers.SerializerMethodField(
        help_text="How long the rankings besides take at the last week's pace; null where nobody can say."
    )
    rankings = serializers.IntegerField(help_text="That stand, where flags come or go; else 0.")
    flags_added = FlagChangeSerializer(many=True)
    flags_removed = FlagChangeSerializer(many=True)
    labelers_stopped = serializers.IntegerField(
        source="stopped.n", help_text="Who would have to qualify before their next task, where that is asked for now."
    )
    labelers = serializers.IntegerField(source="stopped.of", help_text="Of so many; 0 where it is not asked for now.")

    @extend_schema_field({"type": "integer", "nullable": True})
    def get_seconds(self, foreseen: Foreseen) -> int | None:
        return round(foreseen.time.total_seconds()) if foreseen.time else None


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
    query: ClassVar = {"delete": ("confirm",), "patch": ("dry_run", "only_new_prompts", "only_new_people")}
    without_body = ("delete",)

    @extend_schema(operation_id="projects_read", responses=ProjectSerializer)
    def get(self, request: Request, slug: str) -> Response:
        """A project's name, guidelines and settings."""
        return Response(ProjectSerializer(projects.read_whole(access.get_project(request.user, slug))).data)

    @extend_schema(
        operation_id="projects_change",
        parameters=[DRY_RUN, ONLY_NEW, ONLY_NEW_PEOPLE],
        request=ProjectChangesSerializer(partial=True),
        responses={
            200: PolymorphicProxySerializer(
                component_name="ChangedProject",
                serializers=[ProjectSerializer, ForeseenSerializer],
                resource_type_field_name=None,
            ),
            409: conflict("The kind is settled: the project has prompts. Or too many acts wait already."),
        },
    )
    def patch(self, request: Request, slug: str) -> Response:
        """Change what is named; the rest stays. The slug stays for ever, because addresses hold it.

        Another overlap holds for the prompts that there are, too, but for none that a reviewer decided: up to 1,000 get
        it before the answer, more by a worker (bulk-acts/). `dry_run=true` says what a change would do.
        """
        project = access.get_project(request.user, slug, at_least=Role.MANAGER)
        project.refresh_from_db()
        only_new, dry_run = truth(request, "only_new_prompts"), truth(request, "dry_run")
        body = ProjectChangesSerializer(data=request.data, partial=True)
        body.is_valid(raise_exception=True)
        if dry_run:
            return Response(ForeseenSerializer(changes.foresee(project, body.validated_data)).data)
        only_new_people = truth(request, "only_new_people")
        setting_changes.update(
            project, body.validated_data, by=person(request), only_new=only_new, only_new_people=only_new_people
        )
        return Response(ProjectSerializer(project).data)

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
