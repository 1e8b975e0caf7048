"""Accounts: sign-up is closed, people come in by invitation, and whoever tries passwords or codes is slowed down."""

from __future__ import annotations

from typing import Any, cast

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.forms import ChangePasswordForm
from allauth.core import context
from allauth.mfa.base.forms import AuthenticateForm, ReauthenticateForm
from axes.handlers.database import AxesDatabaseHandler
from django.http import HttpRequest
from django.urls import reverse

from labeling.models import User
from labeling.people import signin


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def get_password_change_redirect_url(self, request: HttpRequest) -> str:
        return reverse("home")

    def authenticate(self, request: HttpRequest, **credentials: Any) -> User | None:
        """Notes a right password, of the login and where it is asked once more.

        It was right although a second factor may still be asked for.
        """
        user: User | None = super().authenticate(request, **credentials)
        if user is not None:
            signin.succeeded(request)
        return user


class LoginGuard(AxesDatabaseHandler):  # type: ignore[misc]
    """What axes asks before each login; its tables are the journal that an administrator reads at /admin/."""

    def is_allowed(self, request: HttpRequest, credentials: dict[str, Any] | None = None) -> bool:
        signin.begin_login(request, str((credentials or {}).get("username") or ""))
        return True

    def user_login_failed(
        self, sender: object, credentials: dict[str, Any], request: Any = None, **kwargs: Any
    ) -> None:
        super().user_login_failed(sender, credentials, request, **kwargs)
        signin.failed()

    def user_logged_in(self, sender: object, request: HttpRequest, user: User, **kwargs: Any) -> None:
        super().user_logged_in(sender, request, user, **kwargs)
        signin.succeeded(request)
        signin.note_device(request, user)


class _Counted:
    """A form by which somebody who is known could guess: each try is counted until it turns out right."""

    user: User

    def count(self) -> None:
        signin.begin_confirmation(cast(HttpRequest, context.request), self.user)

    def right(self) -> None:
        signin.succeeded(cast(HttpRequest, context.request))


class CountedChangePassword(_Counted, ChangePasswordForm):  # type: ignore[misc]
    def clean_oldpassword(self) -> str:
        self.count()
        password: str = super().clean_oldpassword()
        self.right()
        return password


class _CountedCode(_Counted):
    def clean_code(self) -> str:
        self.count()
        code: str = super().clean_code()  # type: ignore[misc]
        self.right()
        return code


class CountedCode(_CountedCode, AuthenticateForm):  # type: ignore[misc]
    pass


class CountedCodeAgain(_CountedCode, ReauthenticateForm):  # type: ignore[misc]
    pass
