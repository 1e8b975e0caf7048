"""Frozen dataset versions."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from formats import zips
from labeling.api.exports import ONE_SPLIT
from labeling.api.rest.fields import Several, Text
from labeling.api.rest.paging import NewestFirst, PagedView
from labeling.api.rest.requests import KnownFields, View, person
from labeling.api.rest.schema import conflict
from labeling.data.exporting import dataset_folder
from labeling.data.versions import datasets, notes
from labeling.data.versions.holding import names_replaced, withdrawn_since
from labeling.models import DatasetVersion, Project, Role
from labeling.people import access


class DatasetVersionSerializer(serializers.ModelSerializer[DatasetVersion]):
    created_by = serializers.CharField(source="created_by.username", allow_null=True, default=None)
    sha256 = serializers.CharField(help_text="Of the file as it is now.")
    frozen_sha256 = serializers.CharField(
        help_text="What it was frozen with; null where that is `sha256`.", allow_null=True
    )
    counts = serializers.JSONField(help_text="By split: prompts, rankings, pairs, ties, completions flagged.")
    note = serializers.SerializerMethodField(help_text="What people say of it, plain text.")
    tags = serializers.SerializerMethodField()

    class Meta:
        model = DatasetVersion
        fields = (
            "number", "sha256", "frozen_sha256", "bytes", "counts", "n_prompts", "n_rankings", "n_pairs", "created_by",
            "created_at", "note", "tags",
        )  # fmt: skip

    def get_note(self, version: DatasetVersion) -> str:
        return notes.written(version).text

    def get_tags(self, version: DatasetVersion) -> list[str]:
        tags: list[str] = notes.written(version).tags
        return tags


class OneVersionSerializer(DatasetVersionSerializer):
    withdrawn_labelers = serializers.SerializerMethodField(
        help_text="Of how many people work was withdrawn since; this file keeps theirs."
    )

    erased_labelers = serializers.SerializerMethodField(
        help_text="How many people who ranked in it were erased since: pseudonyms took their names' place in the file."
    )
    names_replaced_at = serializers.SerializerMethodField(help_text="When that was last; null: never.")

    class Meta(DatasetVersionSerializer.Meta):
        fields = (  # type: ignore[assignment]
            *DatasetVersionSerializer.Meta.fields, "withdrawn_labelers", "erased_labelers", "names_replaced_at",
        )  # fmt: skip

    def get_withdrawn_labelers(self, version: DatasetVersion) -> int:
        return len(withdrawn_since(version))

    def get_erased_labelers(self, version: DatasetVersion) -> int:
        found = names_replaced(version)
        return found.people if found else 0

    def get_names_replaced_at(self, version: DatasetVersion) -> datetime | None:
        found = names_replaced(version)
        return found.at if found else None


class NoteBody(KnownFields):
    note = Text(max_length=notes.LONGEST_NOTE, allow_blank=True, required=False)
    tags = Several(child=Text(max_length=notes.LONGEST_TAG), max_length=notes.MOST_TAGS, required=False)


class Datasets(PagedView):
    serializer_class = DatasetVersionSerializer
    pagination_class = NewestFirst
    without_body = ("post",)

    @extend_schema(operation_id="datasets_list", responses=DatasetVersionSerializer(many=True))
    def get(self, request: Request, slug: str) -> Response:
        """Frozen versions, newest first."""
        project = access.get_project(request.user, slug, at_least=Role.REVIEWER)
        return self.page(project.dataset_versions.select_related("created_by", "note"))

    @extend_schema(
        operation_id="datasets_freeze",
        request=None,
        responses={200: DatasetVersionSerializer, 201: DatasetVersionSerializer},
    )
    def post(self, request: Request, slug: str) -> Response:
        """Freeze the rankings as they are into a version that never changes.

        200 with the last version where nothing is new since then: no further one is made.
        """
        project = access.get_project(request.user, slug, at_least=Role.MANAGER)
        version, is_new = datasets.freeze_or_find(project, by=person(request))
        return Response(DatasetVersionSerializer(version).data, status=201 if is_new else 200)


class OneDataset(View):
    @extend_schema(operation_id="datasets_read", responses=OneVersionSerializer)
    def get(self, request: Request, slug: str, number: int) -> Response:
        """One frozen version: its checksum and counts."""
        project = access.get_project(request.user, slug, at_least=Role.REVIEWER)
        return Response(OneVersionSerializer(_version(project, number)).data)

    @extend_schema(operation_id="datasets_note", request=NoteBody(partial=True), responses=OneVersionSerializer)
    def patch(self, request: Request, slug: str, number: int) -> Response:
        """Change the note, the tags, or both; what is not named stays. The version itself never changes."""
        project = access.get_project(request.user, slug, at_least=Role.MANAGER)
        version = _version(project, number)
        body = NoteBody(data=request.data, partial=True)
        body.is_valid(raise_exception=True)
        values: dict[str, Any] = body.validated_data
        notes.change(version, by=person(request), text=values.get("note"), tags=values.get("tags"))
        return Response(OneVersionSerializer(_version(project, number)).data)


class DatasetFolder(View):
    query = {"get": ("split",)}

    @extend_schema(
        operation_id="datasets_folder",
        parameters=[
            OpenApiParameter(
                "split",
                {"type": "string", "pattern": f"^({ONE_SPLIT}(,{ONE_SPLIT})*)?$"},
                description="Several with commas. Default: train,validation, never test.",
            ),
            OpenApiParameter("X-Podium-Split", str, "header", response=[200]),
        ],
        responses={
            (200, zips.CONTENT_TYPE): OpenApiResponse(
                OpenApiTypes.BINARY, "A zip of one folder: README.md, pairs/ and rankings/ with a Parquet file a split."
            ),
            409: conflict("The version's file is missing on the server."),
        },
    )
    def get(self, request: Request, slug: str, number: int) -> StreamingHttpResponse:
        """Download a frozen version as a Hugging Face dataset folder. Test prompts stay out unless `split` asks for
        them."""
        project = access.get_project(request.user, slug, at_least=Role.MANAGER)
        version = project.dataset_versions.select_related("project").get(number=number)
        folder = dataset_folder.folder_of(version, request.query_params.get("split"))
        response = StreamingHttpResponse(folder.stream(), content_type=zips.CONTENT_TYPE)
        response["Content-Disposition"] = f'attachment; filename="{folder.filename}"'
        response["X-Podium-Split"] = ",".join(folder.splits)
        return response


def _version(project: Project, number: int) -> DatasetVersion:
    return project.dataset_versions.select_related("created_by", "note").get(number=number)
