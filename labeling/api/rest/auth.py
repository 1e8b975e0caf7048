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

# By the whole hash, which is the table's key: Knox looks for a token's beginning, and at each other token of the user.
_READ = f"""
SELECT token.digest, token.token_key, token.created, token.expiry,
       {", ".join(f"u.{field.column}" for field in User._meta.concrete_fields)}
FROM knox_authtoken token JOIN labeling_user u ON u.id = token.user_id
WHERE token.digest = %s AND u.is_active AND (token.expiry IS NULL OR token.expiry > now())
"""


class TokenAuthentication(KnoxTokenAuthentication):  # type: ignore[misc]
    def authenticate_credentials(self, token: bytes) -> Any:
        """Finds a token that is good by one statement; of any other Knox says what is wrong, and clears it away."""
        if not token.isascii():  # Knox would decode it as UTF-8 and fall over
            raise AuthenticationFailed("Invalid token.")
        try:
            rows = query(_READ, (hash_token(token.decode()),))
        except binascii.Error:
            rows = []
        if not rows:
            return super().authenticate_credentials(token)
        user = loaded(User, rows[0])
        return user, loaded(AuthToken, {**rows[0], "user_id": user.pk})


class TokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "labeling.api.rest.auth.TokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        scheme: dict[str, str] = build_bearer_security_scheme_object("Authorization", "Bearer")
        return scheme
