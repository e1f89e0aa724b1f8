"""The noise distribution: its probabilities exactly, its draws within a stated bound."""

import oracles
import pytest
import torch
from golden import CHI_SQUARE_10, FOURTH_POWERS, FOURTH_POWERS_TO_THREE_QUARTERS, V
from hypothesis import given
from hypothesis import strategies as st

from w2v.vocabulary import NoiseDistribution

COUNTS = torch.tensor([0, 40, 7, 1, 300, 2, 2, 90, 11, 5, 60])  # of V ids, the first never seen


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
