"""The forms of the machine side's pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, cast

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import MaxLengthValidator
from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from rewardtrain.automatic.auto_labels import THRESHOLD
from rewardtrain.charts.trial import letter
from rewardtrain.core.config import TrainConfig
from rewardtrain.evidence import evidence_of
from rewardtrain.models import RetrainPolicy, RewardModel
from rewardtrain.scoring.playground import MOST_CHARACTERS, MOST_COMPLETIONS, Asked
from rewardtrain.training import backbones
from rewardtrain.training.executors import offered
from rewardtrain.training.ranges import RANGES

OF_HEADS = ("head_enabled", "head_every_pairs")
OF_FINE_TUNING = ("enabled", "every_pairs", "first_minimum", "cooldown_minutes")
OF_BOTH = ("auto_promote", "backbone", "max_length")
RULES = (*OF_HEADS, *OF_FINE_TUNING, "auto_promote")
OF_CLUSTERS = ("executor", "queue", "gpus", "hours")
OF_TRAINING = ("epochs", "learning_rate", "lora_rank", "graph_budget")
SETTINGS = ("backbone", "max_length", *OF_TRAINING)


def above_zero(value: float) -> None:
    if value <= 0:
        raise ValidationError(_("This is %(value)s; it must be above 0."), params={"value": value})


class PolicyForm(forms.Form):
    head_enabled = forms.BooleanField(required=False, label=gettext_lazy("Retrain the head by itself"))
    head_every_pairs = forms.IntegerField(min_value=1)
    enabled = forms.BooleanField(required=False, label=gettext_lazy("Fine-tune by itself"))
    every_pairs = forms.IntegerField(min_value=1)
    first_minimum = forms.IntegerField(min_value=1)
    cooldown_minutes = forms.IntegerField(min_value=0, label=gettext_lazy("Minutes of rest after one"))
    auto_promote = forms.BooleanField(required=False, label=gettext_lazy("Promote a model that passes the gate"))
    backbone = forms.CharField(
        max_length=backbones.LONGEST,
        label=gettext_lazy("Backbone"),
        widget=forms.TextInput(attrs={"spellcheck": "false", "autocapitalize": "none"}),
    )
    epochs = forms.IntegerField(
        min_value=int(RANGES["epochs"].low),
        max_value=int(RANGES["epochs"].high),
        label=gettext_lazy("Epochs"),
        help_text=gettext_lazy("More than one tends to over-fit: log loss rises."),
    )
    learning_rate = forms.FloatField(
        label=gettext_lazy("Learning rate"),
        widget=forms.NumberInput(attrs={"step": "any"}),
        max_value=RANGES["learning_rate"].high,
        validators=[above_zero],
    )
    lora_rank = forms.IntegerField(
        required=False,  # as graph_budget: what sends the form as it was before them leaves them as they are
        min_value=int(RANGES["lora_rank"].low),
        max_value=int(RANGES["lora_rank"].high),
        label=gettext_lazy("Rank of LoRA adapters"),
        help_text=gettext_lazy("0 trains the weights themselves. Adapters need a fraction of the memory."),
    )
    graph_budget = forms.IntegerField(
        required=False,
        min_value=int(RANGES["graph_budget"].low),
        max_value=int(RANGES["graph_budget"].high),
        label=gettext_lazy("Tokens whose activations are held at once"),
        help_text=gettext_lazy("Fewer need less memory; a larger batch is then read twice."),
    )
    max_length = forms.IntegerField(
        min_value=int(RANGES["max_length"].low),
        max_value=int(RANGES["max_length"].high),
        label=gettext_lazy("Tokens of prompt and completion together"),
    )
    executor = forms.ChoiceField(label=gettext_lazy("Trains on"))
    queue = forms.ChoiceField(required=False, label=gettext_lazy("Partition"))
    gpus = forms.IntegerField(required=False, label=gettext_lazy("GPUs"))
    hours = forms.IntegerField(required=False, label=gettext_lazy("Hours, at most"))
    reward = forms.ChoiceField(
        label=gettext_lazy("The reward is the logit of"),
        help_text=gettext_lazy("Choose the good answer: what is trained against the model learns to get it."),
    )

    def __init__(
        self,
        policy: RetrainPolicy,
        data: QueryDict | None = None,
        *,
        chosen: Mapping[str, object] = MappingProxyType({}),
    ) -> None:
        """chosen: settings that are filled in over the policy's, and not saved yet."""
        self.policy = policy
        self.defaults = TrainConfig().to_dict()
        training = {**self.defaults, **policy.training}
        if chosen:  # what a preset doesn't name is as it usually is, not as another backbone wanted it
            training |= {name: self.defaults[name] for name in SETTINGS if name != "epochs"} | dict(chosen)
        self.training = {name: value for name, value in training.items() if name != "depth"}  # is each run's own
        initial = {name: getattr(policy, name) for name in RULES} | {name: training[name] for name in SETTINGS}
        super().__init__(data, initial=initial)
        message = _("One of %(known)s, or 'model 3' for version 3 of this project. An administrator allows others.")
        self.fields["backbone"].help_text = message % {"known": ", ".join(backbones.names())}
        self.evidence = evidence_of(policy.project)
        self.fields["head_every_pairs"].label = self.evidence.words.new_that_start
        self.fields["every_pairs"].label = self.evidence.words.new_that_start
        self.fields["first_minimum"].label = self.evidence.words.before_the_first
        self._offer_rewards(training)
        self._offer_executors()

    def _offer_executors(self) -> None:
        """Asks where fine-tunings go, where there is more than this machine."""
        if offered.names() == [offered.LOCAL]:
            for name in OF_CLUSTERS:
                del self.fields[name]
            return
        limits = {cluster.title: cluster.limits() for cluster in offered.clusters().values()}
        executor = cast("forms.ChoiceField", self.fields["executor"])
        executor.choices = [(name, offered.title(name)) for name in offered.names()]
        self._offer_queues({title: of.queues for title, of in limits.items() if of.queues})
        for name in ("gpus", "hours"):
            least, most = zip(*(offered.ranges(of)[name] for of in limits.values()), strict=True)
            label = self.fields[name].label
            field = forms.IntegerField(min_value=min(least), max_value=max(most), required=False, label=label)
            usual = {title: offered.default(of, name) for title, of in limits.items()}
            numbers = [f"{number} ({title})" for title, number in usual.items()]
            one = set(usual.values())
            words = [_("Empty: %(number)s.") % {"number": one.pop() if len(one) == 1 else ", ".join(numbers)}]
            nodes = max(of.nodes for of in limits.values())
            if name == "gpus" and nodes > 1:
                words.append(_("Of a node. A run of more processes has up to %(nodes)s nodes.") % {"nodes": nodes})
            field.help_text = " ".join(words)
            self.fields[name] = field
        initial = {name: getattr(self.policy, name) for name in OF_CLUSTERS}
        self.initial.update(initial | {"executor": offered.chosen(self.policy)})

    def _offer_queues(self, queues: Mapping[str, Sequence[str]]) -> None:
        """Asks which queue; of several clusters each has its own. queues: by the clusters' titles."""
        if not queues:
            del self.fields["queue"]
            return
        groups = {title: [(name, name) for name in names] for title, names in queues.items()}
        of_one = next(iter(groups.values()))
        field = cast("forms.ChoiceField", self.fields["queue"])
        field.choices = [("", _("As the cluster has it")), *(of_one if len(groups) == 1 else groups.items())]
        if "SkyPilot" in groups:
            field.label = _("Kind of GPU") if len(groups) == 1 else _("Partition, queue or kind of GPU")
        elif "Slurm" not in groups:
            field.label = _("Queue")
        elif len(groups) > 1:
            field.label = _("Partition or queue")

    def _offer_rewards(self, training: dict[str, Any]) -> None:
        """Asks which answer the reward is the logit of, where there is more than one."""
        flags = self.policy.project.flags
        if not (choices := self.evidence.rewards(flags)):
            del self.fields["reward"]
            return
        cast("forms.ChoiceField", self.fields["reward"]).choices = choices
        self.initial["reward"] = self.evidence.chosen_reward(flags, training)

    def groups(self) -> list[tuple[str, str, list[forms.BoundField]]]:
        """Lists the fields as the page shows them: what they are about, a word on it, and they."""
        head = _("The last layer alone, on what the unchanged backbone makes of the texts: ready in about a second.")
        where = _("A head is fitted on this machine; it takes a second. The cluster is asked for what a job may take.")
        full = _("The whole model. Takes from minutes to hours, and is promoted only where it beats the head.")
        return [
            (_("Head"), head, [self[name] for name in OF_HEADS]),
            (_("Fine-tuning"), full, [self[name] for name in (*OF_FINE_TUNING, *OF_TRAINING)]),
            (_("Both"), "", [self[name] for name in (*OF_BOTH, *(["reward"] if "reward" in self.fields else []))]),
            *([(_("Where fine-tunings go"), where, self._of_clusters())] if "executor" in self.fields else []),
        ]

    def _of_clusters(self) -> list[forms.BoundField]:
        return [self[name] for name in OF_CLUSTERS if name in self.fields]

    def changes(self) -> dict[str, Any]:
        """Gives what policy.update_policy takes. Settings that have their default are left out, those not shown are
        kept."""
        sent = {name: value for name in SETTINGS if (value := self.cleaned_data[name]) is not None}
        chosen = self.policy.training | sent
        if "reward" in self.fields:
            chosen |= self.evidence.reward_settings(self.cleaned_data["reward"])
        training = {name: value for name, value in chosen.items() if value != self.defaults.get(name)}
        where = {field.name: self.cleaned_data[field.name] for field in self._of_clusters()}
        return {name: self.cleaned_data[name] for name in RULES} | where | {"training": training}


class MeasuringForm(forms.Form):
    backbone = forms.ChoiceField(
        label=gettext_lazy("Reward model"),
        help_text=gettext_lazy("A sequence classifier of Hugging Face. A model without a reward head is refused."),
    )
    head = forms.ChoiceField(
        label=gettext_lazy("It gives"),
        choices=[
            ("scalar", gettext_lazy("one logit, the reward")),
            ("binary", gettext_lazy("two, the reward second")),
        ],
    )
    max_length = forms.IntegerField(
        min_value=int(RANGES["max_length"].low),
        max_value=int(RANGES["max_length"].high),
        label=gettext_lazy("Tokens of prompt and completion together"),
        help_text=gettext_lazy("What is longer is cut, as in training."),
    )

    def __init__(self, of_project: RetrainPolicy, data: QueryDict | None = None) -> None:
        """data: what was sent, if anything."""
        standing = {**TrainConfig().to_dict(), **of_project.training}
        super().__init__(
            data, initial={name: standing[name] for name in ("head", "max_length")}, auto_id="measuring_%s"
        )
        self.names = backbones.of_others()
        cast("forms.ChoiceField", self.fields["backbone"]).choices = [(name, name) for name in self.names]
        if evidence_of(of_project.project).unit != "pairs":  # labels are of classes, which a reward alone has none of
            del self.fields["head"]

    def training(self) -> dict[str, Any]:
        """Gives the settings of the run. One logit is of no flag, whatever the policy's models classify."""
        of_no_flag = {"flag": None, "flag_positive": True} if self.cleaned_data.get("head") == "scalar" else {}
        return self.cleaned_data | of_no_flag


class AutoLabelForm(forms.Form):
    threshold = forms.FloatField(
        initial=round(100 * THRESHOLD),
        label=gettext_lazy("Keep a pair if the model is at least so sure of it (%)"),
        help_text=gettext_lazy("Above 50 and below 100. Higher: fewer labels, and more of them right."),
        widget=forms.NumberInput(attrs={"min": "50", "max": "100", "step": "any", "inputmode": "decimal"}),
    )

    def clean_threshold(self) -> float:
        value = float(self.cleaned_data["threshold"])
        if not 50 < value < 100:
            raise ValidationError(_("This is %(value)s; it must be above 50 and below 100."), params={"value": value})
        return value

    def probability(self) -> float:
        return float(self.cleaned_data["threshold"]) / 100


class TextField(forms.CharField):
    """A text as typed. A browser sends two characters for a line's end, which would be other tokens to a model."""

    def __init__(self, **options: Any) -> None:
        widget = forms.Textarea(attrs={"rows": 3, "spellcheck": "false", "dir": "auto"})
        # A validator rather than max_length: that would have the browser cut what is pasted, without a word.
        super().__init__(strip=False, widget=widget, validators=[MaxLengthValidator(MOST_CHARACTERS)], **options)

    def to_python(self, value: object) -> Any:
        text = str(super().to_python(value) or "")
        return text.replace("\r\n", "\n") if text.strip() else ""


class TryForm(forms.Form):
    """A prompt, completions of it and one or two models. See of() and reshaped() for how many completions."""

    use_required_attribute = False  # else a browser would let nobody add a field before the others are filled

    model = forms.TypedChoiceField(coerce=int, label=gettext_lazy("Model"))
    other = forms.TypedChoiceField(coerce=int, empty_value=None, required=False, label=gettext_lazy("Compare it with"))
    prompt = TextField(label=gettext_lazy("Prompt"), error_messages={"required": gettext_lazy("Write what was asked.")})

    def __init__(
        self,
        models: Sequence[RewardModel],
        n: int,
        data: QueryDict | None = None,
        initial: dict[str, object] | None = None,
    ) -> None:
        super().__init__(data, initial=initial)
        self.models = {model.version: model for model in models}
        versions = [(version, _named(model)) for version, model in self.models.items()]
        self.fields["model"].choices = versions  # type: ignore[attr-defined]
        self.fields["other"].choices = [("", _("No other")), *versions]  # type: ignore[attr-defined]
        self.texts = [f"completion-{index}" for index in range(n)]
        required = _("Write a completion here, or remove this field.")
        for index, name in enumerate(self.texts):
            label = _("Completion %(letter)s") % {"letter": letter(index)}
            self.fields[name] = TextField(label=label, error_messages={"required": required})

    @classmethod
    def of(cls, models: Sequence[RewardModel], data: QueryDict) -> TryForm:
        """Reads the form as it was sent."""
        return cls(models, len(_sent(data)) or 1, data)

    @classmethod
    def reshaped(cls, models: Sequence[RewardModel], data: QueryDict, *, without: int | None = None) -> TryForm:
        """Gives the form as it was sent, with one more completion, or without the one of that index; nothing is checked
        yet.
        """
        texts = _sent(data)
        if without is None:
            texts = [*texts, ""][:MOST_COMPLETIONS]
        else:
            texts = [text for index, text in enumerate(texts) if index != without] or [""]
        typed: dict[str, object] = {name: data.get(name, "") for name in ("model", "other", "prompt")}
        typed |= {f"completion-{index}": text for index, text in enumerate(texts)}
        form = cls(models, len(texts), initial=typed)
        if without is None:
            form.fields[form.texts[-1]].widget.attrs["autofocus"] = True
        return form

    def clean_other(self) -> int | None:
        version: int | None = self.cleaned_data["other"]
        if version is not None and version == self.cleaned_data.get("model"):
            raise ValidationError(
                _("That is version %(version)s twice; choose another to compare it with."), params={"version": version}
            )
        return version

    def completions(self) -> list[forms.BoundField]:
        return [self[name] for name in self.texts]

    @property
    def full(self) -> bool:
        return len(self.texts) >= MOST_COMPLETIONS

    def asked(self, explained: int | None) -> Asked:
        chosen = self.cleaned_data
        versions = [version for version in (chosen["model"], chosen["other"]) if version is not None]
        texts = [chosen[name] for name in self.texts]
        at = explained if explained is not None and explained < len(texts) else None
        return Asked(chosen["prompt"], texts, [self.models[version] for version in versions], at)


def _sent(data: QueryDict) -> list[str]:
    names = [f"completion-{index}" for index in range(MOST_COMPLETIONS)]
    return [str(data[name]) for name in names if name in data]


def _named(model: RewardModel) -> str:
    message = _("Version %(version)s, the champion") if model.champion else _("Version %(version)s")
    return message % {"version": model.version}
