"""Lists narrowed by what no index has: a page goes through so many rows at most, and says where to go on.

The parameters are read by the forms of the pages that show the same lists.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request
from rest_framework.views import APIView

from labeling.answers.search.words import REFUSALS
from labeling.api.rest.paging import Look, OldestFirst
from labeling.api.rest.requests import NO_NUL
from labeling.errors import Invalid
from labeling.models.prompts import LONGEST_TAG

_DAY = {"type": "string", "format": "date"}
OF_A_RANKING = [
    OpenApiParameter("flag", NO_NUL, description="Only where this flag is true of a completion."),
    OpenApiParameter("from_day", _DAY, description="Only ranked on this day or later, in the site's time zone."),
    OpenApiParameter("to_day", _DAY, description="Only ranked on this day or earlier."),
]
OF_A_PROMPT = [
    OpenApiParameter(
        "disagreement",
        str,
        enum=["yes", "no"],
        description="Only where people disagree about the prompt, or nobody does.",
    ),
    OpenApiParameter("tag", {**NO_NUL, "maxLength": LONGEST_TAG}, description="Only of prompts with this tag."),
    OpenApiParameter("model", NO_NUL, description="Only where this model wrote a completion."),
    OpenApiParameter(
        "q",
        NO_NUL,
        description="Only where these words stand, in the prompt's texts or in what was said: in any order, but in "
        "quotation marks as they are; a word after a minus must not be there. Words of four letters and more also find "
        "what begins with them, or, in the project's language, other forms.",
    ),
]


class Looking(OldestFirst):
    """Pages of a view whose `look` is not None."""

    def paginate_queryset(self, queryset: Any, request: Request, view: APIView | None = None) -> Any:
        look: Look | None = getattr(view, "look", None)
        if look is None:
            return super().paginate_queryset(queryset, request, view)
        cursor = self.decode_cursor(request)
        down = bool(cursor and cursor.reverse)
        end = look(from_key=int(cursor.position) if cursor and cursor.position else None, down=down)
        if end is None:
            return super().paginate_queryset(queryset, request, view)
        beyond = {"pk__gte": end} if down else {"pk__lte": end}
        page: Any = super().paginate_queryset(queryset.filter(**beyond), request, view)
        # A page's link goes on from its last row, unless that has the position which is named: so it names one beyond.
        if down and not self.has_previous:
            self.has_previous, self.previous_position = True, str(end - bool(page))
        elif not down and not self.has_next:
            self.has_next, self.next_position = True, str(end + bool(page))
        return page


OF_THE_PROJECT = {"flag": "unknown_flag", "cohort": "unknown_cohort"}  # of what only some projects have


def read_conditions(form: forms.Form, asked: Mapping[str, str]) -> None:
    """Reads what was asked. Raises Invalid for the first value that can't be read, naming it: of words by the code of
    what is wrong with them."""
    for name, field in form.fields.items():
        # On a page an empty field asks nothing; whoever names a day or a number in an address means one.
        if asked.get(name) == "" and isinstance(field, forms.DateField | forms.IntegerField):
            message = _("%(name)s is empty: leave it out, or give a value.")
            raise Invalid("invalid", message % {"name": name}, attr=name)
    if form.is_valid():
        return
    name, problems = next(iter(form.errors.as_data().items()))
    message = _("%(name)s can't be read: %(problem)s Got %(value)r.")
    problem = " ".join(said for each in problems for said in each.messages)
    values = {"name": name, "problem": problem, "value": asked.get(name, "")[:80]}
    code = problems[0].code if problems[0].code in REFUSALS else OF_THE_PROJECT.get(name, "invalid")
    raise Invalid(code, message % values, attr=name)
