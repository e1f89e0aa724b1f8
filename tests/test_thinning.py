"""Thinning: how likely an occurrence of a word stays, against loops, and what is refused."""

import numpy as np
import oracles
import pytest
import torch
from golden import R

from w2v.config import Word2VecConfig
from w2v.engines import thinning
from w2v.engines.thinning import keep_probabilities, subsample
from w2v.windows import WindowDataset

COUNTS = torch.tensor([0, 40, 7, 1, 300, 2, 2, 90, 11, 5, 60])  # the first never seen


@pytest.mark.parametrize(
    ("rule", "threshold"),
    [("word2vec.c", 0.01), ("paper", 0.01), ("percentile", 85), ("percentile", 30), ("paper", 2)],
)
def test_the_rules_keep_what_the_loops_do(rule, threshold):
    keep = keep_probabilities(COUNTS, threshold, rule)
    counts = COUNTS.tolist()
    expected = [oracles.keep_probability(count, counts, threshold, rule) for count in counts]
    assert keep.tolist() == pytest.approx(expected, rel=1e-12)
    assert keep.dtype == torch.float64


def test_the_loop_has_the_percentile_of_numpy():
    for percent in (1, 30, 85, 100):
        expected = np.percentile(COUNTS.numpy(), percent)
        assert oracles.percentile(COUNTS.tolist(), percent) == pytest.approx(expected, rel=1e-12)


def test_the_rules_differ_as_their_sources_say():
    # f = 0.04 and t = 0.01: sqrt(t / f) = 1/2, and (sqrt(4) + 1) / 4 = 3/4.
    counts = torch.tensor([96, 4])
    assert keep_probabilities(counts, 0.01, "paper")[1].item() == pytest.approx(1 / 2, rel=1e-12)
    assert keep_probabilities(counts, 0.01, "word2vec.c")[1].item() == pytest.approx(3 / 4)
    # the 100th percentile of the shares is f itself for the most frequent word: sqrt(1/2)
    keep = keep_probabilities(counts, 100, "percentile")
    assert keep.tolist() == pytest.approx([0.5**0.5, (0.96 / 1.0) ** 0.5], rel=1e-12)


@pytest.mark.parametrize(
    ("rule", "threshold", "message"),
    [
        ("zipf", 0.1, "subsample_rule must be one of 'word2vec.c', 'paper', 'percentile', got"),
        ("paper", 0, "threshold must be a finite number above 0, got 0"),
        ("percentile", 101, "threshold must be a percentile up to 100, got 101"),
    ],
)
def test_an_unknown_rule_or_a_threshold_out_of_range_is_refused(rule, threshold, message):
    with pytest.raises(ValueError, match=message):
        keep_probabilities(COUNTS, threshold, rule)


def test_subsampling_that_leaves_no_window_names_the_threshold():
    dataset = WindowDataset.from_documents([[1, 2] * 9], R)
    message = "subsample must leave a document long .*, got 1e-09, which leaves 0 of 18 words"
    with pytest.raises(ValueError, match=message):
        subsample(dataset, dataset.counts(3), 1e-9, torch.Generator().manual_seed(0))


def test_one_thread_thins_and_the_callers_number_trains(monkeypatch):
    seen = []
    monkeypatch.setattr(thinning, "vary_radii", lambda *_: seen.append(torch.get_num_threads()))
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        config = Word2VecConfig(
            dim=4, radius=1, ratio=1, batch_size=4, epochs=1, dynamic_window=True
        )
        thinning.thin(WindowDataset.from_documents([torch.arange(9)], 1), COUNTS, config, None)
        assert seen == [1] and torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
