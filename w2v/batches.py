"""Batches with their negative contexts (Q3.6), and the DataLoader around them (Q3.7)."""

from collections.abc import Iterator
from functools import partial

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from w2v.config import Word2VecConfig, check_positive_int
from w2v.text.vocabulary import NoiseDistribution


def collate_fn(
    batch: tuple[Tensor, Tensor] | list[tuple[int, list[int]]],
    K: int,
    vocab_size: int,
    *,
    noise: NoiseDistribution | None = None,
    generator: torch.Generator | None = None,
) -> dict[str, Tensor]:
    """Join a batch of (w, C+) pairs and draw K negative contexts for each positive one.

    Args:
        batch: B pairs of a word id and its 2R context ids; or the same pairs as two tensors,
            (B,) and (B, 2R), as `WindowDataset` serves them.
        K: negatives for each positive, 1 or more.
        vocab_size: V; negatives are ids in [0, V).
        noise: where negatives come from; None draws uniformly over the whole vocabulary.
        generator: where the randomness comes from; None takes torch's global one.

    Returns:
        `word_id` (B,), `positive_context_ids` (B, 2R), `negative_context_ids` (B, 2KR): int64.

    Raises:
        TypeError, ValueError: K or `vocab_size` is no positive integer.

    Source: assignment Q3.6.
    """
    check_positive_int("K", K)
    check_positive_int("vocab_size", vocab_size)
    words, contexts = zip(*batch, strict=True) if isinstance(batch, list) else batch
    word_id = torch.as_tensor(words)  # (B,)
    positive = torch.as_tensor(contexts)  # (B, 2R)
    shape = (len(word_id), K * positive.shape[1])
    if noise is None:
        negative = torch.randint(vocab_size, shape, generator=generator)  # (B, 2KR)
    else:
        negative = noise.sample(shape, generator)  # (B, 2KR)
    return {
        "word_id": word_id,
        "positive_context_ids": positive,
        "negative_context_ids": negative,
    }


def make_loader(
    dataset: Dataset,
    config: Word2VecConfig,
    vocab_size: int,
    *,
    generator: torch.Generator,
    noise: NoiseDistribution | None = None,
    shuffle: bool = True,
) -> DataLoader:
    """Wrap a dataset of windows in a DataLoader whose batches hold negatives.

    One generator serves the order and the negatives, so all batches are served by this process:
    a copy of it in each of several workers would draw the same negatives in each.

    Args:
        dataset: pairs (w, C+), a `WindowDataset` say.
        config: gives B and K.
        vocab_size: V; negatives are ids in [0, V).
        generator: where the randomness comes from.
        noise: where negatives come from; None draws uniformly over the whole vocabulary.
        shuffle: visit the windows in a new order at each pass.

    Returns:
        A DataLoader of the dicts that `collate_fn` makes; the last batch may be shorter than B.

    Source: assignment Q3.7.
    """
    return DataLoader(
        dataset,
        batch_size=config.batch_size,
        sampler=_Shuffle(len(dataset), generator) if shuffle else None,
        generator=generator,
        collate_fn=partial(
            collate_fn, K=config.ratio, vocab_size=vocab_size, noise=noise, generator=generator
        ),
    )


class _Shuffle(Sampler):
    """Visit each index once, in torch's own order at 4 bytes an index instead of 48."""

    def __init__(self, n_indices: int, generator: torch.Generator) -> None:
        self.n_indices, self.generator = n_indices, generator

    def __len__(self) -> int:
        return self.n_indices

    def __iter__(self) -> Iterator[int]:
        order = torch.randperm(self.n_indices, dtype=torch.int32, generator=self.generator)
        for part in order.split(2**16):
            yield from part.tolist()
