"""The days of which a person's own answers are listed: a number of answers leads to those that it counts."""

from __future__ import annotations

from datetime import date, timedelta

from django import forms
from django.db.models import QuerySet

from labeling.answers.finding import beginning_of
from labeling.models import Ranking

MOST_COUNTED = 1_000


class DaysForm(forms.Form):
    """Both days are of the site's time zone, the last included; what can't be read narrows nothing."""

    from_day = forms.DateField(required=False, input_formats=["%Y-%m-%d"])
    to_day = forms.DateField(required=False, input_formats=["%Y-%m-%d"])

    @property
    def first(self) -> date | None:
        """Gives the first day, where one was asked for that can be read."""
        return self._day("from_day")

    @property
    def last(self) -> date | None:
        """Gives the last day, where one was asked for that can be read."""
        return self._day("to_day")

    @property
    def asked(self) -> dict[str, str]:
        """Gives what was asked, as an address says it."""
        return {name: day.isoformat() for name in self.fields if (day := self._day(name))}

    def within(self, rankings: QuerySet[Ranking]) -> QuerySet[Ranking]:
        """Gives those of these days."""
        if self.first:
            rankings = rankings.filter(created_at__gte=beginning_of(self.first))
        if self.last and self.last.year < 9999:
            rankings = rankings.filter(created_at__lt=beginning_of(self.last + timedelta(days=1)))
        return rankings

    def n_of(self, rankings: QuerySet[Ranking]) -> int | None:
        """Counts them; None of more than MOST_COUNTED, which nobody needs to the letter."""
        n = rankings.order_by()[: MOST_COUNTED + 1].count()
        return n if n <= MOST_COUNTED else None

    def _day(self, name: str) -> date | None:
        self.is_valid()
        day = self.cleaned_data.get(name)
        return day if isinstance(day, date) else None
