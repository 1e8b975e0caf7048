"""What `manage.py check`, and every command before it begins, says of the clusters that a site offers."""

from __future__ import annotations

from django.core.checks import CheckMessage, Warning

from rewardtrain.training.executors import offered


def check_executors(**kwargs: object) -> list[CheckMessage]:
    """Says what is missing here. A warning: the web's machine may lack what the workers' has."""
    hint = "Mend it where the workers run (queue default), or take the cluster out of PODIUM_EXECUTORS."
    return [Warning(words, hint=hint, id="podium.W002") for words in offered.missing()]
