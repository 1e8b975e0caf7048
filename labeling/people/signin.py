"""Who may try a password now: the limits of the login, and the devices that they don't slow down.

A device on which somebody logged in before keeps a signed cookie. Wrong passwords for that name from anywhere else are
counted apart from it, so a stranger can slow strangers down, and never the person at their own desk.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponseBase
from django.utils.crypto import salted_hmac

from labeling.models import Attempts, User, account_names
from labeling.people import attempt_limits, password_hashing
from labeling.people.attempt_limits import Budget

MINUTE = 60
NAME_LIMIT, ADDRESS_LIMIT, WINDOW = 10, 60, 15 * MINUTE  # an office of 50 people can each be wrong once
SITE_LIMIT = 120  # a minute; more than one address may try
DEVICE_LIMIT, DEVICE_WINDOW = 5, 2 * MINUTE
CODE_LIMIT = 5
REGISTRATION_LIMIT = 20

COOKIE_DAYS = 180
COOKIE_NAMES = 8  # people who share a device
_SALT = "podium.device"
_SUBJECT_LETTERS = 150


@dataclass(frozen=True)
class Device:
    """What the cookie says: a random id, and marks of the names that logged in there."""

    id: str
    marks: tuple[str, ...] = ()

    def knows(self, name_key: str) -> bool:
        return _mark(name_key) in self.marks


def begin_login(request: HttpRequest, username: str) -> None:
    """Counts an attempt to log in. Raises TooMany before anything is hashed."""
    name = account_names.key(username)[:_SUBJECT_LETTERS]
    device = device_of(request)
    if device.knows(name):
        password_hashing.patience.set(password_hashing.KNOWN)
        budgets = [_of_device(name, device)]
    else:
        password_hashing.patience.set(password_hashing.STRANGER)
        password_hashing.refuse_a_crowd()
        budgets = [
            Budget(Attempts.Kind.SITE, "", SITE_LIMIT, MINUTE),
            Budget(Attempts.Kind.ADDRESS, attempt_limits.network(address_of(request)), ADDRESS_LIMIT, WINDOW),
            Budget(Attempts.Kind.NAME, name, NAME_LIMIT, WINDOW),
        ]
    _take(request, budgets)


def begin_confirmation(request: HttpRequest, user: User) -> None:
    """Counts an attempt of somebody whose password was right already: a code, or their password once more."""
    name, device = account_names.key(user.username)[:_SUBJECT_LETTERS], device_of(request)
    password_hashing.patience.set(password_hashing.KNOWN)
    known = device.knows(name)
    _take(request, [_of_device(name, device) if known else Budget(Attempts.Kind.CODE, name, CODE_LIMIT, WINDOW)])


def begin_registration(request: HttpRequest, invitation: int) -> None:
    """Counts an attempt to make an account: each may tell that a name is taken."""
    password_hashing.patience.set(password_hashing.STRANGER)
    password_hashing.refuse_a_crowd()
    places = [attempt_limits.network(address_of(request)), f"invitation {invitation}"]
    _take(request, [Budget(Attempts.Kind.REGISTRATION, place, REGISTRATION_LIMIT, WINDOW) for place in places])


def succeeded(request: HttpRequest) -> None:
    """Gives back what the attempt took; also of one that was never made, because there was no turn to hash."""
    attempt_limits.give_back(request.__dict__.pop("podium_taken", ()))


def failed() -> None:
    attempt_limits.forget_what_is_over()


def address_of(request: HttpRequest) -> str:
    """Gives the visitor's address: behind proxies too (config/http/proxies.py)."""
    return str(request.META.get("REMOTE_ADDR") or "")


def device_of(request: HttpRequest) -> Device:
    cookie = request.COOKIES.get(cookie_name(), "")
    try:
        content = signing.loads(cookie, salt=_SALT, max_age=COOKIE_DAYS * 24 * 60 * MINUTE)
        return Device(str(content["id"]), tuple(map(str, content["names"])))
    except (signing.BadSignature, KeyError, TypeError):
        return Device(secrets.token_urlsafe(12))


def note_device(request: HttpRequest, user: User) -> None:
    """Remembers that `user` logged in here; remember_device tells the browser."""
    device, mark = device_of(request), _mark(account_names.key(user.username)[:_SUBJECT_LETTERS])
    others = [known for known in device.marks if known != mark]
    request.__dict__["podium_device"] = Device(device.id, (*others[1 - COOKIE_NAMES :], mark))


def remember_device(request: HttpRequest, response: HttpResponseBase) -> None:
    device: Device | None = request.__dict__.get("podium_device")
    if device is None:
        return
    response.set_cookie(
        cookie_name(),
        signing.dumps({"id": device.id, "names": device.marks}, salt=_SALT),
        max_age=COOKIE_DAYS * 24 * 60 * MINUTE,
        path=settings.SESSION_COOKIE_PATH,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def cookie_name() -> str:
    return f"{settings.SESSION_COOKIE_NAME}_device"


def _take(request: HttpRequest, budgets: list[Budget]) -> None:
    attempt_limits.take(budgets)
    request.__dict__["podium_taken"] = budgets


def _of_device(name: str, device: Device) -> Budget:
    return Budget(Attempts.Kind.DEVICE, f"{name} {device.id}", DEVICE_LIMIT, DEVICE_WINDOW)


def _mark(name_key: str) -> str:
    """Doesn't show the name to the next person at the device."""
    return salted_hmac(_SALT, name_key, algorithm="sha256").hexdigest()[:24]
