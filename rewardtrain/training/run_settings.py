"""The settings of training runs as a project's people may choose them."""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.translation import gettext as _

from labeling.errors import Invalid
from labeling.models import Project
from rewardtrain.core.config import TrainConfig
from rewardtrain.core.errors import ConfigError
from rewardtrain.evidence import evidence_of
from rewardtrain.models import TrainingRun
from rewardtrain.training import backbones, ranges

Depth = TrainingRun.Depth
# A head leaves the backbone as it is, in one process.
OF_FINE_TUNING = ("lora_rank", "train_layers", "processes", "quantize", "optimizer", "attention", "kernels")
# All that a measurement takes over: it learns nothing, and its backbone is each one's own.
OF_MEASURING = ("head", "flag", "flag_positive", "max_length", "token_budget", "threads", "bootstrap_samples")


def training_config(values: Mapping[str, object]) -> TrainConfig:
    """Gives the settings with defaults filled in. Raises Invalid, naming the setting."""
    try:
        if "backbone_name" in values:
            raise ConfigError("unknown setting 'backbone_name'; here a backbone is called what backbone says")
        return TrainConfig.from_dict(values)
    except (ConfigError, OverflowError) as error:
        raise Invalid("bad_setting", str(error), attr="training") from error


def settings_of(project: Project, values: Mapping[str, object]) -> dict[str, object]:
    """Gives these settings over what the project's evidence asks for. Raises Invalid for what can't be learnt from
    it."""
    return evidence_of(project).settings(project.flags, values)


def standing(settings: Mapping[str, object], depth: Depth) -> dict[str, object]:
    """Gives a project's standing settings as a run of this depth takes them: not all depths have a use for all."""
    if depth == Depth.NONE:
        return {name: settings[name] for name in OF_MEASURING if name in settings}
    left_out = OF_FINE_TUNING if depth == Depth.HEAD else ()
    return {name: value for name, value in settings.items() if name not in left_out}


def checked(project: Project, values: Mapping[str, object], depth: Depth) -> TrainConfig:
    """Gives a project's settings for a run of this depth, ready to be asked for. Raises Invalid, naming the setting."""
    config = check_training(settings_of(project, values), depth)
    backbones.source(project, config.backbone)
    return config


def of_run(run: TrainingRun) -> dict[str, object]:
    """Gives what the training process is given. Raises Invalid.

    Checked once more: the run may have been asked for under other rules, or before its administrator changed the list.
    """
    values = {name: value for name, value in run.training.items() if name != "depth"}
    config = check_training(values, Depth(run.depth))
    if run.executor == TrainingRun.LOCAL:
        ranges.check_machine(config)
    return for_process(run.project, config.to_dict())


def for_process(project: Project, settings: Mapping[str, object]) -> dict[str, object]:
    """Gives settings with the folder that their backbone's name stands for. Raises Invalid.

    The folder is there to be read; whatever the process writes and says has the name.
    """
    name = str(settings["backbone"])
    source = backbones.source(project, name)
    named = {"backbone_name": name} if source != name else {}
    return {**settings, "backbone": source, **named}


def check_training(values: Mapping[str, object], depth: Depth) -> TrainConfig:
    """Checks as training_config does, for a run of this depth. Refuses what goes beyond the limits, a backbone that no
    project may have, and a depth among the settings: it is each run's own. Asks the database nothing.

    A Hugging Face id (owner/name) can only be tried by the training process, which may have a network or a cache.
    """
    if "depth" in values:
        message = _("depth is not a training setting here: it is chosen for each run.")
        raise Invalid("bad_setting", message, attr="training")
    config = training_config({**values, "depth": depth.value})
    ranges.check(config)
    backbones.check(config.backbone)
    if depth == Depth.NONE:
        backbones.require_others(config.backbone)
    return config
