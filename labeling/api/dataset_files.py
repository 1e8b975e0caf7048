"""The file of a frozen version, and links that give it to machines without a login until they end."""

from __future__ import annotations

from typing import Any

from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from labeling.api.rest.fields import Whole
from labeling.api.rest.paging import NewestFirst, PagedView
from labeling.api.rest.requests import KnownFields, View, person
from labeling.api.rest.schema import ErrorsSerializer, conflict
from labeling.data.versions import datasets, kept_results, links
from labeling.models import DatasetVersion, Project, Role, VersionLink
from labeling.people import access
from labeling.requests import file_answers

RANGE = OpenApiParameter(
    "Range",
    {"type": "string", "pattern": "^bytes=[0-9]{1,15}-$"},
    "header",
    description="Such as bytes=1000-: from there on, to resume a download that broke; 206, or 416 behind the end.",
)
WHOLE = "The Parquet file, all splits in it. Its ETag is its SHA-256."


class DatasetFile(View):
    @extend_schema(
        operation_id="datasets_file",
        parameters=[RANGE],
        responses={
            (200, datasets.MEDIA_TYPE): OpenApiResponse(OpenApiTypes.BINARY, WHOLE),
            (206, datasets.MEDIA_TYPE): OpenApiResponse(OpenApiTypes.BINARY, "The part that Range asks for."),
            304: OpenApiResponse(None, "If-None-Match names its ETag."),
            412: OpenApiResponse(ErrorsSerializer, "If-Match names another file."),
            416: OpenApiResponse(ErrorsSerializer, "The range begins behind the end of the file."),
        },
    )
    def get(self, request: Request, slug: str, number: int) -> HttpResponseBase:
        """Download the frozen file, the test prompts and the labelers' names in it."""
        project = access.get_project(request.user, slug, at_least=Role.MANAGER)
        version = _version(project, number)
        try:
            file, sha256 = datasets.opened(version)
        except OSError as error:
            raise kept_results.file_missing(error) from error
        name = datasets.file_name(version)
        answer = file_answers.answer(request._request, file, sha256=sha256, name=name, content_type=datasets.MEDIA_TYPE)
        return _refused(answer) if answer.status_code in (412, 416) else answer


class LinkSerializer(serializers.ModelSerializer[VersionLink]):
    url = serializers.SerializerMethodField(help_text="Gives the whole file, test prompts too, to whoever has it.")
    created_by = serializers.CharField(source="created_by.username", read_only=True)

    class Meta:
        model = VersionLink
        fields = ("id", "url", "created_by", "created_at", "expires_at")

    def get_url(self, link: VersionLink) -> str:
        address: str = self.context["request"].build_absolute_uri(
            reverse("version_shared", args=[links.token_of(link)])
        )
        return address


class LinkBody(KnownFields):
    seconds = Whole(min_value=links.SHORTEST, max_value=links.LONGEST)


class DatasetLinks(PagedView):
    serializer_class = LinkSerializer
    pagination_class = NewestFirst

    @extend_schema(operation_id="datasets_links", responses=LinkSerializer(many=True))
    def get(self, request: Request, slug: str, number: int) -> Response:
        """Links to the file that still work, newest first."""
        project = access.get_project(request.user, slug, at_least=Role.MANAGER)
        version = _version(project, number)
        return self.page(links.open_links(project).filter(version=version).select_related("version", "created_by"))

    @extend_schema(
        operation_id="datasets_link",
        request=LinkBody,
        responses={201: LinkSerializer, 409: conflict("As many links of the project work as may.")},
    )
    def post(self, request: Request, slug: str, number: int) -> Response:
        """Make a link that gives the file without a login, the test prompts too, until it ends or is revoked."""
        project = access.get_project(request.user, slug, at_least=Role.MANAGER)
        version = _version(project, number)
        body = LinkBody(data=request.data)
        body.is_valid(raise_exception=True)
        values: dict[str, Any] = body.validated_data
        link = links.make(version, by=person(request), seconds=values["seconds"])
        return Response(LinkSerializer(link, context={"request": request}).data, status=201)


class OneDatasetLink(View):
    @extend_schema(operation_id="datasets_link_revoke", responses={204: None})
    def delete(self, request: Request, slug: str, number: int, link: int) -> Response:
        """Revoke a link: it gives nothing any more. Twice is harmless."""
        project = access.get_project(request.user, slug, at_least=Role.MANAGER)
        links.revoke(_version(project, number), link, by=person(request))
        return Response(status=204)


def _refused(answer: HttpResponseBase) -> Response:
    code, attr, words = {
        412: ("another_file", "If-Match", _("If-Match names another file than this version's.")),
        416: (
            "range_behind_end",
            "Range",
            _("The range begins behind the end of the file."),
        ),
    }[answer.status_code]
    errors = [{"code": code, "detail": words, "attr": attr}]
    headers = {name: answer[name] for name in ("ETag", "Accept-Ranges", "Content-Range") if name in answer}
    return Response({"type": "client_error", "errors": errors}, status=answer.status_code, headers=headers)


def _version(project: Project, number: int) -> DatasetVersion:
    return project.dataset_versions.select_related("project").get(number=number)
