"""Pairs: of two completions of a prompt the one that a person preferred, and the other."""

from rewardtrain.evidence.evidence import Evidence
from rewardtrain.evidence.pairs import against, counts, gate, judged, worth
from rewardtrain.evidence.pairs.words import WORDS

PAIRS = Evidence(
    unit="pairs",
    unit_of="prompts",
    words=WORDS,
    settings=counts.settings,
    new=counts.new,
    lacking=counts.lacking,
    due=counts.DUE,
    n_of=counts.n_of,
    checks=gate.checks,
    doubt=lambda report, champion: "",  # any two models can be compared on pairs
    worth=worth.worth,
    promised=judged.promised,
    judged=judged.judged,
    against=against.against,
    rewards=lambda flags: (),
    chosen_reward=lambda flags, training: "",
    reward_settings=lambda choice: {},
    why_no_auto_labels="",
    sentence_template="rewardtrain/registry/report/_pairs_sentence.html",
    champion_template="rewardtrain/monitoring/_champion_by_pairs.html",
    cells_template="rewardtrain/registry/_pairs_cells.html",
)
