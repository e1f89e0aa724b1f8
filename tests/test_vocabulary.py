"""Vocabularies and noise: ids and probabilities exactly, draws within a stated bound."""

from collections import Counter

import numpy as np
import oracles
import pytest
import torch
from golden import CHI_SQUARE_10, FOURTH_POWERS, FOURTH_POWERS_TO_THREE_QUARTERS, V
from hypothesis import given
from hypothesis import strategies as st

from w2v.batches import NoiseDistribution
from w2v.engines.thinning import keep_probabilities
from w2v.model import Word2Vec
from w2v.text.corpus import preprocess, vocabulary_identity
from w2v.text.vocabulary import PAD, UNKNOWN, Vocabulary
from w2v.vectors.words import WordVectors
from w2v.windows import WindowDataset

COUNTS = torch.tensor([0, 40, 7, 1, 300, 2, 2, 90, 11, 5, 60])  # of V ids, the first never seen


TEXTS = [["b", "a", "b", "c"], [], ["a", "b", "d", "e", "d"]]  # b 3, a 2, d 2, c 1, e 1
texts_of_words = st.lists(
    st.lists(st.sampled_from([*"abcde", "don't", "U.S.", PAD, UNKNOWN])), max_size=6
)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def drawn_probabilities(noise):
    """What a draw gives: each of V columns alike, and in a column one of two ids."""
    n = noise.vocab_size
    found = [0.0] * n
    for column in range(n):
        threshold = noise.threshold[column].item()
        found[column] += threshold / n
        found[noise.alias[column].item()] += (1 - threshold) / n
    return found


@given(weights=st.lists(st.floats(0, 1e6), min_size=1, max_size=30).filter(any))
def test_the_alias_table_holds_the_probabilities_exactly(weights):
    noise = NoiseDistribution(torch.tensor(weights, dtype=torch.float64))
    expected = [weight / sum(weights) for weight in weights]
    assert noise.probabilities.tolist() == pytest.approx(expected, rel=1e-10, abs=1e-300)
    assert drawn_probabilities(noise) == pytest.approx(expected, abs=1e-7)  # thresholds: float32


def test_uniform_noise_gives_every_id_the_same_whatever_its_count():
    noise = NoiseDistribution.from_name("uniform", COUNTS)
    assert noise.probabilities.tolist() == pytest.approx([1 / V] * V, rel=1e-12)


def test_unigram_noise_is_the_count_to_the_power_of_three_quarters():
    noise = NoiseDistribution.from_name("unigram^0.75", torch.tensor(FOURTH_POWERS))
    expected = [weight / 36 for weight in FOURTH_POWERS_TO_THREE_QUARTERS]
    assert noise.probabilities.tolist() == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("exponent", [0, 0.5, 0.75, 1])
def test_unigram_noise_is_that_of_the_loop(exponent):
    noise = NoiseDistribution.from_name(f"unigram^{exponent}", COUNTS)
    expected = oracles.noise_probabilities(COUNTS.tolist(), exponent)
    assert noise.probabilities.tolist() == pytest.approx(expected, rel=1e-10)
    assert drawn_probabilities(noise) == pytest.approx(expected, abs=1e-7)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", ["uniform", "unigram^0.75"])
def test_draws_follow_the_probabilities(name, seed):
    # Bound: the 99.9 % quantile at 10 degrees of freedom, one more than "unigram" has here.
    noise = NoiseDistribution.from_name(name, COUNTS)
    draws = noise.sample((20_000,), seeded(seed)).tolist()
    assert oracles.chi_square(draws, noise.probabilities.tolist()) < CHI_SQUARE_10, f"seed {seed}"


@pytest.mark.parametrize("exponent", [0, 0.75])
def test_ids_never_seen_are_never_drawn_by_unigram_noise(exponent):
    counts = torch.tensor([0, 5, 0, 0, 1, 0])
    draws = NoiseDistribution.from_name(f"unigram^{exponent}", counts).sample((5_000,), seeded())
    assert set(draws.tolist()) == {1, 4}


def test_ids_never_seen_are_drawn_by_uniform_noise():
    counts = torch.tensor([0, 5, 0, 0, 1, 0])
    draws = NoiseDistribution.from_name("uniform", counts).sample((5_000,), seeded())
    assert set(draws.tolist()) == set(range(6))


def test_a_vocabulary_of_one_word_gives_that_word():
    draws = NoiseDistribution(torch.tensor([2.0])).sample((4,), seeded())
    assert draws.tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize("shape", [(3,), (3, 20), (1, 1), (0, 4)])
def test_draws_have_the_shape_asked_for_and_are_ids(shape):
    draws = NoiseDistribution.from_name("unigram^0.75", COUNTS).sample(shape, seeded())
    assert draws.shape == shape
    assert draws.dtype == torch.int64


def test_the_generator_decides_the_draws():
    noise = NoiseDistribution.from_name("unigram^0.75", COUNTS)
    torch.manual_seed(1)
    first = noise.sample((50,), seeded(4))
    torch.manual_seed(2)
    assert noise.sample((50,), seeded(4)).equal(first)
    assert not noise.sample((50,), seeded(5)).equal(first)
    generator = seeded(4)
    noise.sample((50,), generator)
    assert not noise.sample((50,), generator).equal(first)


@pytest.mark.parametrize(
    "weights", [[0.0, 0.0], [1.0, -0.5], [1.0, float("nan")], [1.0, float("inf")]]
)
def test_weights_that_are_no_distribution_are_refused(weights):
    with pytest.raises(ValueError, match="weights must be finite, 0 or more and not all 0, got"):
        NoiseDistribution(torch.tensor(weights))


def test_counts_of_nothing_are_refused_where_counts_matter():
    nothing = torch.zeros(V, dtype=torch.int64)
    with pytest.raises(ValueError, match="weights must be .* not all 0, got a sum of 0.0"):
        NoiseDistribution.from_name("unigram^0.75", nothing)
    assert NoiseDistribution.from_name("uniform", nothing).vocab_size == V


def test_an_unknown_noise_is_refused():
    with pytest.raises(ValueError, match="noise must be .* got 'zipf'"):
        NoiseDistribution.from_name("zipf", COUNTS)


# Vocabularies


@pytest.mark.parametrize(
    ("settings", "words", "counts"),
    [
        ({}, ["b", "a", "d", "c", "e"], [0, 0, 3, 2, 2, 1, 1]),
        ({"min_count": 2}, ["b", "a", "d"], [0, 2, 3, 2, 2]),
        ({"size": 2}, ["b", "a"], [0, 4, 3, 2]),
        ({"min_count": 2, "size": 4}, ["b", "a", "d"], [0, 2, 3, 2, 2]),
        ({"min_count": 9}, [], [0, 9]),
    ],
)
def test_frequent_words_come_first_and_the_rest_is_counted_together(settings, words, counts):
    for vocabulary in (
        Vocabulary.from_texts(TEXTS, **settings),
        Vocabulary(Counter(word for text in TEXTS for word in text), **settings),
    ):
        assert vocabulary.words == ["<pad>", "<unk>", *words]
        assert vocabulary.counts.tolist() == counts
        assert len(vocabulary) == len(counts)
        assert (vocabulary.pad_id, vocabulary.unknown_id) == (0, 1)


def test_the_order_of_the_texts_does_not_change_the_ids():
    assert Vocabulary.from_texts(TEXTS[::-1]).words == Vocabulary.from_texts(TEXTS).words


def test_a_word_an_id_and_a_count_are_found_from_one_another():
    vocabulary = Vocabulary.from_texts(TEXTS, min_count=2)
    assert vocabulary.index["d"] == 4
    assert vocabulary.words[4] == "d"
    assert [vocabulary.count(word) for word in ("d", UNKNOWN, PAD)] == [2, 2, 0]
    assert "d" in vocabulary and "e" not in vocabulary
    assert repr(vocabulary) == "Vocabulary(5 words, 9 occurrences)"
    with pytest.raises(KeyError, match="word must be one of the 5 words, got 'e'"):
        vocabulary.count("e")


def test_words_become_ids_and_ids_words():
    vocabulary = Vocabulary.from_texts(TEXTS, min_count=2)
    assert vocabulary.encode(["d", "e", "b", "z"]) == [4, 1, 2, 1]
    assert vocabulary.decode([4, 1, 2, 0]) == ["d", "<unk>", "b", "<pad>"]
    assert vocabulary.encode([]) == vocabulary.decode([]) == []


@given(texts=texts_of_words, min_count=st.integers(1, 3), size=st.none() | st.integers(1, 4))
def test_counts_are_those_of_the_ids_that_the_texts_become(texts, min_count, size):
    vocabulary = Vocabulary.from_texts(texts, min_count=min_count, size=size)
    ids = [vocabulary.encode(text) for text in texts]
    counts = Counter(i for text in ids for i in text)
    assert vocabulary.counts.tolist() == [counts[i] for i in range(len(vocabulary))]
    for text, own in zip(texts, ids, strict=True):
        known = [word if word in vocabulary else UNKNOWN for word in text]
        assert vocabulary.decode(own) == known
    frequencies = Counter(word for text in texts for word in text)
    left_out = {word for word in frequencies if word not in vocabulary}
    least = min((frequencies[word] for word in vocabulary.words[2:]), default=min_count)
    assert least >= min_count
    if size is None or len(vocabulary) < size + 2:
        assert all(frequencies[word] < min_count for word in left_out)
    else:
        assert all(frequencies[word] <= least for word in left_out)


@pytest.mark.parametrize("bad", [-1, 5])
def test_an_id_outside_the_vocabulary_is_refused(bad):
    with pytest.raises(IndexError, match=rf"ids must lie in \[0, 5\), got {bad}"):
        Vocabulary.from_texts(TEXTS, min_count=2).decode([0, bad])


def test_a_string_is_refused_where_words_are_wanted():
    message = "text must be a list of words, got 'to be'; cut it first"
    with pytest.raises(TypeError, match=message):
        Vocabulary.from_texts(["to be"])
    with pytest.raises(TypeError, match=message):
        Vocabulary.from_texts(TEXTS).encode("to be")


@pytest.mark.parametrize("name", ["min_count", "size"])
def test_sizes_of_a_vocabulary_that_are_no_positive_integer_are_refused(name):
    with pytest.raises(ValueError, match=f"{name} must be a positive integer, got 0"):
        Vocabulary.from_texts(TEXTS, **{name: 0})


@given(texts=texts_of_words)
def test_the_tokenizer_gives_the_ids_of_encode(texts):
    vocabulary = Vocabulary.from_texts(texts, min_count=2)
    tokenizer = vocabulary.tokenizer()
    assert len(tokenizer) == len(vocabulary)
    assert (tokenizer.pad_token_id, tokenizer.unk_token_id) == (0, 1)
    assert tokenizer.convert_ids_to_tokens(list(range(len(tokenizer)))) == vocabulary.words
    for text in texts:
        ids = tokenizer(" ".join(text), add_special_tokens=False)["input_ids"]
        assert ids == vocabulary.encode(text)


def test_a_vocabulary_stands_where_the_bert_tokenizer_does():
    from datasets import Dataset

    lines = ["B a , b c", "a b d e d", "b b a", "d e"] * 3
    texts = [line.lower().split() for line in lines]
    vocabulary = Vocabulary.from_texts(texts, min_count=4)
    parts = preprocess(
        Dataset.from_dict({"text": [" ".join(text) for text in texts]}), vocabulary.tokenizer()
    )
    ids = sorted(row["input_ids"] for part in parts for row in part)
    assert ids == sorted(vocabulary.encode(text) for text in texts)
    windows = WindowDataset.from_documents(
        [{"input_ids": vocabulary.encode(text)} for text in texts], 1, "pad", vocabulary.pad_id
    )
    assert windows.counts(len(vocabulary)).equal(vocabulary.counts)
    vectors = WordVectors.from_model(
        Word2Vec(len(vocabulary), 3, generator=seeded()), vocabulary.words, counts=vocabulary.counts
    )
    assert vectors.words == ["<unk>", "b", "a", "d", "e"]
    assert vocabulary_identity(vocabulary.tokenizer()).startswith("vocabulary-6-")


# Which occurrences stay


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
