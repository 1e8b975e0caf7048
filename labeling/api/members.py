"""Members: who is in a project, and as what."""

from __future__ import annotations

from typing import cast

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from labeling.api.rest.fields import Choice, Text
from labeling.api.rest.paging import PagedView
from labeling.api.rest.requests import KnownFields, View
from labeling.models import Membership, Role, User
from labeling.people import access, members


class MemberSerializer(KnownFields, serializers.ModelSerializer[Membership]):
    username = Text(source="user.username", max_length=150)
    role = Choice(choices=Role.choices)

    class Meta:
        model = Membership
        fields = ("username", "role", "created_at")
        read_only_fields = ("created_at",)


class Members(PagedView):
    serializer_class = MemberSerializer

    @extend_schema(operation_id="members_list", responses=MemberSerializer(many=True))
    def get(self, request: Request, slug: str) -> Response:
        """Who is in the project, and as what."""
        project = access.get_project(request.user, slug, at_least=Role.MANAGER)
        return self.page(project.memberships.select_related("user"))

    @extend_schema(operation_id="members_set", request=MemberSerializer, responses={201: MemberSerializer})
    def post(self, request: Request, slug: str) -> Response:
        """Give a member another role. An administrator also puts an account into the project; others invite it."""
        project = access.get_project(request.user, slug, at_least=Role.MANAGER)
        body = MemberSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        username, role = body.validated_data["user"]["username"], body.validated_data["role"]
        membership = members.set_member(project, username=username, role=role, by=cast(User, request.user))
        return Response(MemberSerializer(membership).data, status=201)


class OneMember(View):
    @extend_schema(operation_id="members_remove", responses={204: None})
    def delete(self, request: Request, slug: str, username: str) -> Response:
        """End a membership. What the person ranked stays."""
        project = access.get_project(request.user, slug, at_least=Role.MANAGER)
        members.remove_member(project, username=username)
        return Response(status=204)
