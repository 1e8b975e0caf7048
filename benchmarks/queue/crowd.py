"""32 labelers work 10,000 prompts off over HTTP while labelers die, leases run out and web processes are killed.

All of the queue is on: gold, repeats, cohorts, a limit a day, and asks beyond an order. Three rank at random, and are
to be paused by their checks. What is looked for is what was lost, doubled or too much, and whether checks came at their
rate.
"""

from __future__ import annotations

import contextlib
import math
import random
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import psutil

from benchmarks.queue.everything import GOLD, REPEATS, careful, everything, guessing, make_cohorts
from benchmarks.queue.labelers import ByApi, Say
from benchmarks.queue.load import Person, Running, at_once, join, verdict

if TYPE_CHECKING:
    from labeling.models import Project

AT_ONCE, GUESSING, DYING = 32, 3, 4
# Overlap, percent of prompts that three rank, and the limit a day: somewhat more than everybody's share of the work.
CROWDS = ((1, 0, 450), (3, 0, 1_250), (1, 15, 600))
FAULTS = {
    "prompts with more live assignments than their overlap": """
SELECT count(*) FROM (SELECT a.prompt_id FROM labeling_assignment a JOIN labeling_prompt p ON p.id = a.prompt_id
    WHERE p.project_id = %(project)s AND a.state IN ('claimed', 'ranked') AND a.purpose = 'label'
    GROUP BY a.prompt_id, p.overlap HAVING count(*) > p.overlap) beyond""",
    "prompts with more rankings than their overlap": """
SELECT count(*) FROM (SELECT r.prompt_id FROM labeling_ranking r JOIN labeling_prompt p ON p.id = r.prompt_id
    WHERE p.project_id = %(project)s AND r.live GROUP BY r.prompt_id, p.overlap HAVING count(*) > p.overlap) beyond""",
    "prompts that one labeler had twice, not as a repeat": """
SELECT count(*) FROM (SELECT a.prompt_id FROM labeling_assignment a JOIN labeling_prompt p ON p.id = a.prompt_id
    WHERE p.project_id = %(project)s AND a.state = 'ranked' AND a.purpose <> 'repeat'
    GROUP BY a.prompt_id, a.labeler_id HAVING count(*) > 1) twice""",
    "repeats of what their labeler had not ranked, or had repeated": """
SELECT count(*) FROM labeling_assignment a JOIN labeling_prompt p ON p.id = a.prompt_id
WHERE p.project_id = %(project)s AND a.purpose = 'repeat' AND a.state = 'ranked' AND (1, 1) <> (
    SELECT count(*) FILTER (WHERE b.purpose = 'label' AND b.finished_at < a.claimed_at),
           count(*) FILTER (WHERE b.purpose = 'repeat')
    FROM labeling_assignment b
    WHERE b.prompt_id = a.prompt_id AND b.labeler_id = a.labeler_id AND b.state = 'ranked')""",
    "rankings without all of their pairs": """
SELECT count(*) FROM labeling_ranking r JOIN labeling_prompt p ON p.id = r.prompt_id
WHERE p.project_id = %(project)s AND r.live
  AND (SELECT count(*) FROM labeling_preferencepair pair WHERE pair.ranking_id = r.id) <> 6""",
    "pairs of gold or of a repeat": """
SELECT count(*) FROM labeling_preferencepair pair JOIN labeling_ranking r ON r.id = pair.ranking_id
JOIN labeling_prompt p ON p.id = r.prompt_id WHERE p.project_id = %(project)s AND NOT r.live""",
    "answers that were acknowledged and are not there": """
SELECT count(*) FROM unnest(%(acknowledged)s::bigint[]) id
WHERE NOT EXISTS (
    SELECT FROM labeling_ranking r WHERE r.id = id AND (r.live OR r.purpose <> 'label' AND r.ended_at IS NULL))""",
    "tasks of a cohort that their labeler is not in": """
SELECT count(*) FROM labeling_assignment a JOIN labeling_prompt p ON p.id = a.prompt_id
WHERE p.project_id = %(project)s AND p.cohort_id IS NOT NULL AND NOT EXISTS (
    SELECT FROM labeling_cohortmember c JOIN labeling_membership m ON m.id = c.membership_id
    WHERE c.cohort_id = p.cohort_id AND m.user_id = a.labeler_id)""",
    "labelers beyond the limit of the day": """
SELECT count(*) FROM (SELECT a.labeler_id FROM labeling_assignment a JOIN labeling_prompt p ON p.id = a.prompt_id
    WHERE p.project_id = %(project)s AND a.state = 'ranked' GROUP BY a.labeler_id
    HAVING count(*) > (SELECT daily_limit FROM labeling_project WHERE id = %(project)s)) beyond""",
}
OPEN = "SELECT count(*) FROM labeling_prompt WHERE project_id = %s AND held_at IS NULL AND ranked < overlap"
ASKED_FOR = "SELECT sum(overlap), (SELECT count(*) FROM labeling_ranking WHERE project_id = %s AND live) FROM " \
    "labeling_prompt WHERE project_id = %s AND held_at IS NULL"  # fmt: skip
# Of each person's tasks those after which there was something to repeat.
DRAWN = """
SELECT purpose, count(*), count(*) FILTER (WHERE before > 30) FROM (
    SELECT a.purpose, count(*) OVER (PARTITION BY a.labeler_id ORDER BY a.id) AS before
    FROM labeling_assignment a JOIN labeling_prompt p ON p.id = a.prompt_id
    WHERE p.project_id = %s AND a.state = 'ranked') task GROUP BY purpose
"""
JUDGED = """
SELECT member.user_id = ANY(%(guessing)s), member.pause <> '', (
    SELECT count(*) FROM labeling_checkresult c
    WHERE c.project_id = member.project_id AND c.labeler_id = member.user_id AND c.purpose = 'gold')
FROM labeling_membership member WHERE member.project_id = %(project)s AND member.role = 'labeler'
"""
ENOUGH_GOLDS = 20  # by which nearly all who guess are paused (benchmarks/checks)
RUN_OUT = """
UPDATE labeling_assignment SET expires_at = now() - interval '1 second'
WHERE state = 'claimed' AND random() < 0.3
"""


@dataclass
class Crowd:
    """Labelers at work, and what they and those who disturb them count."""

    site: Running
    project: Project
    most: float
    acknowledged: list[int] = field(default_factory=list)
    tally: Counter[str] = field(default_factory=Counter)
    is_over: bool = False

    def work(self, person: Person, say: Say, *, dies_after: int) -> None:
        """Labels until there is nothing more to do, somebody slower than others; who dies holds a task."""
        pace, done = random.uniform(0, 0.1), 0
        while not self.is_over:
            try:
                labeler = ByApi(self.site.podium.port, person.token)
                while not self.is_over:
                    if done >= dies_after:
                        labeler.claim(self.project.slug)
                        self.tally["died"] += 1
                        return
                    answer = labeler.answer(self.project.slug, say=say, dawdle=pace)
                    if answer is None:  # others hold what is left, or the day's limit is reached
                        time.sleep(1)
                        continue
                    done += 1
                    self.acknowledged.extend(answer)
                    self.tally["kept" if answer else "lost to somebody else"] += 1
            except OSError:
                self.tally["broken off"] += 1
                time.sleep(0.2)

    def disturb(self) -> None:
        """Lets leases run out every 5 s, and kills a web process every 20: one that ends twice in a few seconds is held
        for broken, and waits longer and longer before it starts again."""
        end, kill_at = time.perf_counter() + self.most, time.perf_counter() + 10
        with self.site.podium.database() as connection:
            while not self.is_over:
                time.sleep(5)
                self.tally["run out"] += connection.execute(RUN_OUT).rowcount
                if time.perf_counter() > kill_at:
                    kill_at += 20
                    self._kill()
                [(open_,)] = connection.execute(OPEN, [self.project.pk]).fetchall()
                self.is_over = not open_ or time.perf_counter() > end

    def _kill(self) -> None:
        with contextlib.suppress(psutil.Error):  # it may be starting again just now
            for worker in random.sample(workers := self.site.workers(), min(1, len(workers))):
                worker.kill()
                self.tally["kills"] += 1


def crowds(site: Running, *, prompts: int = 10_000, most: float = 900) -> None:
    """Lets each work its prompts off, for at most so many seconds, and says what came of it."""
    for overlap, extra, limit in CROWDS:
        shares = f"{100 - extra} % once, {extra} % three times" if extra else f"each {overlap} times"
        project = everything(
            prompts, f"crowd-{overlap}-{extra}", overlap=overlap, extra_percent=extra, daily_limit=limit, lease=1
        )
        crowd, people = Crowd(site, project, most), join(project, AT_ONCE)
        make_cohorts(project, [person.user.username for person in people])
        began = time.perf_counter()
        at_once([crowd.disturb, *(_worker(crowd, person, place) for place, person in enumerate(people))])
        took = time.perf_counter() - began
        print(f"\n{AT_ONCE} labelers on {prompts:,} prompts, {shares}, {took:.0f} s: {dict(crowd.tally)}")
        with site.podium.database() as connection:
            _judge(connection, crowd, [person.user.pk for person in people[:GUESSING]])


def _worker(crowd: Crowd, person: Person, place: int) -> Any:
    dies_after = random.randrange(20, 200) if place >= AT_ONCE - DYING else 2**31
    return lambda: crowd.work(person, guessing if place < GUESSING else careful, dies_after=dies_after)


def _judge(connection: Any, crowd: Crowd, guessing: list[int]) -> None:
    from labeling.projects import counters

    project = crowd.project.pk
    for name, statement in FAULTS.items():
        [(found,)] = connection.execute(statement, {"project": project, "acknowledged": crowd.acknowledged}).fetchall()
        verdict(name, found, "0", met=not found)
    [(asked, there)] = connection.execute(ASKED_FOR, [project, project]).fetchall()
    verdict("rankings that were asked for and are missing", asked - there, "0", met=asked == there)
    drawn = {purpose: counts for purpose, *counts in connection.execute(DRAWN, [project]).fetchall()}
    for purpose, percent, place in (("gold", GOLD, 0), ("repeat", REPEATS, 1)):
        n = sum(counts[place] for counts in drawn.values())
        share, beyond = drawn.get(purpose, (0, 0))[place] / n, 4 * math.sqrt(percent / 100 * (1 - percent / 100) / n)
        within = abs(share - percent / 100) <= beyond
        verdict(f"percent of {n:,} tasks: {purpose}", 100 * share, f"{percent} ± {100 * beyond:.1f}", met=within)
    time.sleep(10)  # a worker counts checks and pauses
    people = connection.execute(JUDGED, {"project": project, "guessing": guessing}).fetchall()
    guessed = ", ".join(f"{'paused' if paused else 'not'} after {n} golds" for guesses, paused, n in people if guesses)
    print(f"  of those who guess: {guessed}")
    late = sum(guesses and not paused and n >= ENOUGH_GOLDS for guesses, paused, n in people)
    verdict(f"who guess, had {ENOUGH_GOLDS} golds and go on", late, "0", met=not late)
    wronged = sum(paused and not guesses for guesses, paused, _n in people)
    verdict("who are careful and paused", wronged, "0", met=not wronged)
    wrong = len(counters.differences())
    verdict("counters that differ from counting", wrong, "0", met=not wrong)
