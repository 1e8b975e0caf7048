"""What the settings alone tell: secrets, names, HTTPS, collected files, and what each app checks of its own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from django.conf import settings
from django.core import checks

from config.environment.variables import text
from config.servers.deployment.finding import Level, Said, error, warning

LEAST_KEY = 32  # letters
LOCAL_NAMES = {"localhost", "127.0.0.1", "[::1]", "::1"}


def look() -> Iterator[Said]:
    if settings.DEBUG:
        yield error("PODIUM_DEBUG is on, and pages of errors show settings to everybody: take it away.")
    if text("DATABASE_URL") and not text("SECRET_KEY"):
        yield warning(
            "SECRET_KEY isn't set: of several machines each makes its own, and who logs in on one is logged out on "
            "another. Give all processes the same one, e.g. the output of `openssl rand -hex 32`."
        )
    elif len(settings.SECRET_KEY) < LEAST_KEY:
        yield warning(f"SECRET_KEY has fewer than {LEAST_KEY} letters: take the output of `openssl rand -hex 32`.")
    yield from _names()
    if not settings.DEBUG and not (Path(settings.STATIC_ROOT) / "staticfiles.json").exists():
        yield error("Pages have no style here: run `manage.py collectstatic` where the web runs (`up` does).")
    yield from _checked(checks.run_checks())


def clusters() -> Iterator[Said]:
    """Asks the schedulers that fine-tunings may go to, by a check of the app that knows them."""
    yield from _checked(checks.run_checks(tags=["clusters"], include_deployment_checks=True))


def _checked(messages: Iterable[checks.CheckMessage]) -> Iterator[Said]:
    for message in messages:
        if message.level >= checks.WARNING and not message.is_silenced():
            level: Level = "error" if message.level >= checks.ERROR else "warning"
            yield level, " ".join(filter(None, (message.msg, message.hint)))


def _names() -> Iterator[Said]:
    names = set(settings.ALLOWED_HOSTS)
    if names <= LOCAL_NAMES:
        yield warning("ALLOWED_HOSTS has this machine's own names alone: add those under which people open the site.")
    if "*" in names:
        yield warning("ALLOWED_HOSTS is *, so links may be made with any name that a visitor sends: list the names.")
    if not settings.HTTPS:
        yield warning(
            "PODIUM_HTTPS is off, so passwords and sessions may travel in the clear: put a proxy with HTTPS in front "
            "and set PODIUM_HTTPS=1."
        )
    elif not settings.TRUSTED_PROXIES:
        yield warning(
            "PODIUM_TRUSTED_PROXIES is 0 while a proxy does HTTPS: all visitors seem to come from one address, and "
            "share its limits. Set it to how many proxies stand in front."
        )
