"""What a model's numbers come to mean: temperatures of its probabilities, mean and spread of its rewards. No torch.

L: labels, D: what enters the network's last linear layer, N: completions, P: pairs.
"""

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from rewardtrain.core.measures.metrics import Floats

Array = npt.NDArray[np.float32]
PRIOR = 4.0  # of a temperature: ln T is 0 with a deviation of 1 / sqrt(4), as told by some twenty pairs of margin 1
WIDEST = 12.0  # |ln T| at most, of what bisection looks through
HALVINGS = 60  # of that: to a double's last bits


@dataclass(frozen=True)
class Calibration:
    """One linear map from a training's raw logits to those of the model folder, and the temperature of these.

    The reward becomes (r - mean) / sd. Of a binary head the negative logit becomes the new reward minus
    (positive - negative) / class_temperature, so that the softmax of the two is the calibrated class probability.
    """

    temperature: float = 1.0  # P(i is preferred to j) = sigmoid((r_i - r_j) / temperature), r as in the model folder
    n_pairs: int = 0  # of the validation split, on which the temperature was fitted; 0: there were none
    class_temperature: float = 1.0  # of the binary head's raw logits
    n_votes: int = 0  # of the validation split, on which class_temperature was fitted
    mean: float = 0.0  # of the raw reward on the reference
    sd: float = 1.0
    n_reference: int = 0  # training completions whose rewards have this mean and sd; 0: nothing was normalised
    has_bias: bool = True  # a last layer without bias can't take the mean away

    @property
    def mean_left(self) -> float:
        """Gives the mean on the reference of the folder's rewards: 0, unless the layer has no bias."""
        return 0.0 if self.has_bias else self.mean / self.sd

    def matrix(self, n_labels: int) -> Floats:
        """Gives (L, L): new logits are this times the raw ones, plus shift."""
        if n_labels == 1:
            return np.array([[1 / self.sd]])
        cold, scale = 1 / self.class_temperature, 1 / self.sd
        return np.array([[cold, scale - cold], [0.0, scale]])

    @property
    def shift(self) -> float:
        """Gives what is added to every logit."""
        return -self.mean / self.sd if self.has_bias else 0.0

    def logits(self, raw: Array) -> Array:
        """Maps (N, L) raw logits to those of the model folder."""
        return np.asarray(raw @ self.matrix(raw.shape[1]).T + self.shift, dtype=np.float32)

    def layer(self, weight: Array, bias: Array | None) -> tuple[Array, Array | None]:
        """Gives (L, D) weight and (L,) bias of the last linear layer, such that it gives these logits itself."""
        matrix = self.matrix(len(weight))
        moved = None if bias is None else np.asarray(matrix @ bias + self.shift, dtype=np.float32)
        return np.asarray(matrix @ weight, dtype=np.float32), moved

    def heads(self, raw: Array) -> Array:
        """Maps (M, D + 1) weights and bias of heads that each give a raw reward to those that give the folder's."""
        moved = raw / self.sd
        moved[:, -1] += self.shift
        return np.asarray(moved, dtype=np.float32)

    def normalised(self, rewards: Floats, *, has_bias: bool) -> "Calibration":
        """Gives the same probabilities, with rewards of mean 0 and sd 1 on the reference. rewards: (N,) raw."""
        mean, sd = (float(rewards.mean()), float(rewards.std())) if len(rewards) else (0.0, 1.0)
        sd = sd if sd > 1e-6 * max(1.0, abs(mean)) else 1.0  # a model that gives one reward to all has no spread
        temperature = self.temperature * self.sd / sd
        return replace(self, mean=mean, sd=sd, n_reference=len(rewards), has_bias=has_bias, temperature=temperature)

    def to_dict(self) -> dict[str, Any]:
        """Gives the part of podium.json."""
        return {
            "temperature": self.temperature,
            "temperature_pairs": self.n_pairs,
            "class_temperature": self.class_temperature,
            "class_temperature_votes": self.n_votes,
            "normalisation": {
                "mean": self.mean,
                "sd": self.sd,
                "completions": self.n_reference,
                "sd_folded": True,
                "mean_folded": self.has_bias,
                "mean_left": self.mean_left,
            },
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Calibration":
        """Read what to_dict wrote."""
        normalisation = values["normalisation"]
        return cls(
            temperature=values["temperature"],
            n_pairs=values["temperature_pairs"],
            class_temperature=values["class_temperature"],
            n_votes=values["class_temperature_votes"],
            mean=normalisation["mean"],
            sd=normalisation["sd"],
            n_reference=normalisation["completions"],
            has_bias=normalisation["mean_folded"],
        )


RAW = Calibration()  # of logits as training leaves them


def fit(pair_margins: Floats, class_margins: Floats) -> Calibration:
    """Fits temperatures to raw logits of the validation split; 1 where there is nothing to fit on.

    pair_margins: (P,) reward of chosen minus reward of rejected. class_margins: one for each labeler's word on a flag,
    logit of the class said minus logit of the other.
    """
    return Calibration(
        temperature=fit_temperature(pair_margins),
        n_pairs=len(pair_margins),
        class_temperature=fit_temperature(class_margins),
        n_votes=len(class_margins),
    )


def fit_temperature(margins: Floats) -> float:
    """Finds the T of least log loss of sigmoid(margin / T) (Guo et al. 2017, arXiv 1706.04599, section 4.2), with a
    prior.

    Minimised over b = 1 / T is  sum of -ln sigmoid(b m) + PRIOR (b - ln b), which is strictly convex, so that the sign
    of its slope says on which side b is. The prior is a gamma distribution with its mode at 1, for a log loss was what
    training minimised: forty pairs that happen to fall well or badly neither make a model certain nor take all that it
    knows. No margins give 1.
    """
    if not len(margins):
        return 1.0
    low, high = -WIDEST, WIDEST  # of ln b
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        if _slope(margins, math.exp(middle)) < 0:
            low = middle
        else:
            high = middle
    return math.exp(-(low + high) / 2)


def _slope(margins: Floats, inverse: float) -> float:
    """Gives the derivative by b of what fit_temperature minimises."""
    wrong = np.exp(-np.logaddexp(0.0, margins * inverse))  # sigmoid(-b m)
    return float(-(margins * wrong).sum() + PRIOR * (1 - 1 / inverse))
