"""The forms of the machine side's pages."""

from __future__ import annotations

from typing import Any

from django import forms
from django.http import QueryDict

from rewardtrain.core.config import TrainConfig
from rewardtrain.models import RetrainPolicy

RULES = ("enabled", "every_pairs", "first_minimum", "cooldown_minutes", "auto_promote")
SETTINGS = ("backbone", "epochs", "learning_rate", "max_length")


class PolicyForm(forms.Form):
    enabled = forms.BooleanField(required=False, label="Retrain by itself as labels accumulate")
    every_pairs = forms.IntegerField(min_value=1, label="New pairs that start a run")
    first_minimum = forms.IntegerField(min_value=1, label="Pairs before the first run")
    cooldown_minutes = forms.IntegerField(min_value=0, label="Minutes of rest after a run")
    auto_promote = forms.BooleanField(required=False, label="Promote a model that passes the gate")
    backbone = forms.CharField(
        max_length=300,
        widget=forms.TextInput(attrs={"spellcheck": "false", "autocapitalize": "none"}),
        help_text="'minilm' comes with Podium. Or a Hugging Face id (owner/name), or a folder on this machine.",
    )
    epochs = forms.IntegerField(min_value=1, help_text="More than one tends to over-fit: log loss rises.")
    learning_rate = forms.FloatField(widget=forms.NumberInput(attrs={"step": "any"}))
    max_length = forms.IntegerField(min_value=8, label="Tokens of prompt and completion together")

    def __init__(self, policy: RetrainPolicy, data: QueryDict | None = None) -> None:
        self.policy = policy
        self.defaults = TrainConfig().to_dict()
        training = {**self.defaults, **policy.training}
        initial = {name: getattr(policy, name) for name in RULES} | {name: training[name] for name in SETTINGS}
        super().__init__(data, initial=initial)

    def changes(self) -> dict[str, Any]:
        """What policy.update_policy takes. Settings that have their default are left out, those not shown are kept."""
        chosen = self.policy.training | {name: self.cleaned_data[name] for name in SETTINGS}
        training = {name: value for name, value in chosen.items() if value != self.defaults.get(name)}
        return {name: self.cleaned_data[name] for name in RULES} | {"training": training}
