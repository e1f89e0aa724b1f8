"""Batches with their negative contexts (Q3.6), and the DataLoader around them (Q3.7)."""

import copy
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler, get_worker_info

from w2v.checks import check_default_device, check_device, check_positive_int, checked, shown
from w2v.config import Word2VecConfig, noise_exponent


@checked
def collate_fn(
    batch: Sequence[tuple[Any, Any]],
    K: int,
    vocab_size: int,
    *,
    pad_id: int | None = None,
    noise: "NoiseDistribution | None" = None,
    generator: torch.Generator | None = None,
) -> dict[str, Tensor]:
    """Join pairs (w, C+) to a batch, and draw K negative contexts for each positive one.

    Args:
        batch: B pairs of a word id and its 2R context ids, as tensors or as plain integers.
        K: negatives for each positive, 1 or more.
        vocab_size: V; negatives are ids in [0, V).
        pad_id: the id that stands in padded places of the contexts; None if nothing is padded.
            With None the pads of `border="pad"` would be learned as words; `make_loader` passes it.
        noise: the distribution of the negatives; None draws uniformly over the vocabulary.
        generator: draws the negatives; None takes torch's global generator. In the worker
            processes of a DataLoader the global one is always taken, which torch seeds for each
            worker: copies of one generator would draw the same negatives in each. Leave it None
            for workers that are spawned, because torch cannot send a generator to them.

    Returns:
        `word_id` (B,), `positive_context_ids` (B, 2R) and `negative_context_ids` (B, 2KR), all
        int64. With a `pad_id` also `positive_mask` (B, 2R), bool: False for a padded place.

    Raises:
        TypeError, ValueError: K or `vocab_size` is not a positive integer, the ids are not
            integers, there is no pair, or the words differ in their number of contexts.
        IndexError: an id outside [0, V).

    Source: assignment Q3.6.
    """
    K = check_positive_int("K", K)
    vocab_size = check_positive_int("vocab_size", vocab_size)
    if len(batch) == 0:
        raise ValueError("batch must hold a pair (w, C+), got none")
    for pair in batch:
        if not isinstance(pair, (tuple, list)) or len(pair) != 2:
            raise TypeError(f"batch must hold pairs (w, C+), got {shown(pair)}")
    words, contexts = zip(*batch, strict=True)
    word_id = _stack(words)  # (B,)
    positive = _stack(contexts)  # (B, 2R)
    if word_id.dim() != 1 or positive.dim() != 2 or not positive.numel():
        raise TypeError(f"batch must hold pairs of an id and a list of ids, got {shown(batch[0])}")
    shape = (len(word_id), K * positive.shape[1])
    if get_worker_info() is not None:
        generator = None
    if noise is None:
        negative = torch.randint(vocab_size, shape, generator=generator)  # (B, 2KR)
    elif noise.vocab_size != vocab_size:
        raise ValueError(f"noise must be of {vocab_size} ids, got {noise.vocab_size}")
    else:
        negative = noise.sample(shape, generator)  # (B, 2KR)
    joined = {
        "word_id": word_id,
        "positive_context_ids": positive,
        "negative_context_ids": negative,
    }
    if pad_id is not None:
        joined["positive_mask"] = mask = positive != pad_id  # (B, 2R)
        joined["positive_context_ids"] = positive = positive.where(mask, 0)  # -1 has no row
    low, high = torch.cat([word_id, positive.flatten()]).aminmax()  # () each
    if low < 0 or high >= vocab_size:
        raise IndexError(f"batch must hold ids in [0, {vocab_size}), got {low} ... {high}")
    return joined


@checked
def make_loader(
    dataset: Dataset,
    config: Word2VecConfig,
    vocab_size: int,
    *,
    generator: torch.Generator,
    noise: "NoiseDistribution | None" = None,
    shuffle: bool = True,
) -> DataLoader:
    """Wrap a dataset of windows in a DataLoader whose batches hold negatives.

    Args:
        dataset: pairs (w, C+), for example a `WindowDataset`.
        config: gives B and K.
        vocab_size: V; negatives are ids in [0, V).
        generator: draws the order of the windows and the negatives.
        noise: the distribution of the negatives; None draws uniformly over the vocabulary.
        shuffle: visit the windows in a new order at each pass.

    Returns:
        A DataLoader of the dicts that `collate_fn` makes; the last batch may be shorter than B.

    Raises:
        TypeError, ValueError: `vocab_size` is no positive integer, or a `ConcatDataset` of windows
            that are padded in different ways.

    Source: assignment Q3.7.
    """
    vocab_size = check_positive_int("vocab_size", vocab_size)
    return DataLoader(
        dataset,
        batch_size=config.batch_size,
        sampler=_Shuffle(dataset, generator) if shuffle else None,
        generator=generator,
        collate_fn=partial(
            collate_fn,
            K=config.ratio,
            vocab_size=vocab_size,
            pad_id=_pad_id_of(dataset),
            noise=noise,
            generator=generator,
        ),
    )


def _stack(ids: Sequence[Any]) -> Tensor:
    """Join the ids of a batch, given as tensors, arrays, or integers and lists of them."""
    try:
        is_tensors = all(isinstance(one, Tensor) for one in ids)
        joined = torch.stack(list(ids)) if is_tensors else torch.from_numpy(np.asarray(ids))
    except (RuntimeError, ValueError) as error:
        raise ValueError(
            f"batch must hold words with equally many contexts, got {error}; take one radius"
        ) from None
    except TypeError:  # texts, or None
        raise TypeError(f"batch must hold integer ids, got {shown(ids[0])}") from None
    if (joined.is_floating_point() and joined.numel()) or joined.dtype == torch.bool:
        raise TypeError(f"batch must hold integer ids, got {joined.dtype}")
    return joined.long()


def _pad_id_of(dataset: Any) -> int | None:
    """Find the id of padded places of a `WindowDataset`, also in a `Subset` or `ConcatDataset`."""
    if hasattr(dataset, "dataset"):
        return _pad_id_of(dataset.dataset)
    pad_ids = [_pad_id_of(part) for part in getattr(dataset, "datasets", [])]
    if any(pad_id != pad_ids[0] for pad_id in pad_ids):
        raise ValueError(f"dataset must join windows of one border and pad_id, got pads {pad_ids}")
    return pad_ids[0] if pad_ids else getattr(dataset, "fill_id", None)


class _Shuffle(Sampler):
    """Visit each index once, in torch's own random order, with 4 bytes an index instead of 48."""

    def __init__(self, dataset: Any, generator: torch.Generator) -> None:
        self.n_indices, self.generator = len(dataset), generator

    def __len__(self) -> int:
        return self.n_indices

    def __iter__(self) -> Iterator[int]:
        order = torch.randperm(self.n_indices, dtype=torch.int32, generator=self.generator)
        for part in order.split(2**16):
            yield from part.tolist()


class NoiseDistribution:
    """Draw word ids with given probabilities, in constant time each.

    The distribution is an alias table (Walker's method), built once. A draw picks one of V equal
    columns, then one of the two ids that share the column. `torch.multinomial` would build a table
    at every call.

    Args:
        weights: unnormalised probabilities, shape (V,), 0 or more, at least one above 0.

    Raises:
        ValueError: weights that are negative, not finite, all zero or not in one row.

    Source: assignment Q3.6; Mikolov et al. 2013b, section 2.2; Walker 1977.
    """

    @checked
    def __init__(self, weights: Tensor) -> None:
        check_default_device()
        if weights.ndim != 1:
            raise ValueError(f"weights must have shape (V,), got {tuple(weights.shape)}")
        weights = weights.double()
        total = weights.sum()
        least = weights.min() if len(weights) else total
        is_good = (weights >= 0).all() and torch.isfinite(total)
        if not (is_good and total > 0):
            raise ValueError(
                "weights must be finite, 0 or more and not all 0, "
                f"got a sum of {total.item()!r} and a minimum of {least.item()!r}"
            )
        self.vocab_size = len(weights)
        self.probabilities = weights / total  # (V,)
        self.threshold, self.alias = _alias_table(self.probabilities)  # (V,) each
        self.is_uniform = bool((self.threshold >= 1).all())  # every column holds one id alone

    @classmethod
    @checked
    def from_name(cls, noise: str, counts: Tensor) -> "NoiseDistribution":
        """Build the distribution that a config names.

        Args:
            noise: "uniform" gives every id of the vocabulary the same probability, also ids that
                do not occur. "unigram^a" gives an id a probability proportional to count ** a.
            counts: occurrences of each id in the training set, shape (V,).

        Returns:
            The distribution.

        Raises:
            ValueError: another name, or counts that are all zero.

        Source: assignment Q3.6; Mikolov et al. 2013b, section 2.2.
        """
        if counts.ndim != 1:
            raise ValueError(f"counts must have shape (V,), got {tuple(counts.shape)}")
        if noise == "uniform":
            return cls(torch.ones(len(counts)))
        exponent = noise_exponent(noise)
        return cls(torch.where(counts > 0, counts.double() ** exponent, 0.0))

    def __repr__(self) -> str:
        kind = "uniform" if self.is_uniform else "not uniform"
        return f"NoiseDistribution({self.vocab_size} ids, {kind})"

    @checked
    def to(self, device: torch.device | str) -> "NoiseDistribution":
        """Give the same distribution, to draw on another device.

        Args:
            device: where the ids are wanted.

        Returns:
            A distribution whose tables are there; on the same device they are shared.

        Raises:
            ValueError: a device that PyTorch does not have here.
        """
        check_device(device)
        moved = copy.copy(self)
        moved.threshold, moved.alias = self.threshold.to(device), self.alias.to(device)
        return moved

    @checked
    def sample(self, shape: tuple[int, ...], generator: torch.Generator | None = None) -> Tensor:
        """Draw independent word ids, with replacement.

        Args:
            shape: the shape wanted.
            generator: draws the ids, on the device of the distribution; None takes torch's
                global generator.

        Returns:
            Ids in [0, V), of that shape, int64.

        Source: assignment Q3.6.
        """
        device = self.threshold.device
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
