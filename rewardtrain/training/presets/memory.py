"""The memory plan: what a project's next fine-tuning needs, by its settings and its prompts, before it starts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from labeling.errors import Invalid
from labeling.models import Project
from rewardtrain.core.config import TrainConfig
from rewardtrain.core.model.needed_memory import LIKED_TOKENS, Way, held_tokens, needed, ways
from rewardtrain.models import TrainingRun
from rewardtrain.training.executors import offered
from rewardtrain.training.presets import offers, reckoning
from rewardtrain.training.presets.known import PRESETS, Preset
from rewardtrain.training.run_settings import checked

Depth = TrainingRun.Depth


@dataclass(frozen=True)
class Plan:
    """Bytes of all processes that share a memory."""

    config: TrainConfig
    k: int  # completions of a prompt
    weights: int  # with gradients and moments
    process: int  # held by it before a weight is loaded
    activations: int  # at most
    tokens: int  # whose activations are held at once
    device: str  # where the project's last fine-tuning trained; "" where none said so
    has: int | None  # of that device, else of this machine where runs train here; None where nobody knows
    advice: str  # what would fit, where it doesn't

    @property
    def total(self) -> int:
        return self.weights + self.process + self.activations

    @property
    def refused(self) -> bool:
        """Tells whether the run would end before it loads a weight."""
        return self.has is not None and self.weights > self.has

    @property
    def tight(self) -> bool:
        """Tells whether micro-batches will be halved until they fit."""
        return self.has is not None and not self.refused and self.total > self.has


def plan(project: Project, training: Mapping[str, object], executor: str) -> Plan | None:
    """Reckons it for these settings. executor: where the run would go. None for settings that can't be, and for a
    backbone whose numbers are known to the run alone.

    The web has no GPU to look at: what a device has is what the last run that trained there said of it.
    """
    try:
        config = checked(project, training, Depth.FULL)
    except Invalid:
        return None
    if (preset := _preset_of(config.backbone)) is None:
        return None
    kind, device, has = _last_device(project, executor)
    shares = config.processes if kind == "cpu" else 1  # processes that share one memory
    k = offers.completions_of(project)
    tokens = held_tokens(config, k, kind)
    weights = shares * needed(preset.sizes, config, config.processes)
    return Plan(
        config=config,
        k=k,
        weights=weights,
        process=shares * reckoning.PROCESS,
        activations=shares * reckoning.activations(preset, tokens),
        tokens=tokens,
        device=device,
        has=has,
        advice=_advice(preset, config, has // shares, more=kind == "cuda") if has is not None and weights > has else "",
    )


def _preset_of(backbone: str) -> Preset | None:
    return next((each for each in PRESETS if backbone in (each.name, offers.listed_as(each))), None)


def _last_device(project: Project, executor: str) -> tuple[str, str, int | None]:
    """Gives the kind, name and memory of what the newest fine-tuning there had, as a job said it, which may say
    anything; else of this machine, without a name."""
    runs = TrainingRun.objects.filter(
        project=project, depth=Depth.FULL, executor=executor, counts__has_key="memory_bytes"
    )
    counts: dict[str, Any] = runs.order_by("-pk").values_list("counts", flat=True).first() or {}
    kind, memory = counts.get("device"), counts.get("memory_bytes")
    if kind in LIKED_TOKENS and isinstance(memory, int) and memory > 0:
        return kind, str(counts.get("device_name", ""))[:100], memory
    if executor == offered.LOCAL:
        return "cpu", "", reckoning.this_machine().memory
    return "cuda", "", None


def _advice(preset: Preset, config: TrainConfig, has: int, *, more: bool) -> str:
    found = ways(preset.sizes, config, config.processes, has, more=more)
    words = [*map(_words, found)] or [_("a smaller backbone")]
    return words[0] if len(words) == 1 else _("%(one)s, or %(other)s") % {"one": words[0], "other": words[1]}


def _words(way: Way) -> str:
    if not way.changes:
        return _("%(n)d processes, a GPU each") % {"n": way.processes}
    if "lora_rank" not in way.changes:
        return _("quantize=nf4 below the adapters")
    if "quantize" in way.changes:
        return _("LoRA adapters of rank %(rank)d with quantize=nf4") % {"rank": way.changes["lora_rank"]}
    return _("LoRA adapters of rank %(rank)d") % {"rank": way.changes["lora_rank"]}
