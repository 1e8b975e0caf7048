"""Labelers at work while web processes are killed and leases run out: what is lost, doubled or too much."""

from __future__ import annotations

import contextlib
import random
import time

import psutil

from benchmarks.queue.labelers import ByApi
from benchmarks.queue.load import Running, at_once, filled, join, verdict

AT_ONCE = 32
FAULTS = {
    "prompts with more live assignments than their overlap": """
SELECT count(*) FROM (SELECT a.prompt_id FROM labeling_assignment a JOIN labeling_prompt p ON p.id = a.prompt_id
    WHERE p.project_id = %(project)s AND a.state IN ('claimed', 'ranked') AND a.purpose = 'label'
    GROUP BY a.prompt_id, p.overlap HAVING count(*) > p.overlap) beyond""",
    "prompts ranked twice by one labeler": """
SELECT count(*) FROM (SELECT r.prompt_id FROM labeling_ranking r JOIN labeling_prompt p ON p.id = r.prompt_id
    WHERE p.project_id = %(project)s AND r.live GROUP BY r.prompt_id, r.labeler_id HAVING count(*) > 1) twice""",
    "rankings without all of their pairs": """
SELECT count(*) FROM labeling_ranking r JOIN labeling_prompt p ON p.id = r.prompt_id
WHERE p.project_id = %(project)s AND r.live
  AND (SELECT count(*) FROM labeling_preferencepair pair WHERE pair.ranking_id = r.id) <> 6""",
    "answers that were acknowledged and are not there": """
SELECT count(*) FROM unnest(%(acknowledged)s::bigint[]) id
WHERE NOT EXISTS (
    SELECT FROM labeling_ranking r WHERE r.id = id AND (r.live OR r.purpose <> 'label' AND r.ended_at IS NULL))""",
}
RUN_OUT = """
UPDATE labeling_assignment SET expires_at = now() - interval '1 second'
WHERE state = 'claimed' AND random() < 0.3
"""


def break_things(site: Running, seconds: float) -> None:
    """32 labelers on 10,000 prompts, each to be ranked twice, while web processes are killed and leases run out."""
    from labeling.projects import counters

    project = filled(10_000, "broken")
    people = join(project, AT_ONCE)
    acknowledged: list[int] = []
    tally = {"kept": 0, "lost to somebody else": 0, "broken off": 0}
    end, stop = time.perf_counter() + seconds, {"kills": 0, "run out": 0}

    def work(token: str) -> None:
        while time.perf_counter() < end:
            try:
                labeler = ByApi(site.podium.port, token)
                while time.perf_counter() < end and (answer := labeler.answer("broken", dawdle=0.05)) is not None:
                    acknowledged.extend(answer)
                    tally["kept" if answer else "lost to somebody else"] += 1
            except OSError:
                tally["broken off"] += 1
                time.sleep(0.2)

    def disturb() -> None:
        with site.podium.database() as connection:
            while time.perf_counter() < end:
                time.sleep(5)  # they take two to start again
                stop["run out"] += connection.execute(RUN_OUT).rowcount
                with contextlib.suppress(psutil.Error):  # it may be starting again just now
                    for worker in random.sample(workers := site.workers(), min(1, len(workers))):
                        worker.kill()
                        stop["kills"] += 1

    at_once([disturb, *(lambda token=person.token: work(token) for person in people)])
    print(f"\n{AT_ONCE} labelers on 10,000 prompts for {seconds:.0f} s: {tally}, {stop}")
    with site.podium.database() as connection:
        for name, statement in FAULTS.items():
            [(found,)] = connection.execute(statement, {"project": project.pk, "acknowledged": acknowledged}).fetchall()
            verdict(name, found, "0", met=not found)
    wrong = len(counters.differences())
    verdict("counters that differ from counting", wrong, "0", met=not wrong)
