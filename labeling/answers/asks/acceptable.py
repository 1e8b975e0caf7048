"""Where the acceptable completions end: how many tiers are above the line."""

from __future__ import annotations

from django.utils.translation import gettext as _

from labeling.answers.asks.asked import Asked
from labeling.answers.asks.reading import is_whole, shown
from labeling.errors import Invalid


def parse(value: object, n_tiers: int, asked: Asked) -> int | None:
    """Takes 0, where all are bad, to n_tiers, where all are good. Raises Invalid.

    Where it is asked no line is taken for granted: 'all are good' is an answer too.
    """
    if value is None:
        if not asked.acceptable or not asked.is_complete:
            return None
        message = _(
            "Say how many tiers are acceptable, from the best on: from 0 (all are bad) to %(most)d (all are good)."
        )
        raise Invalid("acceptable_missing", message % {"most": n_tiers}, attr="acceptable")
    if not asked.acceptable:
        message = _("This project asks for no line between good and bad; leave %(value)s out.")
    elif not is_whole(value, 0, n_tiers):
        message = _("The tiers above the line are a number from 0 to %(most)d, not %(value)s.")
    else:
        return int(value)  # type: ignore[call-overload, no-any-return]
    raise Invalid("acceptable_invalid", message % {"value": shown(value), "most": n_tiers}, attr="acceptable")
