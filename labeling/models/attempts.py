"""How often something was tried of late: wrong passwords for a name, from an address, by a device."""

from django.db import models
from django.db.models import Q


class Attempts(models.Model):
    """A counter that begins anew once `ends_at` is past."""

    class Kind(models.TextChoices):
        NAME = "name"  # logins with a name, from devices on which it never logged in
        DEVICE = "device"  # logins with a name from a device that knows it
        ADDRESS = "address"  # logins from one address, by devices that don't know the name
        SITE = "site"  # the same, from everywhere
        CODE = "code"  # codes of somebody's second factor, or their password once more
        REGISTRATION = "registration"  # accounts tried to be made, by invitation or address
        INVITATION = "invitation"  # invitations to a name, by who makes them

    kind = models.CharField(max_length=16, choices=Kind.choices)
    subject = models.CharField(max_length=200)
    count = models.PositiveIntegerField()
    ends_at = models.DateTimeField(db_index=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("kind", "subject"), name="attempts_once_per_subject"),
            models.CheckConstraint(condition=Q(count__gte=0), name="attempts_not_negative"),
        )

    def __str__(self) -> str:
        return f"{self.count} of {self.kind} {self.subject!r} until {self.ends_at:%Y-%m-%d %H:%M:%S}"
