"""What a request says: who asks, what a list is narrowed by, and nothing that its door doesn't know."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from heapq import nsmallest
from typing import Any, ClassVar, TypeVar

from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.views import APIView

from labeling.errors import Invalid
from labeling.models import User
from labeling.requests.strict_json import unstorable

Row = TypeVar("Row", bound=Model)

MOST_NAMED = 20  # unknown fields: each costs words and a part of the answer, and the first ones show the mistake
METHODS = ["get", "head", "post", "put", "patch", "delete"]  # OPTIONS would say less than the document
LARGEST_ID = 2**63 - 1
NO_NUL = {"type": "string", "pattern": r"^[^\u0000]*$"}

AFTER = OpenApiParameter(
    "since",
    {"type": "integer", "format": "int64", "minimum": 0, "maximum": LARGEST_ID},
    description="Only rows with a greater id: what is new since you last looked.",
)
LABELER = OpenApiParameter("labeler", NO_NUL, description="Only this username's.")

IF_MATCH = OpenApiParameter(
    "If-Match",
    {"type": "string", "pattern": r'^("[0-9]{1,9}"|\*)$'},
    "header",
    description='The ETag of the draft that this one goes on from, such as "3"; 412 if it has changed.',
)


class Door:
    """Mixed into every view: refuses what it doesn't know, rather than let a slip of the pen pass for a wish.

    `?dryrun=1` would import, `?labeller=ann` would list everyone's, a chunked body would be taken for none.
    """

    query: ClassVar[Mapping[str, tuple[str, ...]]] = {}  # parameters of the address, by method
    several: ClassVar[tuple[str, ...]] = ()  # those of them that may stand there more than once
    for_labelers: ClassVar[bool] = False  # whether its GET is for whoever is in the project; for the document
    without_body: ClassVar[tuple[str, ...]] = ()  # methods that say all by their address

    def initialize_request(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Request:
        drf_request: Request = super().initialize_request(request, *args, **kwargs)  # type: ignore[misc]
        if is_chunked(drf_request):
            # REST framework takes a body without a Content-Length for an empty one; the server ends it itself.
            drf_request._stream = request.META["wsgi.input"]
        return drf_request

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)  # type: ignore[misc]
        method = str(request.method).lower()
        if method not in METHODS or not hasattr(self, method):
            return  # 405 says more
        refuse_unknown_query(request, self.parameters(method), several=self.several)
        if method in self.without_body:
            refuse_unknown(request.data, ())

    def parameters(self, method: str) -> Collection[str]:
        return self.query.get("get" if method == "head" else method, ())


class View(Door, APIView):
    http_method_names = METHODS


# No docstring: the document would give it to every body.
class KnownFields(serializers.Serializer[Any]):  # mixed into a body's serializer: refuses fields that it doesn't take
    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping):
            refuse_unknown(data, [name for name, field in self.fields.items() if not field.read_only], self.fields)
        return super().to_internal_value(data)


def refuse_unknown(data: object, known: Collection[str], readable: Collection[str] = ()) -> None:
    """Raises a ValidationError naming the keys, MOST_NAMED at most, that are none of `known`; of no object, where none
    is expected."""
    if not isinstance(data, Mapping):
        message = _("The body is an object such as %(expected)s, not a %(kind)s.")
        expected = "{" + ", ".join(f'"{name}": ...' for name in list(known)[:3]) + "}"
        raise Invalid("not_an_object", message % {"expected": expected, "kind": _kind(data)})
    errors = {}
    for name in nsmallest(MOST_NAMED, data.keys() - set(known)):
        if name in readable:
            words, code = _("%(name)r is only read here and can't be set; leave it out."), "read_only"
        else:
            words, code = _("There is no field %(name)r here; there are: %(known)s."), "unknown_field"
        values = {"name": name[:80], "known": ", ".join(known) or _("none")}
        errors[name[:80]] = [serializers.ErrorDetail(words % values, code=code)]
    if errors:
        raise serializers.ValidationError(errors)


def refuse_unknown_query(request: Request, known: Collection[str], *, several: Collection[str] = ()) -> None:
    """Raises Invalid: 'unknown_parameter', 'parameter_twice', 'unstorable'."""
    for name, values in request.query_params.lists():
        for text in (name, *values):
            if bad := unstorable(text):
                message = _("The parameter %(name)s can't be read: it holds %(what)s.")
                said = {"name": ascii(name[:80]), "what": bad}
                raise Invalid("unstorable", message % said, attr=said["name"][1:-1])
        said = {"name": name[:80], "known": ", ".join(known) or _("none")}
        if name not in known:
            message = _("There is no parameter %(name)r here; there are: %(known)s.")
            raise Invalid("unknown_parameter", message % said, attr=name[:80])
        if len(values) > 1 and name not in several:
            message = _("The parameter %(name)r is there %(n)d times; send it once.")
            raise Invalid("parameter_twice", message % {**said, "n": len(values)}, attr=name)


def is_chunked(request: Request) -> bool:
    chunked = "chunked" in request.META.get("HTTP_TRANSFER_ENCODING", "").lower()
    return chunked and not request.META.get("CONTENT_LENGTH")


def person(request: Request) -> User:
    """Gives who asks. Nobody gets as far as a view without being someone: the default permission sees to it."""
    assert isinstance(request.user, User)
    return request.user


def truth(request: Request, name: str) -> bool:
    """Reads a parameter that is true or false. Raises Invalid for any other word: `?dry_run=ture` would import."""
    value = request.query_params.get(name, "")
    if value.lower() in ("1", "true", "yes"):
        return True
    if value.lower() in ("", "0", "false", "no"):
        return False
    message = _("%(name)s is true or false; got %(value)r.")
    raise Invalid("invalid", message % {"name": name, "value": value[:80]}, attr=name)


def one_of(request: Request, name: str, known: Collection[str], *, code: str) -> str | None:
    """Reads a parameter that is one of some words, None where it is missing or empty. Raises Invalid of this code."""
    value = request.query_params.get(name)
    if not value or value in known:
        return value or None
    message = _("%(field)s is one of %(known)s; got %(value)r.")
    raise Invalid(code, message % {"field": name, "known": ", ".join(known), "value": value[:80]}, attr=name)


def whole(request: Request, name: str, *, low: int, high: int, example: int) -> int | None:
    """Reads a parameter that is a whole number, None where it is missing or empty. Raises Invalid."""
    value = request.query_params.get(name)
    if not value:
        return None
    if re.fullmatch(r"[0-9]{1,19}", value) and low <= int(value) <= high:
        return int(value)
    message = _("%(name)s is a whole number from %(low)d to %(high)d, such as %(example)d; got %(value)r.")
    values = {"name": name, "low": low, "high": high, "example": example, "value": value[:80]}
    raise Invalid("invalid", message % values, attr=name)


def revision(request: Request) -> int | None:
    """Reads the revision that a write goes on from, by its If-Match; None where the sender doesn't mind."""
    tag = request.headers.get("If-Match", "*").strip()
    if tag == "*":
        return None
    match = re.fullmatch(r'"([0-9]{1,9})"', tag)
    if match is None:
        message = _('If-Match is the ETag of what you go on from, such as "3"; got %(value)r.')
        raise Invalid("invalid", message % {"value": tag[:80]}, attr="If-Match")
    return int(match[1])


def after(rows: QuerySet[Row, Row], request: Request) -> QuerySet[Row, Row]:
    since = whole(request, "since", low=0, high=LARGEST_ID, example=41)
    return rows if since is None else rows.filter(pk__gt=since)


def by_labeler(rows: QuerySet[Row, Row], request: Request) -> QuerySet[Row, Row]:
    labeler = request.query_params.get("labeler")
    return rows.filter(labeler__username=labeler) if labeler else rows


def _kind(data: object) -> str:
    names = {list: _("list"), str: _("text"), bool: _("truth value"), type(None): _("null")}
    return names.get(type(data), _("number"))
