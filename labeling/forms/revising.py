"""A prompt's texts as they are corrected: a field for each turn and each completion."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext as _

from labeling.models import Prompt


class RevisionForm(forms.Form):
    """Turns are named by their place and completions by theirs. Lines end as they did, whatever a browser sends."""

    revision = forms.IntegerField(min_value=1, widget=forms.HiddenInput)

    def __init__(self, *args: Any, prompt: Prompt, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.prompt = prompt
        self.completions = list(prompt.completions.all())
        self.initial["revision"] = prompt.revision
        who = {"user": _("Person"), "assistant": _("Assistant"), "system": _("Instructions to the assistant")}
        turns = prompt.messages if prompt.is_dialogue else []
        for place, turn in enumerate(turns):
            self._add(f"turn-{place}", who.get(turn["role"], turn["role"]), turn["content"])
        for place, completion in enumerate(self.completions):
            label = _("Completion %(n)s") % {"n": place + 1} if turns else _("Text")
            self._add(f"completion-{place}", f"{label} ({completion.external_id})", completion.text)

    def _add(self, name: str, label: str, text: str) -> None:
        rows = min(20, 3 + text.count("\n") + len(text) // 90)
        self.fields[name] = forms.CharField(
            required=False, strip=False, label=label, initial=text, widget=forms.Textarea(attrs={"rows": rows})
        )

    def messages(self) -> list[dict[str, str]] | None:
        """Gives the dialogue; None of a text that stands alone."""
        if not self.prompt.is_dialogue:
            return None
        return [
            {**turn, "content": self._text(f"turn-{place}", turn["content"])}
            for place, turn in enumerate(self.prompt.messages)
        ]

    def texts(self) -> dict[str, str]:
        """Gives the completions' texts by their ids."""
        return {
            each.external_id: self._text(f"completion-{place}", each.text)
            for place, each in enumerate(self.completions)
        }

    def _text(self, name: str, before: str) -> str:
        """A browser ends lines with two characters, which alone is no correction."""
        text: str = self.cleaned_data[name].replace("\r\n", "\n")
        return before if text == before.replace("\r\n", "\n") else text
