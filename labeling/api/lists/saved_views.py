"""Views of lists: what narrows a list, kept under a name, with the address at which the list is so."""

from __future__ import annotations

from typing import Any, ClassVar

from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from labeling.answers import saved_views
from labeling.answers.saved_views import LONGEST_FILTERS
from labeling.api.rest.fields import Choice, Text, Truth
from labeling.api.rest.looks import read_conditions
from labeling.api.rest.paging import PagedView
from labeling.api.rest.requests import KnownFields, View, one_of, person
from labeling.api.rest.schema import conflict
from labeling.errors import Invalid
from labeling.forms.finding import LISTS, narrowing_fields
from labeling.models import Project, Role, SavedView
from labeling.models.lists.saved_views import LONGEST_NAME
from labeling.people import access

OF = OpenApiParameter("of", str, enum=SavedView.Of.values, description="Only views of this list.")
# What the page of a list says otherwise than its address here.
_OTHERWISE = {
    ("rankings", "state", "all"): ("ended", "true"),
    ("rankings", "state", "given"): ("given", "true"),
    ("rankings", "state", "gold"): ("purpose", "gold"),
    ("rankings", "state", "repeat"): ("purpose", "repeat"),
}


class SavedViewSerializer(serializers.ModelSerializer[SavedView]):
    owner = serializers.CharField(source="owner.username", help_text="Who may change it.")
    shared = serializers.BooleanField(source="is_shared", help_text="With the project's managers and reviewers.")
    filters = serializers.DictField(child=serializers.CharField(), help_text="As the page's address has them.")
    url = serializers.SerializerMethodField(help_text="The list, narrowed and sorted so.")

    class Meta:
        model = SavedView
        fields = ("id", "of", "name", "owner", "shared", "filters", "url", "created_at")

    @extend_schema_field(OpenApiTypes.URI)
    def get_url(self, view: SavedView) -> str:
        asked = dict(_OTHERWISE.get((view.of, *each), each) for each in sorted(view.filters.items()))
        path = reverse(f"labeling_api:{view.of}", args=[self.context["slug"]])
        return str(self.context["request"].build_absolute_uri(f"{path}?{urlencode(asked)}"))


@extend_schema_field({"type": "object", "minProperties": 1, "additionalProperties": {"type": "string", "minLength": 1}})
class FiltersField(serializers.DictField):
    child = Text(max_length=LONGEST_FILTERS)


class KeptSerializer(KnownFields):
    of = Choice(choices=SavedView.Of.choices)
    name = Text(max_length=LONGEST_NAME)
    filters = FiltersField(allow_empty=False, help_text='Such as {"split": "test"}.')
    shared = Truth(required=False, help_text="With the project's managers and reviewers; else it is one's own.")


class ChangeSerializer(KnownFields):
    name = Text(required=False, max_length=LONGEST_NAME)
    shared = Truth(required=False)


class SavedViews(PagedView):
    serializer_class = SavedViewSerializer
    query: ClassVar = {"get": ("of",)}

    def get_serializer_context(self) -> dict[str, Any]:
        return {**super().get_serializer_context(), "slug": self.kwargs.get("slug", "")}

    @extend_schema(operation_id="views_list", parameters=[OF], responses=SavedViewSerializer(many=True))
    def get(self, request: Request, slug: str) -> Response:
        """One's own views of the lists of prompts and rankings, and those that others share. `url` opens one."""
        project = access.get_project(request.user, slug, at_least=Role.REVIEWER)
        rows = saved_views.visible(project, person(request))
        of = one_of(request, "of", SavedView.Of.values, code="unknown_list")
        return self.page(rows.filter(of=of) if of else rows)

    @extend_schema(
        operation_id="views_save",
        request=KeptSerializer,
        responses={
            200: SavedViewSerializer,
            409: conflict("One keeps as many views of the list as one may."),
        },
    )
    def post(self, request: Request, slug: str) -> Response:
        """Keep what narrows and sorts a list under a name; one's own view of that name is replaced.

        `filters` are parameters of the list's page: those of prompts/ or rankings/, where `state`: `all` is `ended` and
        `state`: `given` is `given`, `gold` and `repeat` are `purpose`.
        """
        project = access.get_project(request.user, slug, at_least=Role.REVIEWER)
        body = KeptSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        said = body.validated_data
        view = saved_views.save(
            project,
            person(request),
            said["of"],
            name=said["name"],
            filters=_checked(project, said["of"], said["filters"]),
            is_shared=said.get("shared", False),
        )
        return Response(SavedViewSerializer(view, context=self.get_serializer_context()).data)


class OneSavedView(View):
    without_body = ("delete",)

    @extend_schema(
        operation_id="views_change",
        request=ChangeSerializer,
        responses={200: SavedViewSerializer, 409: conflict("One has another view of this name.")},
    )
    def patch(self, request: Request, slug: str, view_id: int) -> Response:
        """Rename one's own view, share it, or keep it for oneself."""
        project = access.get_project(request.user, slug, at_least=Role.REVIEWER)
        view = saved_views.find_own(project, person(request), view_id)
        body = ChangeSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        if "name" in body.validated_data:
            saved_views.rename(view, body.validated_data["name"])
        if "shared" in body.validated_data:
            saved_views.share(view, is_shared=body.validated_data["shared"])
        view.refresh_from_db()
        return Response(SavedViewSerializer(view, context={"request": request, "slug": slug}).data)

    @extend_schema(operation_id="views_delete", request=None, responses={204: None})
    def delete(self, request: Request, slug: str, view_id: int) -> Response:
        """Delete one's own view; the list stays as it is."""
        project = access.get_project(request.user, slug, at_least=Role.REVIEWER)
        saved_views.find_own(project, person(request), view_id).delete()
        return Response(status=204)


def _checked(project: Project, of: str, filters: dict[str, str]) -> dict[str, str]:
    """Raises Invalid for a name that the list doesn't have, and for a value that it can't read."""
    known = narrowing_fields(of)
    for name in filters:
        if name not in known:
            message = _("There is no parameter %(name)r here; there are: %(known)s.")
            values = {"name": name[:80], "known": ", ".join(known)}
            raise Invalid("unknown_parameter", message % values, attr="filters")
    read_conditions(LISTS[of](filters, project=project), filters)
    return filters
