"""Labels: each one person's yes or no to a flag about one text."""

from django.utils.translation import gettext_lazy as _

from rewardtrain.evidence.evidence import Evidence
from rewardtrain.evidence.labels import against, counts, gate, judged, rewards, worth
from rewardtrain.evidence.labels.words import WORDS

LABELS = Evidence(
    unit="labels",
    unit_of="texts",
    words=WORDS,
    settings=counts.settings,
    new=counts.new,
    lacking=counts.lacking,
    due=counts.DUE,
    n_of=counts.n_of,
    checks=gate.checks,
    doubt=gate.doubt,
    worth=worth.worth,
    promised=judged.promised,
    judged=judged.judged,
    against=against.against,
    rewards=rewards.rewards,
    chosen_reward=rewards.chosen_reward,
    reward_settings=rewards.reward_settings,
    why_no_auto_labels=_(
        "Automatic labels are preferences between completions, and this project asks yes or no of each text."
    ),
    sentence_template="rewardtrain/registry/report/_labels_sentence.html",
    champion_template="rewardtrain/monitoring/_champion_by_labels.html",
    cells_template="rewardtrain/registry/_labels_cells.html",
)
