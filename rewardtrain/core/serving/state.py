"""What the service tells of itself: whether it can answer, and what it holds."""

from collections.abc import Mapping
from typing import Any

from rewardtrain.core.serving.foreign.agreement import Foreign
from rewardtrain.core.serving.model_cache import ModelCache


def readiness(models: ModelCache) -> tuple[dict[str, int], bool]:
    """Counts champions, and tells whether any project can be answered: one champion that can't be loaded anywhere must
    not take every service from behind its balancer."""
    failures, champions = models.failures(), models.champions()
    state = {"champions": len(champions), "in_memory": len(models.loaded()), "failed": len(failures)}
    answers = not champions or any(ref not in failures for ref in champions.values())
    return state, models.started and answers


def champions_told(
    models: ModelCache, foreign: Mapping[str, Foreign], wanted: str | None = None
) -> list[dict[str, Any]]:
    """Gives each champion, or that of one project, why it could not be loaded, and the server that is to compute it."""
    loaded, failures, champions = models.loaded(), models.failures(), models.champions()
    named = champions if wanted is None else champions.keys() & {wanted}
    rows: list[dict[str, Any]] = []
    for project in sorted(named):
        ref = champions[project]
        row = {"project": project, "version": ref.version, "in_memory": ref in loaded, "error": failures.get(ref)}
        server = foreign.get(project)
        rows.append(row | ({} if server is None else {"server": server.state()}))
    return rows
