"""What a project says of gold and self-repeats."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy

from labeling.models import Project
from labeling.models.projects import CHECKS

LABELS = {
    "gold_percent": gettext_lazy("Percent of tasks with gold"),
    "repeat_percent": gettext_lazy("Percent of tasks that come a second time"),
    "repeat_after": gettext_lazy("Answers before a prompt comes again"),
    "repeat_minutes": gettext_lazy("Minutes before a prompt comes again"),
    "gold_warn": gettext_lazy("Gold: warn below this percent"),
    "gold_pause": gettext_lazy("Gold: pause below this percent"),
    "gold_stop": gettext_lazy("Gold: stop below this percent"),
    "repeat_warn": gettext_lazy("Repeats: warn below this percent"),
    "repeat_pause": gettext_lazy("Repeats: pause below this percent"),
    "repeat_stop": gettext_lazy("Repeats: stop below this percent"),
    "check_fewest": gettext_lazy("Checks before anything happens"),
    "qualify_items": gettext_lazy("Practice items that new people answer first"),
    "qualify_percent": gettext_lazy("Percent of comparisons that have to be right"),
    "qualify_attempts": gettext_lazy("Attempts"),
    "qualify_wait_hours": gettext_lazy("Hours between two attempts"),
}
HELP = {
    "gold_percent": gettext_lazy("Prompts of which the answer is known; labelers can't tell which. 0: none."),
    "repeat_percent": gettext_lazy("The same prompt to the same person, newly shuffled; it is no data. 0: none."),
    "qualify_items": gettext_lazy(
        "Labelers get tasks once they passed. Mark prompts with gold as practice items first, best twice as many as an "
        "attempt has: then a second attempt has others. 0: nobody has to."
    ),
    "qualify_percent": gettext_lazy("Of all comparisons and questions of an attempt; a tie is half right."),
    "gold_warn": gettext_lazy("Held against the lower end of a person's interval, as all that follow. 0: never."),
}


def _field(name: str) -> forms.IntegerField:
    low, high = CHECKS[name]
    initial = getattr(Project(), name)
    return forms.IntegerField(
        required=False, min_value=low, max_value=high, initial=initial, label=LABELS[name], help_text=HELP.get(name, "")
    )


class ChecksForm(forms.Form):
    """A field for each of CHECKS. A form without one leaves it as it is, as a page says that was open before."""

    gold_percent = _field("gold_percent")
    repeat_percent = _field("repeat_percent")
    repeat_after = _field("repeat_after")
    repeat_minutes = _field("repeat_minutes")
    gold_warn = _field("gold_warn")
    gold_pause = _field("gold_pause")
    gold_stop = _field("gold_stop")
    repeat_warn = _field("repeat_warn")
    repeat_pause = _field("repeat_pause")
    repeat_stop = _field("repeat_stop")
    check_fewest = _field("check_fewest")
    qualify_items = _field("qualify_items")
    qualify_percent = _field("qualify_percent")
    qualify_attempts = _field("qualify_attempts")
    qualify_wait_hours = _field("qualify_wait_hours")

    def clean(self) -> dict[str, Any]:
        said: dict[str, Any] = super().clean() or self.cleaned_data
        for name, (low, _high) in CHECKS.items():
            if name in said and said[name] is None:
                before = self.initial.get(name, self.fields[name].initial)
                said[name] = 0 if name in self.data and not low else before
        return said
