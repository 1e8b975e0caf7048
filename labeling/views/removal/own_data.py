"""A person's own data as a zip: for the person, and for an administrator whom they ask."""

from __future__ import annotations

from django.http import StreamingHttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from formats import zips
from labeling.data.leaving import person_export
from labeling.models import User
from labeling.views.doors import SignedIn, signed_in
from labeling.views.removal.accounts import find


@never_cache
@require_safe
@signed_in
def own(request: SignedIn) -> StreamingHttpResponse:
    return _answer(request.user)


@never_cache
@require_safe
@signed_in
def of_account(request: SignedIn, person_id: int) -> StreamingHttpResponse:
    return _answer(find(request, person_id))


def _answer(person: User) -> StreamingHttpResponse:
    response = StreamingHttpResponse(person_export.stream(person), content_type=zips.CONTENT_TYPE)
    response["Content-Disposition"] = f'attachment; filename="{person_export.file_name(person)}"'
    return response
