"""Invitations: asking an account by its name, which never tells whether there is one, and links for many people."""

from __future__ import annotations

from typing import Any

from django.urls import reverse
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from labeling.api.rest.fields import Choice, Several, Text
from labeling.api.rest.paging import PagedView
from labeling.api.rest.requests import KnownFields, View, person
from labeling.api.rest.schema import conflict
from labeling.models import Invitation, Role
from labeling.people import access, invitations
from labeling.people.invitation_lists import LONGEST_LINE, MOST, Outcome, invite_all


class InvitationSerializer(serializers.ModelSerializer[Invitation]):
    username = serializers.CharField(read_only=True, help_text="Empty where it is a link.")
    email = serializers.CharField(read_only=True, help_text="Empty where the invitation names none.")
    created_by = serializers.CharField(source="created_by.username", read_only=True)

    class Meta:
        model = Invitation
        fields = ("id", "username", "name", "email", "role", "note", "created_by", "created_at", "expires_at")
        read_only_fields = fields


class AskSerializer(KnownFields):
    username = Text(max_length=150)
    role = Choice(choices=Role.choices)


class InvitationLinkSerializer(InvitationSerializer):
    link = serializers.CharField(read_only=True, help_text="Shown only now; whoever opens it joins. Works once.")

    class Meta(InvitationSerializer.Meta):
        fields = (*InvitationSerializer.Meta.fields, "link")  # type: ignore[assignment]
        read_only_fields = fields  # type: ignore[assignment]


class InviteSerializer(KnownFields):
    people = Several(
        child=Text(max_length=LONGEST_LINE),
        min_length=1,
        max_length=MOST,
        help_text="A name, a mail address, or both: `Ada Lovelace <ada@example.org>`.",
    )
    role = Choice(choices=Role.choices)


class RefusedSerializer(serializers.Serializer[Outcome]):
    line = serializers.CharField()
    detail = serializers.CharField()


class InvitedSerializer(serializers.Serializer[Any]):
    invited = InvitationLinkSerializer(many=True)
    refused = RefusedSerializer(many=True)


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


class InvitationLinks(View):
    @extend_schema(operation_id="invitations_link", request=InviteSerializer, responses=InvitedSerializer)
    def post(self, request: Request, slug: str) -> Response:
        """Make a link for each of up to 100 people. Podium sends no mail. Those that can't be invited are told why; the
        others are."""
        project = access.get_project(request.user, slug, at_least=Role.MANAGER)
        body = InviteSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        role, lines = body.validated_data["role"], body.validated_data["people"]
        outcomes = invite_all(project, by=person(request), role=role, lines=lines)
        invited = [_with_link(request, each.invitation, each.token) for each in outcomes if each.invitation]
        refused = [{"line": each.wanted.line, "detail": each.problem} for each in outcomes if each.problem]
        return Response({"invited": invited, "refused": refused})


class RenewInvitation(View):
    without_body = ("post",)

    @extend_schema(operation_id="invitations_renew", request=None, responses=InvitationLinkSerializer)
    def post(self, request: Request, slug: str, invitation: int) -> Response:
        """Make a new link in the place of the old one, which opens nothing any more. An account's has none: ask it
        again."""
        project = access.get_project(request.user, slug, at_least=Role.MANAGER)
        found = invitations.open_in(project).get(pk=invitation, username="")
        token = invitations.renew(project, found, by=person(request))
        found.refresh_from_db()
        return Response(_with_link(request, found, token))


def _with_link(request: Request, invitation: Invitation, token: str) -> dict[str, Any]:
    link = request.build_absolute_uri(reverse("invitation", args=[token]))
    return {**InvitationSerializer(invitation).data, "link": link}
