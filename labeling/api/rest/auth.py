"""Tokens: `Authorization: Bearer ...`, a user's, revocable."""

from __future__ import annotations

import binascii
from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.plumbing import build_bearer_security_scheme_object
from knox.auth import TokenAuthentication as KnoxTokenAuthentication
from knox.crypto import hash_token
from knox.models import AuthToken
from rest_framework.exceptions import AuthenticationFailed

from labeling.models import User
from labeling.models.functions import loaded, query


class TokenAuthentication(KnoxTokenAuthentication):  # type: ignore[misc]
    def authenticate_credentials(self, token: bytes) -> Any:
        """Finds a token that is good by one statement; of any other Knox says what is wrong, and clears it away."""
        if not token.isascii():  # Knox would decode it as UTF-8 and fall over
            raise AuthenticationFailed("Invalid token.")
        try:
            digest = hash_token(token.decode())
        except binascii.Error:
            return super().authenticate_credentials(token)
        rows = query("SELECT * FROM podium_owner_of_token(%s)", (digest,))
        if not rows:
            return super().authenticate_credentials(token)
        user = loaded(User, rows[0])
        return user, loaded(AuthToken, {"digest": digest, "user_id": user.pk})


class TokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "labeling.api.rest.auth.TokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        scheme: dict[str, str] = build_bearer_security_scheme_object("Authorization", "Bearer")
        return scheme
