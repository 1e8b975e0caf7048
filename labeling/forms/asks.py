"""What a project asks beyond an order, as fields of its settings. Each is off until somebody turns it on."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.text import slugify
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from labeling.models import Project
from labeling.models.projects import COMPARISON
from labeling.projects.asks import MAX_TOP_K


class FlagsField(forms.CharField):
    """One a line, 'label' or 'name: label'. Gives the list that a project stores."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(required=False, widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false"}), **kwargs)

    def to_python(self, value: object) -> Any:
        lines = [line.strip() for line in str(value or "").splitlines() if line.strip()]
        return [self.entry_of(line) for line in lines]

    def entry_of(self, line: str) -> dict[str, Any]:
        name, colon, label = line.partition(":")
        if colon:
            return {"name": name.strip(), "label": label.strip()}
        return {"name": slugify(line).replace("-", "_")[:40], "label": line}

    @staticmethod
    def as_text(flags: list[dict[str, str]]) -> str:
        return "\n".join(f"{flag['name']}: {flag['label']}" for flag in flags)


class AttributesField(FlagsField):
    """One a line, 'helpful: Helpful | 5 | not at all | very', or 'helpful: Helpful | comparison'."""

    def entry_of(self, line: str) -> dict[str, Any]:
        named, *more = (part.strip() for part in line.split("|"))
        entry = super().entry_of(named)
        if not more:
            return entry
        scale, *ends = more
        if scale == COMPARISON:
            return {**entry, "kind": COMPARISON}
        if not (scale.isascii() and scale.isdigit() and len(scale) < 3):
            message = _("After | stands how far the scale goes, such as 5, or the word comparison; not %(value)s.")
            raise forms.ValidationError(message % {"value": scale[:40]})
        said = {end: words for end, words in zip(("low", "high"), ends, strict=False) if words}
        return {**entry, "scale": int(scale), **said}

    @staticmethod
    def as_text(attributes: list[dict[str, Any]]) -> str:
        return "\n".join(
            " | ".join(
                str(part)
                for part in (
                    f"{each['name']}: {each['label']}",
                    each.get("scale", COMPARISON),
                    *((each.get("low", ""), each.get("high", "")) if "low" in each or "high" in each else ()),
                )
            )
            for each in attributes
        )


class AsksForm(forms.Form):
    ask_acceptable = forms.BooleanField(
        required=False,
        label=gettext_lazy("Ask where the acceptable ones end"),
        help_text=gettext_lazy("A line in the ranking: above it is good enough. One more key for each prompt."),
    )
    ask_reasons = FlagsField(
        label=gettext_lazy("Reasons"),
        help_text=gettext_lazy(
            "Why an answer is as it is, to pick from, one a line, for example: more_correct: The best is more correct"
        ),
    )
    justification = forms.ChoiceField(
        required=False,
        choices=Project.Justification.choices,
        initial=Project.Justification.OFF,
        label=gettext_lazy("Justification"),
        help_text=gettext_lazy("Whether people say why: by a reason from the list, or in a comment."),
    )
    attributes = AttributesField(
        label=gettext_lazy("Attributes"),
        help_text=gettext_lazy(
            "Ratings of each completion, one a line, for example: helpful: Helpful | 5 | not at all | very. Or, of two "
            "completions, which is ahead: helpful: Helpful | comparison"
        ),
    )

    ask_rewrite = forms.ChoiceField(
        required=False,
        choices=Project.Rewrite.choices,
        initial=Project.Rewrite.OFF,
        label=gettext_lazy("Rewrite of the best one"),
        help_text=gettext_lazy("A better text than all that are there: it is exported as chosen, and trained with."),
    )

    top_k = forms.IntegerField(
        required=False,
        min_value=0,
        max_value=MAX_TOP_K,
        initial=0,
        label=gettext_lazy("Rank only the best"),
        help_text=gettext_lazy(
            "Of more than six completions so many are ranked, and the rest counts as below, without an order. 0: all "
            "are ranked."
        ),
    )

    def clean_top_k(self) -> int:
        """Takes a form without it for one that leaves it as it is, as a page says that was open before the field."""
        said = self.cleaned_data["top_k"]
        if said is None:
            return int(self.initial.get("top_k") or 0) if "top_k" not in self.data else 0
        return int(said)

    def clean_ask_rewrite(self) -> str:
        return self.cleaned_data["ask_rewrite"] or str(self.initial.get("ask_rewrite") or Project.Rewrite.OFF)

    def clean_justification(self) -> str:
        """Takes a form without it for one that leaves it, as a page says that was open before there was the field."""
        return self.cleaned_data["justification"] or str(self.initial.get("justification") or Project.Justification.OFF)

    def clean_ask_reasons(self) -> list[dict[str, Any]]:
        return self._or_as_it_was("ask_reasons")

    def clean_attributes(self) -> list[dict[str, Any]]:
        return self._or_as_it_was("attributes")

    def _or_as_it_was(self, name: str) -> list[dict[str, Any]]:
        """A page that was open before there was the field sends none of it, and one that empties it sends it empty."""
        if name in self.data:
            return list(self.cleaned_data[name])
        return list(self.fields[name].to_python(self.initial.get(name, "")) or ())

    @staticmethod
    def initial_asks_of(project: Project) -> dict[str, object]:
        return {
            "ask_acceptable": project.ask_acceptable,
            "ask_reasons": FlagsField.as_text(project.ask_reasons),
            "justification": project.justification,
            "ask_rewrite": project.ask_rewrite,
            "top_k": project.top_k,
            "attributes": AttributesField.as_text(project.attributes),
        }


ASKS = tuple(AsksForm.base_fields)
