"""Accounts: people who log in, and the labelers of imported rankings, who never do."""

from typing import Any

from django.contrib.auth.models import AbstractUser
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext as _

from labeling.models import account_names


class NameKey(models.CharField):  # type: ignore[type-arg]  # it takes none at run time
    """Follows the username at every write, also in bulk, so that no door that makes an account can forget it."""

    def pre_save(self, model_instance: Any, add: bool) -> str | None:
        return model_instance.key_to_store()  # type: ignore[no-any-return]


class User(AbstractUser):
    # What look-alike names have in common (account_names.py); an imported labeler, who never logs in, has none.
    name_key = NameKey(max_length=500, null=True, editable=False)
    # The labeler of a recorded ranking: it keeps provenance apart and has no usable password.
    is_imported = models.BooleanField(default=False)
    # When it was last deactivated. It stays where the account is active again: sessions from before are over for good.
    deactivated_at = models.DateTimeField(null=True, blank=True, editable=False)

    # How the person likes to work. Nobody else sees any of it.
    language = models.CharField(max_length=10, blank=True, default="", db_default="")  # "" follows the browser
    daily_goal = models.PositiveSmallIntegerField(null=True, blank=True)  # rankings a day, the person's own aim
    # Minutes of work after which a break is suggested; 0 is never.
    break_minutes = models.PositiveSmallIntegerField(default=50, db_default=50)
    # WCAG 2.1.4: whoever dictates or types by accident can switch single-letter keys off.
    single_keys = models.BooleanField(default=True, db_default=True)
    tour_seen_at = models.DateTimeField(null=True, blank=True)  # finished or closed the first-run tour

    class Meta(AbstractUser.Meta):
        constraints = (
            models.UniqueConstraint(fields=("name_key",), name="user_name_looks_like_no_other"),
            models.CheckConstraint(
                condition=Q(is_imported=True) | Q(name_key__isnull=False), name="user_name_has_a_key"
            ),
        )

    def __str__(self) -> str:
        return self.get_username()

    def _get_session_auth_hash(self, secret: str | None = None) -> str:
        """Follows the last deactivation too, so that it ends every session, however many there are, by one column."""
        own: str = super()._get_session_auth_hash(secret)  # type: ignore[misc]
        if self.deactivated_at is None:
            return own
        return salted_hmac(
            "podium.sessions", f"{own} {self.deactivated_at.timestamp()}", algorithm="sha256"
        ).hexdigest()

    def clean(self) -> None:
        """Refuses a new name that mixes scripts or looks like another account's."""
        super().clean()
        before = User.objects.filter(pk=self.pk).values_list("username", flat=True).first()
        if self.username != before and not self.is_imported:
            check_new_name(self.username)

    def validate_constraints(self, exclude: Any = None) -> None:
        """The key is made when it is stored; clean has looked at the name in words of its own."""
        super().validate_constraints({*(exclude or ()), "name_key"})

    def key_to_store(self) -> str | None:
        """An account from before this rule that looks like an older one keeps the mark that tells them apart."""
        if self.is_imported:
            return None
        key = account_names.key(self.username)
        return self.name_key if (self.name_key or "").partition("\n")[0] == key else key


def check_new_name(username: str) -> None:
    """Raises ValidationError for {"username": ...}."""
    if mixed := account_names.scripts(username):
        message = _("Use letters of one script: this name mixes %(scripts)s.") % {"scripts": ", ".join(mixed)}
        raise ValidationError({"username": message})
    if User.objects.filter(name_key=account_names.key(username)).exclude(username=username).exists():
        raise ValidationError({"username": _("This name is taken, or looks like one that is; choose another one.")})
