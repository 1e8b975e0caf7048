"""Which answer to which flag the reward is the logit of: a choice that only labels leave open."""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.translation import gettext as _

from labeling.judgements.judgement import Flags


def rewards(flags: Flags) -> list[tuple[str, str]]:
    """Lists each answer to each flag, as a form's choices."""
    choices = {True: _("%(label)s: yes"), False: _("%(label)s: no")}
    return [
        (f"{flag['name']}:{int(answer)}", choices[answer] % {"label": flag["label"]})
        for flag in flags
        for answer in (True, False)
    ]


def chosen_reward(flags: Flags, training: Mapping[str, object]) -> str:
    """Finds the choice that these settings have made."""
    return f"{training['flag'] or flags[0]['name']}:{training['flag_positive']:d}"


def reward_settings(choice: str) -> dict[str, object]:
    """Gives the settings that a choice stands for."""
    flag, answer = choice.split(":")
    return {"flag": flag, "flag_positive": answer == "1"}
