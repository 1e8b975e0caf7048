"""Invitations by name: asking an account into a project, which never tells whether there is one."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from labeling.api.rest.fields import Choice, Text
from labeling.api.rest.paging import PagedView
from labeling.api.rest.requests import KnownFields, View, person
from labeling.api.rest.schema import conflict
from labeling.models import Invitation, Role
from labeling.people import access, invitations


class InvitationSerializer(serializers.ModelSerializer[Invitation]):
    username = serializers.CharField(read_only=True, help_text="Empty where it is a link.")
    created_by = serializers.CharField(source="created_by.username", read_only=True)

    class Meta:
        model = Invitation
        fields = ("id", "username", "role", "note", "created_by", "created_at", "expires_at")
        read_only_fields = fields


class AskSerializer(KnownFields):
    username = Text(max_length=150)
    role = Choice(choices=Role.choices)


class Invitations(PagedView):
    serializer_class = InvitationSerializer

    @extend_schema(operation_id="invitations_list", responses=InvitationSerializer(many=True))
    def get(self, request: Request, slug: str) -> Response:
        """Those that are open, links too. One that was declined stays until it ends."""
        project = access.get_project(request.user, slug, at_least=Role.MANAGER)
        return self.page(invitations.open_in(project))

    @extend_schema(
        operation_id="invitations_ask",
        request=AskSerializer,
        responses={201: InvitationSerializer, 409: conflict("In the project already, or asked too often or too many.")},
    )
    def post(self, request: Request, slug: str) -> Response:
        """Ask the account of this name. The answer is the same where there is none."""
        project = access.get_project(request.user, slug, at_least=Role.MANAGER)
        body = AskSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        invitation = invitations.ask(project, by=person(request), **body.validated_data)
        return Response(InvitationSerializer(invitation).data, status=201)


class OneInvitation(View):
    @extend_schema(operation_id="invitations_withdraw", responses={204: None})
    def delete(self, request: Request, slug: str, invitation: int) -> Response:
        """Withdraw an invitation; nobody can use it any more."""
        project = access.get_project(request.user, slug, at_least=Role.MANAGER)
        invitations.withdraw(project, invitation)
        return Response(status=204)
