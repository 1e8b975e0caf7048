"""Which networks a project may train on: names of a list, and its own models.

Whoever manages a project is not trusted with the worker's disk, where other projects' models lie: a name is held
against the list as it is written and never looked for, so a refusal says nothing of what is there.
`python -m rewardtrain.core` takes any folder; its user has the disk anyway.
"""

from __future__ import annotations

import re
from pathlib import Path

from django.conf import settings
from django.utils.translation import gettext as _

from labeling.errors import Invalid
from labeling.models import Project
from rewardtrain.models import RewardModel
from rewardtrain.registry.model_files import is_backbone, place_of

MINILM = "minilm"  # comes with Podium
LONGEST = 300  # characters
OWN = re.compile(r"model ([1-9][0-9]{0,8})")  # the project's model of that version


def names() -> list[str]:
    """Lists what every project may train on."""
    return list(dict.fromkeys([MINILM, *settings.BACKBONES]))


def check(name: str) -> None:
    """Raises Invalid for a name that no project may use. Asks the database nothing; see source()."""
    if len(name) > LONGEST:
        message = _("backbone is %(length)d characters long; it has at most %(limit)d")
        raise _refused("bad_setting", message % {"length": len(name), "limit": LONGEST})
    if OWN.fullmatch(name):
        return
    if name not in names():
        message = _(
            "backbone is %(name)r; choose one of %(known)s, or 'model 3' for version 3 of this project."
            " An administrator adds Hugging Face ids and folders to PODIUM_BACKBONES."
        )
        raise _refused("no_backbone", message % {"name": name, "known": ", ".join(names())})
    if name.startswith("/") and not (Path(name) / "config.json").is_file():
        message = _(
            "backbone %(name)r may be used, but has no config.json here; it must be a Hugging Face model folder"
        )
        raise _refused("no_backbone", message % {"name": name})


def of_others() -> list[str]:
    """Lists what may be measured as a reward model: whether one is there is found by the run that reads it."""
    return [name for name in names() if name != MINILM]


def require_others(name: str) -> None:
    """Raises Invalid for what has no reward head of its own, or figures here already."""
    if name == MINILM:
        message = _("backbone is 'minilm', which has no reward head; name the reward model to measure: %(known)s")
        known = ", ".join(of_others()) or _("an administrator adds it to PODIUM_BACKBONES")
        raise _refused("no_backbone", message % {"known": known})
    if OWN.fullmatch(name):
        message = _("backbone is %(name)r, a version of this project, whose page has its figures")
        raise _refused("no_backbone", message % {"name": name})


def source(project: Project, name: str) -> str:
    """Gives the folder, id or name that the training process loads. Raises Invalid as check() does, and for models of
    the project that aren't there. A folder that is kept elsewhere has to be fetched before: see own()."""
    model = own(project, name)
    return str(place_of(model)) if model else name


def own(project: Project, name: str) -> RewardModel | None:
    """Finds the project's model that is meant; None for a name of the list. Raises Invalid as source() does."""
    check(name)
    own = OWN.fullmatch(name)
    if own is None:
        return None
    model = RewardModel.objects.filter(project=project, version=int(own[1])).first()
    if model is None:
        message = _("backbone is %(name)r, but the project has no model of version %(version)s")
        raise _refused("no_backbone", message % {"name": name, "version": own[1]})
    if not is_backbone(model):
        message = _("backbone is %(name)r, but the files of version %(version)s are gone; choose another")
        raise _refused("no_backbone", message % {"name": name, "version": own[1]})
    return model


def _refused(code: str, message: str) -> Invalid:
    return Invalid(code, message, attr="training")
