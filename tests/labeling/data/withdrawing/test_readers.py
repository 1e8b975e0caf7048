"""Every module that reads prompts by a query of its own, and what it makes of withdrawn ones.

What starts from live rankings or from pairs meets none: those of a withdrawn prompt have ended.
"""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[4]
READS = re.compile(r"\bPrompt\.objects|\bproject\.prompts\.|\blabeling_prompt\b")

LIVE = "joins live rankings or pairs, of which a withdrawn prompt has none"
HELD = "asks for held_at IS NULL, and what is withdrawn is held"
TASK = "reads the prompt of one task; a withdrawn prompt's are ended"
READERS = {
    "labeling/answers/search/sql/read_texts.sql": "reads the words of either: both are found, with their state",
    "labeling/answers/sql/answer.sql": "says that it is withdrawn",
    "labeling/answers/sql/expand.sql": "is given rankings that are live",
    "labeling/api/prompts.py": "finds one to correct, withdrawn or not",
    "labeling/api/prompt_rows.py": "reads them back as such",
    "labeling/api/review/reviews.py": "opens no case of a withdrawn one",
    "labeling/data/bulk/acts.py": "changes either, each act as it says",
    "labeling/data/bulk/bulk_jobs.py": "asks for the first and the last key",
    "labeling/data/bulk/bulk_worker.py": "finds them by what narrows a list, as finding_prompts.py",
    "labeling/data/bulk/cohort_changes.py": "counts either as in a cohort; what waits is not held",
    "labeling/data/bulk/sql/cohorts.sql": "puts either into a cohort, for they may come back",
    "labeling/data/bulk/sql/make_gold.sql": "leaves them out",
    "labeling/data/bulk/sql/set_overlaps.sql": "gives either the new overlap, for they may come back",
    "labeling/data/exporting/pair_groups.py": LIVE,
    "labeling/data/exporting/preview.py": "shows the first that have live rankings",
    "labeling/data/exporting/ranked_prompts.py": LIVE,
    "labeling/data/importing/background/import_undo.py": "takes back what an import brought, withdrawn or not",
    "labeling/data/importing/import_batches.py": "refuses a row whose id is withdrawn; its twins stay on its split",
    "labeling/data/reviewing/cases.py": "locks either; opens no case of a withdrawn one",
    "labeling/data/reviewing/decisions.py": "decides a case, which none has that is withdrawn",
    "labeling/data/reviewing/sql/ask.sql": HELD,
    "labeling/data/reviewing/sql/supersede.sql": "is given the prompt of a case, which none has that is withdrawn",
    "labeling/data/leaving/erased_rows.py": "empties the reason of a held one, withdrawn or not",
    "labeling/data/revising/tags.py": "tags withdrawn ones too: they are in lists of their own",
    "labeling/data/revising/erasures.py": "erases either, and withdraws it",
    "labeling/data/revising/revisions.py": "corrects either",
    "labeling/data/revising/sql/end_rankings.sql": "ends those of either",
    "labeling/data/versions/frozen_rows.py": LIVE,
    "labeling/data/versions/holding.py": "tells of rankings that stood when a version was frozen, withdrawn or not",
    "labeling/data/versions/unchanged_rows.py": LIVE,
    "labeling/data/withdrawing/choices.py": "finds either",
    "labeling/data/withdrawing/sql/withdraw_prompts.sql": "withdraws them and puts them back",
    "labeling/data/withdrawing/sql/withdraw_work.sql": "marks the tasks of either, and lets no ranking of theirs stand",
    "labeling/data/withdrawing/withdrawals.py": "counts those that would come back",
    "labeling/models/sql/task.sql": TASK,
    "labeling/projects/changes.py": "counts those that get another overlap, either; what that reopens is not held",
    "labeling/projects/projects.py": "a kind is settled by them",
    "labeling/projects/sql/new.sql": LIVE,
    "labeling/quality/labeler_numbers.py": "counts what a person skipped and last took, of withdrawn prompts too",
    "labeling/quality/checks/golds.py": "gives no gold to a withdrawn one, and takes it from either",
    "labeling/quality/checks/sql/gold.sql": "takes it from either; what is withdrawn stays held",
    "labeling/queue/claims.py": "puts no withdrawn prompt back into the queue",
    "labeling/queue/skips.py": "tells of one that was skipped, whether somebody is left for it",
    "labeling/queue/sql/take_up.sql": "says that it is withdrawn",
    "labeling/queue/slots.py": "is given prompts that were locked and are not withdrawn",
    "labeling/queue/sql/claim.sql": TASK,
    "labeling/queue/sql/check.sql": "serves none that is withdrawn",
    "labeling/queue/sql/leave.sql": "sets aside what is not held yet",
    "labeling/queue/sql/next.sql": HELD,
    "labeling/queue/sql/not_now.sql": "counts what a labeler holds, of which a withdrawn prompt has none",
    "labeling/queue/sql/reason.sql": "counts held ones that are not withdrawn",
    "labeling/queue/sql/slots.sql": "says that it is withdrawn",
    "labeling/api/quality/golds.py": "finds one by its id; what is withdrawn becomes no gold",
    "labeling/answers/finding_prompts.py": "finds them by their state, as the others",
    "labeling/answers/ordered_prompts.py": "finds them by what narrows a list, as finding_prompts.py",
    "labeling/views/answers/prompts.py": "counts those of a list, as finding_prompts.py finds them",
    "labeling/views/prompts.py": "shows them with their state, and in a list of their own",
    "labeling/views/versions/prompts.py": "links those of a version that are in the project, withdrawn or not",
    "operations/backup/restore.py": "counts rows of the table",
    "rewardtrain/automatic/auto_label_export.py": "leaves them out",
    "rewardtrain/automatic/auto_labels.py": "scores none (held), and prefers nothing where one was withdrawn meanwhile",
    "rewardtrain/monitoring/drift.py": LIVE,
    "rewardtrain/monitoring/stored_scores.py": "counts them as learnt from where the model had their rankings",
    "rewardtrain/training/presets/offers.py": "counts the completions of the newest, withdrawn or not",
    "rewardtrain/training/prefill.py": "encodes them as all others, for they may come back",
}


def test_every_reader_of_prompts_has_an_answer() -> None:
    found = {
        str(file.relative_to(ROOT))
        for package in ("config", "jobs", "labeling", "operations", "rewardtrain")
        for file in (ROOT / package).rglob("*")
        if file.suffix in (".py", ".sql") and "migrations" not in file.parts and READS.search(file.read_text())
    }
    assert found == set(READERS)
