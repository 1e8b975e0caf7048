"""The presets as a project sees them: which it may use, whether their files are here, and what they would take."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from django.db.models import Subquery

from labeling.models import Completion, Project, Prompt
from rewardtrain.models import TrainingRun
from rewardtrain.training import backbones
from rewardtrain.training.presets.known import BY_KEY, PRESETS, Preset
from rewardtrain.training.presets.reckoning import Estimate, Machine, estimate, this_machine

USUAL = 4  # completions of a prompt


@dataclass(frozen=True)
class Offer:
    preset: Preset
    k: int  # completions of a prompt
    backbone: str  # what a setting calls it here; "" where an administrator hasn't listed it
    here: bool  # its files are on this machine
    estimate: Estimate
    machine: Machine

    @property
    def fits(self) -> bool:
        return self.estimate.memory <= self.machine.memory

    @property
    def settings(self) -> dict[str, object]:
        return settings_of(self.preset)


def offers(project: Project) -> list[Offer]:
    """Lists the presets in the order of their size."""
    machine, k = this_machine(), completions_of(project)
    return [
        Offer(
            preset=preset,
            k=k,
            backbone=(listed := listed_as(preset)),
            here=is_here(listed or preset.name),
            estimate=estimate(preset, k, machine.speed),
            machine=machine,
        )
        for preset in PRESETS
    ]


def completions_of(project: Project) -> int:
    """Counts those of the newest prompt, as most of a project's have as many; a project without one is asked for 4."""
    newest = Prompt.objects.filter(project=project).order_by("-pk").values("pk")[:1]
    return Completion.objects.filter(prompt=Subquery(newest)).count() or USUAL


def chosen(key: str) -> Preset | None:
    """Finds a preset by its key; None for one that is unknown or that no project may use."""
    preset = BY_KEY.get(key)
    return preset if preset and listed_as(preset) else None


def settings_of(preset: Preset) -> dict[str, object]:
    """Gives what choosing a preset fills in."""
    return {"backbone": listed_as(preset) or preset.name, **preset.settings}


def listed_as(preset: Preset) -> str:
    """Finds the preset among what projects may use: by its id, or as a folder of its name."""
    last = preset.name.rpartition("/")[2]
    names = backbones.names()
    folders = [name for name in names if name.startswith("/") and Path(name).name == last]
    return preset.name if preset.name in names else next(iter(folders), "")


def is_here(name: str) -> bool:
    """Tells whether a backbone's weights lie on this machine: in the package, its folder, or the hub's cache."""
    if name == backbones.MINILM:
        return True
    if name.startswith("/"):
        return (Path(name) / "config.json").is_file()
    from huggingface_hub.constants import HF_HUB_CACHE

    snapshots = Path(HF_HUB_CACHE) / f"models--{name.replace('/', '--')}" / "snapshots"
    return any(path.is_file() for kind in ("safetensors", "bin") for path in snapshots.glob(f"*/*.{kind}"))


def trained_on(project: Project) -> str:
    """Names the device of the newest run where that is no processor, for which nothing was measured; else ""."""
    counts = TrainingRun.objects.filter(project=project, counts__has_key="device").order_by("-pk")
    newest = counts.values_list("counts__device", "counts__device_name").first()
    return str(newest[1]) if newest and newest[0] != "cpu" else ""
