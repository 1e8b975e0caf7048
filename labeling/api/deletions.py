"""Projects that are being deleted, or were: who asked for it, when, and how far it is."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from labeling.api.rest.paging import NewestFirst, PagedView
from labeling.api.rest.requests import person
from labeling.data.deleting import deletions
from labeling.models import ProjectDeletion


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


class Deletions(PagedView):
    serializer_class = DeletionSerializer
    pagination_class = NewestFirst
    for_labelers = True

    @extend_schema(operation_id="deletions_list", responses=DeletionSerializer(many=True))
    def get(self, request: Request) -> Response:
        """The deletions of projects that you asked for, newest first; an administrator's are all."""
        return self.page(deletions.visible_deletions(person(request)))
