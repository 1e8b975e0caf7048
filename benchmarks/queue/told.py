"""Whether a labeler could tell gold and repeats from other tasks by how long an answer takes or by where they come.

One labeler by the API, 15 % of whose tasks are gold and as many repeats, so that enough is known of each. By time: how
often a task of the kind took longer than an ordinary one (the area under the curve; 0.5 tells nothing), of the claim
and of the answer to it. By place: whether a check follows a check more or less often than chance has it, up to ten
tasks on.
"""

from __future__ import annotations

import bisect
import json
import math
import time
from collections.abc import Sequence

from benchmarks.queue.everything import CHECKS, careful, everything
from benchmarks.queue.load import Running, join, verdict

TASKS, WARM, TELLS, FURTHEST = 900, 60, 0.55, 10
PURPOSES = """
SELECT a.id, a.purpose FROM labeling_assignment a JOIN labeling_prompt p ON p.id = a.prompt_id
WHERE p.project_id = %s AND a.labeler_id = %s
"""


def can_be_told(site: Running) -> None:
    from labeling.projects import projects

    project = everything(2 * TASKS, "told", golds=TASKS)  # so that few are had already, as in life
    projects.update_project(project, **{**CHECKS, "gold_percent": 15, "repeat_percent": 15})
    [person] = join(project, 1)
    labeler = person.by_api(site)
    times: list[tuple[str, float, float]] = []
    for _ in range(TASKS):
        began = time.perf_counter()
        task = labeler.claim(project.slug)
        claimed = time.perf_counter()
        assert task is not None
        body = json.dumps(careful(task)).encode()
        sent = time.perf_counter()
        status, answer = labeler.send("POST", f"/api/v1/assignments/{task['id']}/ranking/", body)
        assert status == 201, answer
        times.append((task["id"], claimed - began, time.perf_counter() - sent))
    with site.podium.database() as connection:
        purposes = dict(connection.execute(PURPOSES, [project.pk, person.user.pk]).fetchall())
    _judge([(purposes[int(key)], claim, answer) for key, claim, answer in times[WARM:]])
    projects.update_project(project, **CHECKS)


def _judge(tasks: Sequence[tuple[str, float, float]]) -> None:
    print(f"\none labeler, {len(tasks):,} tasks")
    for purpose in ("gold", "repeat"):
        for what in ("claim", "answer"):
            of = [claim if what == "claim" else answer for kind, claim, answer in tasks if kind == purpose]
            others = [claim if what == "claim" else answer for kind, claim, answer in tasks if kind == "label"]
            area, within = longer(of, others), 1.96 * math.sqrt((1 / len(of) + 1 / len(others)) / 12)
            tells = abs(area - 0.5) > max(within, TELLS - 0.5)
            words = f"{purpose} ({len(of)}) by the time of the {what}, area ± {within:.2f}"
            verdict(words, area, f"0.45 to {TELLS}", met=not tells)
    checks = [task[0] != "label" for task in tasks]
    furthest = max((abs(_together(checks, lag)) * math.sqrt(len(checks)), lag) for lag in range(1, FURTHEST + 1))
    words = f"a check after a check, {furthest[1]} on: standard errors off chance"
    verdict(words, furthest[0], "under 4", met=furthest[0] < 4)


def longer(of: Sequence[float], others: Sequence[float]) -> float:
    """Gives how often one of the first is larger than one of the second, ties half (Mann and Whitney's U / n m)."""
    others = sorted(others)
    wins = sum((bisect.bisect_left(others, each) + bisect.bisect_right(others, each)) / 2 for each in of)
    return wins / len(of) / len(others)


def _together(checks: Sequence[bool], lag: int) -> float:
    """Gives the correlation of being a check with being one so many tasks later."""
    mean = sum(checks) / len(checks)
    spread = sum((each - mean) ** 2 for each in checks)
    return sum((one - mean) * (other - mean) for one, other in zip(checks, checks[lag:], strict=False)) / spread
