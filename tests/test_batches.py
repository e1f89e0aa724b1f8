"""Batches: 2R positives and 2KR negatives for each word, drawn anew from the whole vocabulary."""

import pickle
from collections import Counter
from dataclasses import replace
from functools import partial

import oracles
import pytest
import torch
from golden import CHI_SQUARE_10, FOURTH_POWERS, FOURTH_POWERS_TO_THREE_QUARTERS, PAD, B, K, R, V
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.data import ConcatDataset, DataLoader, Subset

from w2v.batches import NoiseDistribution, collate_fn, make_loader
from w2v.windows import WindowDataset, flatten_dataset_to_list

COUNTS = torch.tensor([0, 40, 7, 1, 300, 2, 2, 90, 11, 5, 60])  # of V ids, the first never seen
PAIRS = [(4, [1, 2, 3, 5]), (5, [2, 3, 4, 6]), (6, [3, 4, 5, 7])]  # B = 3 words at R = 2


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def as_tensors(pairs):
    words, contexts = zip(*pairs, strict=True)
    return list(zip(torch.tensor(words), torch.tensor(contexts), strict=True))


def all_negatives(loader):
    return torch.cat([batch["negative_context_ids"].flatten() for batch in loader])


# collate_fn: Q3.6


def test_a_batch_holds_the_three_keys_of_the_assignment():
    batch = collate_fn(PAIRS, K, V, generator=seeded())
    assert list(batch) == ["word_id", "positive_context_ids", "negative_context_ids"]


def test_negatives_outnumber_positives_by_ratio():
    batch = collate_fn(PAIRS, K, V, generator=seeded())
    assert batch["word_id"].shape == (3,)
    assert batch["positive_context_ids"].shape == (3, 4)
    assert batch["negative_context_ids"].shape == (3, 20)
    assert all(ids.dtype == torch.int64 for ids in batch.values())


def test_words_and_positives_are_those_of_the_pairs():
    batch = collate_fn(PAIRS, K, V, generator=seeded())
    assert batch["word_id"].tolist() == [4, 5, 6]
    assert batch["positive_context_ids"].tolist() == [context for _, context in PAIRS]


@given(
    n=st.integers(1, 4), radius=st.integers(1, 3), ratio=st.integers(1, 6), size=st.integers(1, 9)
)
def test_shapes_and_range_hold_at_every_size(n, radius, ratio, size):
    batch = collate_fn([(0, [0] * (2 * radius))] * n, ratio, size, generator=seeded())
    negatives = batch["negative_context_ids"]
    assert batch["word_id"].shape == (n,)
    assert batch["positive_context_ids"].shape == (n, 2 * radius)
    assert negatives.shape == (n, 2 * ratio * radius)
    assert 0 <= negatives.min() and negatives.max() < size


@pytest.mark.parametrize("noise", [None, "uniform"])
def test_integers_and_tensors_give_the_same_batch(noise):
    noise = noise and NoiseDistribution.from_name(noise, torch.ones(V))
    listed = collate_fn(PAIRS, K, V, noise=noise, generator=seeded())
    gathered = collate_fn(as_tensors(PAIRS), K, V, noise=noise, generator=seeded())
    assert listed.keys() == gathered.keys()
    for name in listed:
        assert listed[name].equal(gathered[name])
        assert listed[name].dtype == gathered[name].dtype == torch.int64


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("named", [False, True])
def test_negatives_are_uniform_over_the_whole_vocabulary(named, seed):
    # 3 x 8,000 draws over 11 ids, most of them in no document. Bound: 99.9 % quantile.
    noise = NoiseDistribution.from_name("uniform", torch.tensor([9] + [0] * 10)) if named else None
    batch = collate_fn(PAIRS, 2_000, V, noise=noise, generator=seeded(seed))
    draws = batch["negative_context_ids"].flatten().tolist()
    assert set(draws) == set(range(V))
    assert oracles.chi_square(draws, [1 / V] * V) < CHI_SQUARE_10, f"seed {seed}"


def test_negatives_come_from_the_noise_given():
    noise = NoiseDistribution.from_name("unigram^0.75", COUNTS)
    batch = collate_fn(PAIRS, 2_000, V, noise=noise, generator=seeded())
    draws = batch["negative_context_ids"].flatten().tolist()
    expected = oracles.noise_probabilities(COUNTS.tolist(), 0.75)
    assert oracles.chi_square(draws, expected) < CHI_SQUARE_10


@pytest.mark.parametrize("step", [1, -1])
def test_tensors_and_lists_may_stand_in_one_batch(step):
    pairs = [(torch.tensor(1), torch.tensor([0, 2])), (3, [4, 1])][::step]
    batch = collate_fn(pairs, 1, 6)
    assert batch["word_id"].tolist() == [1, 3][::step]
    assert batch["positive_context_ids"].tolist() == [[0, 2], [4, 1]][::step]


def test_the_seed_decides_the_negatives():
    first = collate_fn(PAIRS, K, V, generator=seeded(1))["negative_context_ids"]
    assert collate_fn(PAIRS, K, V, generator=seeded(1))["negative_context_ids"].equal(first)
    assert not collate_fn(PAIRS, K, V, generator=seeded(2))["negative_context_ids"].equal(first)


def test_without_a_generator_the_global_one_is_used():
    torch.manual_seed(5)
    first = collate_fn(PAIRS, K, V)["negative_context_ids"]
    torch.manual_seed(5)
    assert collate_fn(PAIRS, K, V)["negative_context_ids"].equal(first)


def test_the_rows_of_a_batch_do_not_share_their_negatives():
    negatives = collate_fn(PAIRS, 50, V, generator=seeded())["negative_context_ids"]
    assert not negatives[0].equal(negatives[1])


@pytest.mark.parametrize("batch", [[(0, [0, 0])], [(torch.tensor(0), torch.tensor([0, 0]))]])
def test_the_smallest_batch_keeps_its_axes(batch):
    found = collate_fn(batch, 1, 1)
    assert {name: tuple(ids.shape) for name, ids in found.items()} == {
        "word_id": (1,),
        "positive_context_ids": (1, 2),
        "negative_context_ids": (1, 2),
    }
    assert found["negative_context_ids"].tolist() == [[0, 0]]


def test_a_bound_collate_fn_can_be_pickled():
    noise = NoiseDistribution.from_name("unigram^0.75", torch.arange(V))
    bound = partial(collate_fn, K=K, vocab_size=V, noise=noise, generator=seeded(3))
    copy = pickle.loads(pickle.dumps(bound))
    assert copy(PAIRS)["negative_context_ids"].equal(bound(PAIRS)["negative_context_ids"])


@pytest.mark.parametrize("name", ["K", "vocab_size"])
@pytest.mark.parametrize(("value", "error"), [(0, ValueError), (-2, ValueError), (1.5, TypeError)])
def test_sizes_that_are_no_positive_integer_are_refused(name, value, error):
    sizes = {"K": K, "vocab_size": V, name: value}
    with pytest.raises(error, match=f"{name} must be a positive integer, got {value!r}"):
        collate_fn(PAIRS, **sizes)


@pytest.mark.parametrize("pad_id", [-1, 0, 7])
def test_a_pad_id_adds_the_mask_of_the_padded_places(pad_id):
    pairs = [(4, [pad_id, 2, 3, 5]), (5, [pad_id, pad_id, 4, 6]), (6, [3, 4, 5, 1])]
    batch = collate_fn(pairs, K, V, pad_id=pad_id, generator=seeded())
    mask = [[c != pad_id for c in contexts] for _, contexts in pairs]
    assert batch["positive_mask"].tolist() == mask
    assert batch["positive_mask"].dtype == torch.bool
    kept = batch["positive_context_ids"][batch["positive_mask"]].tolist()
    assert kept == [c for _, contexts in pairs for c in contexts if c != pad_id]
    assert batch["positive_context_ids"].min() >= 0  # every id has a row
    plain = collate_fn(PAIRS, K, V, generator=seeded())
    assert plain["negative_context_ids"].equal(batch["negative_context_ids"])


@pytest.mark.parametrize("bad", [-1, V])
@pytest.mark.parametrize("pad_id", [None, 0])
def test_ids_outside_the_vocabulary_are_refused(bad, pad_id):
    for pair in ((bad, [1, 2, 3, 5]), (4, [1, 2, 3, bad])):
        with pytest.raises(IndexError, match=rf"ids in \[0, 11\), got ({bad} \.|1 \.\.\. {bad})"):
            collate_fn([pair], K, V, pad_id=pad_id)


@pytest.mark.parametrize(
    ("pair", "got"),
    [
        (1, "pairs .*, got 1"),
        ((1,), r"pairs .*, got \(1,\)"),
        ((1, [2], 3), r"pairs .*, got \(1, \[2\], 3\)"),
        ({"word_id": 1}, "pairs .*, got {'word_id': 1}"),
        ("ab", "pairs .*, got 'ab'"),
        ((1, [2, "x"]), r"integer ids, got \[2, 'x'\]"),
        ((None, [1, 2]), "integer ids, got None"),
        (([1], [1, 2]), "pairs of an id and a list of ids"),
        ((1, 2), "pairs of an id and a list of ids"),
        ((1, [[2]]), "pairs of an id and a list of ids"),
        ((1, []), "pairs of an id and a list of ids"),
    ],
)
def test_what_is_no_pair_is_refused(pair, got):
    with pytest.raises(TypeError, match=f"batch must hold {got}"):
        collate_fn([pair], K, V)


@pytest.mark.parametrize("kind", [list, torch.tensor])
def test_windows_of_different_radii_are_refused(kind):
    message = "batch must hold words with equally many contexts, got .*; take one radius"
    with pytest.raises(ValueError, match=message):
        collate_fn([(1, kind([2, 3])), (1, kind([2, 3, 4, 5]))], K, V)


# make_loader: Q3.7


@pytest.fixture
def dataset(documents):
    return WindowDataset.from_documents(documents, R)  # 5 + 1 + 2 = 8 windows


def test_a_loader_serves_every_window_once(dataset, documents, config):
    served = Counter()
    for batch in make_loader(dataset, config, V, generator=seeded()):
        contexts = map(tuple, batch["positive_context_ids"].tolist())
        served.update(zip(batch["word_id"].tolist(), contexts, strict=True))
    words, contexts = flatten_dataset_to_list(documents, R)
    assert served == Counter(zip(words, map(tuple, contexts), strict=True))


def test_the_last_batch_is_short_and_kept(dataset, config):
    loader = make_loader(dataset, config, V, generator=seeded())
    shapes = [tuple(batch["negative_context_ids"].shape) for batch in loader]
    assert len(dataset) == 8
    assert shapes == [(3, 2 * K * R), (3, 2 * K * R), (2, 2 * K * R)]


def test_each_pass_has_its_own_order_and_its_own_negatives(config):
    dataset = WindowDataset.from_documents([{"input_ids": list(range(40))}], R)
    loader = make_loader(dataset, config, 40, generator=seeded())
    orders, negatives = [], []
    for _ in range(2):
        batches = list(loader)
        orders.append([word for batch in batches for word in batch["word_id"].tolist()])
        negatives.append(all_negatives(batches))
    in_text_order = list(range(R, 40 - R))
    assert sorted(orders[0]) == sorted(orders[1]) == in_text_order
    assert in_text_order not in orders
    assert orders[0] != orders[1]
    assert not negatives[0].equal(negatives[1])


def test_two_loaders_of_the_same_seed_serve_the_same_batches(dataset, config):
    for noise in (None, NoiseDistribution.from_name("unigram^0.75", dataset.counts(V))):
        first, second, other = (
            list(make_loader(dataset, config, V, generator=seeded(s), noise=noise))
            for s in (6, 6, 7)
        )
        for left, right in zip(first, second, strict=True):
            assert all(left[name].equal(right[name]) for name in left)
        assert not all_negatives(first).equal(all_negatives(other))


def test_a_loader_that_does_not_shuffle_keeps_the_order_of_the_text(dataset, documents, config):
    loader = make_loader(dataset, config, V, generator=seeded(), shuffle=False)
    order = [word for batch in loader for word in batch["word_id"].tolist()]
    assert order == flatten_dataset_to_list(documents, R)[0]


def test_negatives_reach_ids_that_no_document_holds(config):
    dataset = WindowDataset.from_documents([{"input_ids": [1, 2] * 40}], R)
    assert set(all_negatives(make_loader(dataset, config, V, generator=seeded())).tolist()) == set(
        range(V)
    )


def test_a_loader_serves_a_list_of_pairs_as_well(config):
    pairs = list(zip(*flatten_dataset_to_list([{"input_ids": range(9)}], R), strict=True))
    batches = list(make_loader(pairs, config, V, generator=seeded(), shuffle=False))
    assert batches[0]["positive_context_ids"].tolist() == [pair[1] for pair in pairs[:B]]
    assert [len(batch["word_id"]) for batch in batches] == [3, 2]


@pytest.mark.parametrize("wrap", [lambda d: d, lambda d: Subset(d, range(len(d)))])
def test_the_batches_of_padded_windows_hold_their_mask(config, wrap):
    dataset = WindowDataset.from_documents([{"input_ids": [1, 2, 3]}], R, "pad", PAD)
    (batch,) = make_loader(wrap(dataset), config, V, generator=seeded(), shuffle=False)
    expected = [[False, False, True, True], [False, True, True, False], [True, True, False, False]]
    assert batch["positive_mask"].tolist() == expected


def test_windows_that_are_padded_in_different_ways_are_not_joined(config):
    parts = [WindowDataset.from_documents([range(9)], R, *how) for how in ([], ["pad", PAD])]
    for joined in (ConcatDataset(parts), Subset(ConcatDataset(parts[::-1]), [0])):
        with pytest.raises(ValueError, match="dataset must join windows of one border and pad_id"):
            make_loader(joined, config, V, generator=seeded())


def test_the_batches_of_dropped_borders_hold_no_mask(dataset, config):
    for batch in make_loader(dataset, config, V, generator=seeded()):
        assert len(batch) == 3


def test_a_loader_asks_for_whole_batches_and_works_alone(dataset, config):
    loader = make_loader(dataset, config, V, generator=seeded())
    assert isinstance(loader, DataLoader)
    assert loader.num_workers == 0
    assert hasattr(loader.dataset, "__getitems__")


def test_sizes_of_one_keep_every_axis(config):
    dataset = WindowDataset.from_documents([{"input_ids": [1, 2]}], 1, "pad", PAD)
    smallest = replace(config, batch_size=1, ratio=1, radius=1, border="pad")
    for batch in make_loader(dataset, smallest, V, generator=seeded()):
        assert batch["word_id"].shape == (1,)
        assert batch["positive_context_ids"].shape == batch["negative_context_ids"].shape == (1, 2)


# NoiseDistribution: Q3.6


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
