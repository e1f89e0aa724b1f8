"""Frequent words left out and window radii drawn, anew for each epoch, whatever the engine."""

import torch
from torch import Tensor

from w2v.checks import check_choice, check_positive
from w2v.config import SUBSAMPLE_RULES, Word2VecConfig
from w2v.threads import one_thread
from w2v.windows import WindowDataset


@one_thread()  # its operations are short: two threads would mostly wait for each other
def thin(
    dataset: WindowDataset, counts: Tensor, config: Word2VecConfig, generator: torch.Generator
) -> WindowDataset:
    """Give the windows of one epoch, as the settings want them.

    Args:
        dataset: all windows.
        counts: occurrences of each id in them, shape (V,), int64.
        config: gives `subsample`, `subsample_rule` and `dynamic_window`.
        generator: draws the words that stay, then the radii.

    Returns:
        The windows over the words that stay, with the radii drawn; the dataset itself if the
        settings want neither.

    Raises:
        ValueError: no document keeps enough words for a window.

    Source: Mikolov et al. 2013b, section 2.3; 2013a, section 3.2.
    """
    if config.subsample:
        rule = config.subsample_rule
        dataset = subsample(dataset, counts, config.subsample, generator, rule=rule)
    return vary_radii(dataset, generator) if config.dynamic_window else dataset


def subsample(
    dataset: WindowDataset,
    counts: Tensor,
    threshold: float,
    generator: torch.Generator,
    *,
    rule: str = "word2vec.c",
) -> WindowDataset:
    """Leave out frequent words at random, before windows are cut.

    Args:
        dataset: the windows.
        counts: occurrences of each id in them, shape (V,), int64.
        threshold: t, as `keep_probabilities` reads it.
        generator: draws the words that stay.
        rule: how likely an occurrence stays, as `keep_probabilities` names it.

    Returns:
        The windows over the words that stay.

    Raises:
        ValueError: no document keeps enough words for a window, or as `keep_probabilities`.

    Source: Mikolov et al. 2013b, section 2.3.
    """
    keep = keep_probabilities(counts, threshold, rule)  # (V,)
    tokens = torch.empty_like(dataset.tokens)  # memory is used only for the part we write
    offsets = torch.zeros_like(dataset.offsets)
    n_kept = start = 0
    for block in dataset.tokens.split(2**16):
        kept = torch.rand(len(block), generator=generator) < keep[block]
        part = block[kept]
        tokens[n_kept : n_kept + len(part)] = part
        ends = torch.tensor([start, start + len(block)])
        first, last = torch.searchsorted(dataset.offsets, ends, right=True)  # documents' ends
        places = dataset.offsets[first:last] - (start + 1)  # their last words in this block
        offsets[first:last] = n_kept + kept.cumsum(0)[places]
        n_kept, start = n_kept + len(part), start + len(block)
    try:
        return dataset.over(tokens[:n_kept], offsets)
    except ValueError:  # no document is long enough
        raise ValueError(
            f"subsample must leave a document long enough for a window, got {threshold!r}, "
            f"which leaves {n_kept} of {len(tokens)} words; take a larger number"
        ) from None


def vary_radii(dataset: WindowDataset, generator: torch.Generator) -> WindowDataset:
    """Draw the radius of each window from 1 ... R, so that near words are met more often.

    Args:
        dataset: the windows.
        generator: draws the radii.

    Returns:
        The windows of the same words. A place beyond the radius drawn for its center is padded
        with `fill_id`. Under "shift" a smaller window is pushed inside the document as well.

    Source: Mikolov et al. 2013a, section 3.2.
    """
    shape = dataset.tokens.shape
    radii = torch.randint(1, dataset.radius + 1, shape, dtype=torch.uint8, generator=generator)
    return dataset.over(dataset.tokens, dataset.offsets, radii)


def keep_probabilities(counts: Tensor, threshold: float, rule: str) -> Tensor:
    """Say how likely an occurrence of each word stays where frequent words are left out.

    For a word that makes up the share f of the text:
    "word2vec.c" keeps it with (sqrt(f / t) + 1) t / f, or 1 where that is more;
    "paper" keeps it with sqrt(t / f), or 1 where that is more;
    "percentile" keeps it with sqrt(t / (f + t)), t being that percentile of the shares of the
    words that occur. Every word can be left out; a word at the percentile is kept with
    probability 0.71.

    Args:
        counts: occurrences of each id, shape (V,), int64.
        threshold: t for the first two; a percentile in (0, 100] for "percentile".
        rule: "word2vec.c", "paper" or "percentile".

    Returns:
        Probabilities, shape (V,), float64; 1 for ids that do not occur.

    Raises:
        TypeError, ValueError: another rule, or a threshold that is out of range.

    Source: Mikolov et al. 2013b, section 2.3, eq. (5); the word2vec program; Breslow 2022.
    """
    check_choice("subsample_rule", rule, SUBSAMPLE_RULES)
    check_positive("threshold", threshold)
    shares = counts.double() / counts.sum()  # (V,): f
    if rule == "percentile":
        if threshold > 100:
            raise ValueError(f"threshold must be a percentile up to 100, got {threshold!r}")
        limit = torch.quantile(shares[counts > 0], threshold / 100)  # (): t
        keep = (limit / (shares + limit)).sqrt()  # (V,)
    elif rule == "paper":
        keep = (threshold / shares).sqrt()  # (V,)
    else:
        excess = shares / threshold  # (V,): f / t
        keep = (excess.sqrt() + 1) / excess  # (V,)
    return keep.clamp(max=1)  # (V,)
