"""What is counted over a vocabulary: the noise distribution that negatives come from."""

import copy

import torch
from torch import Tensor

from w2v.config import noise_exponent


class NoiseDistribution:
    """Draw word ids with probabilities proportional to count ** exponent, in constant time each.

    Built once as an alias table (Walker's method): a draw picks one of V equal columns, then
    one of the two ids that share the column. `torch.multinomial` would rebuild its own table at
    every call.

    Args:
        weights: unnormalised probabilities, shape (V,), 0 or more, one at least above 0.

    Raises:
        ValueError: weights that are negative, not finite or all zero.

    Source: assignment Q3.6; Mikolov et al. 2013b, section 2.2; Walker 1977.
    """

    def __init__(self, weights: Tensor) -> None:
        weights = weights.double()
        total = weights.sum()
        least = weights.min() if len(weights) else total
        if not (total > 0 and torch.isfinite(total) and (weights >= 0).all()):
            raise ValueError(
                "weights must be finite, 0 or more and not all 0, "
                f"got a sum of {total.item()!r} and a minimum of {least.item()!r}"
            )
        self.vocab_size = len(weights)
        self.probabilities = weights / total  # (V,)
        self.threshold, self.alias = _alias_table(self.probabilities)  # (V,) each
        self.is_uniform = bool((self.threshold >= 1).all())  # every column holds one id alone

    @classmethod
    def from_name(cls, noise: str, counts: Tensor) -> "NoiseDistribution":
        """Build the distribution that a config names.

        Args:
            noise: "uniform" (every id of the vocabulary alike, unseen ones too), or
                "unigram^a": count ** a, so that ids never seen are never drawn.
            counts: occurrences of each id in the training set, shape (V,).

        Returns:
            The distribution.

        Raises:
            ValueError: another name, or counts that are all zero.

        Source: assignment Q3.6; Mikolov et al. 2013b, section 2.2.
        """
        if noise == "uniform":
            return cls(torch.ones(len(counts)))
        exponent = noise_exponent(noise)
        return cls(torch.where(counts > 0, counts.double() ** exponent, 0.0))

    def to(self, device: torch.device) -> "NoiseDistribution":
        """Give the same distribution, to draw on another device.

        Args:
            device: where the ids are wanted.

        Returns:
            A distribution whose tables are there; on the same device, they are shared.

        Source: the package's own convention for devices.
        """
        moved = copy.copy(self)
        moved.threshold, moved.alias = self.threshold.to(device), self.alias.to(device)
        return moved

    def sample(self, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
        """Draw independent word ids, with replacement.

        Args:
            shape: the shape wanted.
            generator: where the randomness comes from, on the device of the distribution.

        Returns:
            Ids in [0, V), of that shape, int64.

        Source: assignment Q3.6.
        """
        device = generator.device
        column = torch.randint(self.vocab_size, shape, generator=generator, device=device)
        if self.is_uniform:
            return column
        height = torch.rand(shape, generator=generator, device=device)
        return torch.where(height < self.threshold[column], column, self.alias[column])


def _alias_table(probabilities: Tensor) -> tuple[Tensor, Tensor]:
    """Split V unequal probabilities into V columns of equal height that hold two ids at most."""
    heights = (probabilities * len(probabilities)).tolist()
    threshold = [1.0] * len(heights)
    alias = list(range(len(heights)))
    low = [i for i, height in enumerate(heights) if height < 1]
    high = [i for i, height in enumerate(heights) if height >= 1]
    while low and high:
        short, tall = low.pop(), high[-1]
        threshold[short], alias[short] = heights[short], tall
        heights[tall] -= 1 - heights[short]
        if heights[tall] < 1:
            low.append(high.pop())
    return torch.tensor(threshold), torch.tensor(alias)
