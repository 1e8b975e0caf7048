"""Model-made preferences as a source of the export, for who asks for it by name."""

from __future__ import annotations

from collections import defaultdict
from functools import partial

import pyarrow as pa
from django.db.models import Exists, OuterRef
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from labeling.data.exporting.pair_groups import Pair, Pairs, Source, groups_of_prompts
from labeling.errors import Conflict
from labeling.models import Project, Prompt
from rewardtrain.models import AutoLabelJob, ModelPreference, RewardModel

COLUMNS = {"model": pa.int32(), "probability": pa.float64(), "uncertainty": pa.float64()}


def pairs(project: Project) -> Pairs:
    """Gives those of the model whose job was the last to succeed, where nobody has ranked by now.

    Raises Conflict('no_model_preferences') where none has.
    """
    jobs = AutoLabelJob.objects.filter(project=project, state=AutoLabelJob.State.SUCCEEDED)
    last = jobs.select_related("reward_model").first()
    if last is None:
        message = _(
            "The model has labeled nothing here yet: start it on the page Automatic labels, and wait for its end."
        )
        raise Conflict("no_model_preferences", message)
    model = last.reward_model
    made = ModelPreference.objects.filter(reward_model=model, prompt=OuterRef("pk"))
    prompts = Prompt.objects.filter(Exists(made), project=project, ranked=0, withdrawn_at__isnull=True)
    return Pairs(partial(groups_of_prompts, prompts, partial(pairs_of, model)), COLUMNS)


def pairs_of(model: RewardModel, prompts: list[int]) -> dict[int, list[Pair]]:
    """Gives them in the order of the completions' places."""
    rows = ModelPreference.objects.filter(reward_model=model, prompt__in=prompts)
    places = ("prompt", "chosen__position", "rejected__position")
    pairs: dict[int, list[Pair]] = defaultdict(list)
    for prompt, chosen, rejected, *certainty in rows.order_by(*places).values_list(
        *places, "probability", "uncertainty"
    ):
        pairs[prompt].append(Pair(chosen, rejected, (model.version, *certainty)))
    return pairs


SOURCE = Source(gettext_lazy("The model, where nobody has ranked"), pairs)
