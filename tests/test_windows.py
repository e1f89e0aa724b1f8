"""Center words and contexts: the lists against a loop, and the Dataset against the lists."""

import pickle

import oracles
import pytest
import torch
from golden import PAD, WINDOWS_OF_SEVEN, R, V
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.data import DataLoader, Dataset

from w2v.engines.thinning import subsample, vary_radii
from w2v.windows import (
    NO_WORD,
    WindowDataset,
    extract_words_contexts,
    flatten_dataset_to_list,
)

BORDERS = ("drop", "shift", "pad")
ids_lists = st.lists(st.integers(0, V - 1), max_size=14)
radii = st.integers(1, 4)
borders = st.sampled_from(BORDERS)


def listed(samples):
    """Samples of tensors as plain pairs (w, C+)."""
    return [(word.item(), contexts.tolist()) for word, contexts in samples]


def rows(documents):
    return [{"input_ids": ids} for ids in documents]


# Lists: Q3.2 - Q3.4


@pytest.mark.parametrize("border", BORDERS)
def test_windows_of_seven_words_are_those_written_by_hand(border):
    assert extract_words_contexts(list(range(7)), 2, border, PAD) == WINDOWS_OF_SEVEN[border]


def test_borders_are_dropped_unless_asked_otherwise():
    assert extract_words_contexts(list(range(7)), 2) == WINDOWS_OF_SEVEN["drop"]


@given(ids=ids_lists, radius=radii, border=borders)
def test_windows_are_those_of_the_loop(ids, radius, border):
    found = extract_words_contexts(ids, radius, border, PAD)
    assert found == oracles.windows(ids, radius, border, PAD)


@pytest.mark.parametrize("border", BORDERS)
@pytest.mark.parametrize("radius", [1, 2, 3])
@pytest.mark.parametrize("extra", [-3, -2, -1, 0, 1])
def test_windows_at_the_shortest_documents_are_those_of_the_loop(border, radius, extra):
    ids = list(range(10, 10 + max(0, 2 * radius + 1 + extra)))
    found = extract_words_contexts(ids, radius, border, PAD)
    assert found == oracles.windows(ids, radius, border, PAD)


@pytest.mark.parametrize("border", BORDERS)
def test_an_empty_document_has_no_window(border):
    assert extract_words_contexts([], 2, border) == ([], [])


def test_a_single_word_is_a_center_only_where_borders_are_padded():
    assert extract_words_contexts([8], 1, "drop") == ([], [])
    assert extract_words_contexts([8], 1, "shift") == ([], [])
    assert extract_words_contexts([8], 1, "pad", PAD) == ([8], [[PAD, PAD]])


def test_a_document_of_two_radius_words_is_too_short_and_one_more_is_enough():
    assert extract_words_contexts([1, 2, 3, 4], 2, "drop") == ([], [])
    assert extract_words_contexts([1, 2, 3, 4], 2, "shift") == ([], [])
    assert extract_words_contexts([1, 2, 3, 4, 5], 2, "drop") == ([3], [[1, 2, 4, 5]])
    assert extract_words_contexts([1, 2, 3, 4, 5], 2, "shift")[0] == [1, 2, 3, 4, 5]


@given(ids=ids_lists, radius=radii, border=borders)
def test_every_context_has_two_radius_ids(ids, radius, border):
    words, contexts = extract_words_contexts(ids, radius, border, PAD)
    assert len(words) == len(contexts)
    assert all(len(context) == 2 * radius for context in contexts)


@given(n=st.integers(0, 20), radius=radii)
def test_a_document_gives_as_many_windows_as_its_border_rule_says(n, radius):
    def count(border):
        return len(extract_words_contexts(list(range(n)), radius, border)[0])

    assert count("drop") == max(0, n - 2 * radius)
    assert count("shift") == (n if n >= 2 * radius + 1 else 0)
    assert count("pad") == n


@given(ids=ids_lists, radius=radii, border=borders)
def test_reversing_a_document_reverses_its_windows(ids, radius, border):
    words, contexts = extract_words_contexts(ids, radius, border, PAD)
    back_words, back_contexts = extract_words_contexts(ids[::-1], radius, border, PAD)
    assert back_words == words[::-1]
    assert back_contexts == [context[::-1] for context in contexts[::-1]]


@given(n=st.integers(0, 14), radius=radii, border=borders)
def test_no_place_is_its_own_context_and_none_is_met_twice(n, radius, border):
    for word, context in zip(*extract_words_contexts(range(n), radius, border, -1), strict=True):
        inside = [c for c in context if c != -1]
        assert word not in inside
        assert inside == sorted(set(inside))


def test_reading_windows_leaves_the_document_as_it_was():
    ids = list(range(7))
    extract_words_contexts(ids, 2, "pad")
    assert ids == list(range(7))


@given(documents=st.lists(ids_lists, max_size=4), radius=radii, border=borders)
def test_flattening_is_joining_the_windows_of_each_document(documents, radius, border):
    found = flatten_dataset_to_list(rows(documents), radius, border, PAD)
    assert found == oracles.flatten(documents, radius, border, PAD)


@given(left=st.lists(ids_lists, max_size=3), right=st.lists(ids_lists, max_size=3), border=borders)
def test_flattening_a_joined_dataset_joins_the_flattened_parts(left, right, border):
    words, contexts = flatten_dataset_to_list(rows(left), R, border, PAD)
    more_words, more_contexts = flatten_dataset_to_list(rows(right), R, border, PAD)
    both = flatten_dataset_to_list(rows(left + right), R, border, PAD)
    assert both == (words + more_words, contexts + more_contexts)


@pytest.mark.parametrize("border", BORDERS)
def test_no_context_crosses_a_document_border(border):
    documents = rows([[10 * d + i for i in range(8)] for d in range(1, 6)])
    lazy = WindowDataset.from_documents(documents, 3, border, 0)
    flat = zip(*flatten_dataset_to_list(documents, 3, border, 0), strict=True)
    for pairs in (flat, listed(lazy)):
        for word, context in pairs:
            assert {c // 10 for c in context if c} == {word // 10}


@pytest.mark.parametrize("call", [extract_words_contexts, flatten_dataset_to_list])
@pytest.mark.parametrize(
    ("radius", "error"), [(0, ValueError), (-1, ValueError), (2.0, TypeError), (True, TypeError)]
)
def test_a_radius_that_is_no_positive_integer_is_refused(call, radius, error):
    given_rows = [1, 2, 3] if call is extract_words_contexts else rows([[1, 2, 3]])
    with pytest.raises(error, match=f"R must be a positive integer, got {radius!r}"):
        call(given_rows, radius)
    with pytest.raises(error, match=f"radius must be a positive integer, got {radius!r}"):
        WindowDataset.from_documents(rows([[1, 2, 3]]), radius)


def test_an_unknown_border_rule_is_refused():
    message = "border must be one of 'drop', 'shift', 'pad', got 'wrap'"
    with pytest.raises(ValueError, match=message):
        extract_words_contexts([1, 2, 3], 1, "wrap")
    with pytest.raises(ValueError, match=message):
        WindowDataset.from_documents(rows([[1, 2, 3]]), 1, "wrap")


# Dataset: Q3.5


@given(documents=st.lists(ids_lists, max_size=5), radius=radii, border=borders)
def test_the_dataset_serves_the_flattened_lists(documents, radius, border):
    words, contexts = oracles.flatten(documents, radius, border, PAD)
    if not words:
        with pytest.raises(ValueError, match="dataset must hold a document"):
            WindowDataset.from_documents(rows(documents), radius, border, PAD)
        return
    dataset = WindowDataset.from_documents(rows(documents), radius, border, PAD)
    assert isinstance(dataset, Dataset)
    assert len(dataset) == len(words)
    assert listed(dataset) == list(zip(words, contexts, strict=True))
    batch_words, batch_contexts = dataset.gather(range(len(dataset)))
    assert batch_words.tolist() == words
    assert batch_contexts.tolist() == contexts


@pytest.mark.parametrize("border", BORDERS)
def test_a_batch_of_any_indices_holds_those_items(documents, border):
    dataset = WindowDataset.from_documents(documents, R, border, PAD)
    indices = torch.randint(len(dataset), (40,), generator=torch.Generator().manual_seed(0))
    words, contexts = dataset.gather(indices.tolist())
    assert (words.shape, contexts.shape) == ((40,), (40, 2 * R))
    assert words.dtype == contexts.dtype == torch.int64
    pairs = list(zip(words.tolist(), contexts.tolist(), strict=True))
    assert pairs == listed(dataset[i] for i in indices.tolist())
    assert pairs == listed(dataset.__getitems__(indices.tolist()))


@pytest.mark.parametrize("border", BORDERS)
def test_a_shuffling_loader_serves_each_pair_of_the_lists_once(documents, border):
    dataset = WindowDataset.from_documents(documents, R, border, PAD)
    loader = DataLoader(
        dataset,
        batch_size=4,
        shuffle=True,
        generator=torch.Generator().manual_seed(1),
        collate_fn=listed,
    )
    served = [pair for batch in loader for pair in batch]
    expected = list(zip(*flatten_dataset_to_list(documents, R, border, PAD), strict=True))
    assert served != expected
    assert sorted(served) == sorted(expected)


def test_items_can_be_walked_and_counted_from_the_end(documents):
    dataset = WindowDataset.from_documents(documents, R)
    items = listed(dataset)
    assert len(items) == len(dataset)
    assert listed([dataset[-1]]) == items[-1:]


def test_an_index_outside_the_dataset_is_refused(documents):
    dataset = WindowDataset.from_documents(documents, R)
    for index in (len(dataset), -1):
        with pytest.raises(IndexError, match=rf"index must lie in \[0, {len(dataset)}\), got"):
            dataset.gather([0, index])
    with pytest.raises(IndexError):
        dataset[len(dataset)]


@pytest.mark.parametrize("border", BORDERS)
def test_no_window_is_stored(border):
    n_documents, n_words = 20, 500
    documents = rows([list(range(n_words))] * n_documents)
    dataset = WindowDataset.from_documents(documents, 5, border)
    assert dataset.tokens.dtype == torch.int32
    held = [value for value in vars(dataset).values() if isinstance(value, torch.Tensor)]
    n_bytes = sum(tensor.untyped_storage().nbytes() for tensor in held)
    assert n_bytes <= 4 * n_documents * n_words + 2 * 8 * (n_documents + 1)
    assert len(pickle.dumps(dataset)) < n_bytes + 3000  # whatever else it holds is small


def test_no_long_enough_document_is_an_error_that_says_so():
    message = (
        r"dataset must hold a document of 5 words \(2R\+1\) or more, "
        "got 2 documents of at most 4; lower R, add longer documents or take border='pad'"
    )
    for border in ("drop", "shift"):
        with pytest.raises(ValueError, match=message):
            WindowDataset.from_documents(rows([[1, 2, 3, 4], [1]]), 2, border)


@pytest.mark.parametrize("border", BORDERS)
def test_an_empty_corpus_is_an_error_that_says_so(border):
    with pytest.raises(ValueError, match="dataset must hold .* got 0 documents of at most 0"):
        WindowDataset.from_documents([], 2, border)
    with pytest.raises(ValueError, match="dataset must hold .* got 1 documents of at most 0"):
        WindowDataset.from_documents(rows([[]]), 2, border)


def test_only_padded_windows_have_an_id_for_padded_places():
    padded = WindowDataset.from_documents(rows([[1, 2, 3]]), 2, "pad", pad_id=7)
    assert padded.fill_id == 7
    for border in ("drop", "shift"):
        whole = WindowDataset.from_documents(rows([[1, 2, 3, 4, 5]]), 2, border, pad_id=7)
        assert whole.fill_id is None
        assert vary_radii(whole, torch.Generator().manual_seed(1)).fill_id == NO_WORD


def test_a_dataset_says_what_it_holds(documents):
    found = repr(WindowDataset.from_documents(documents, R))
    assert found == ("WindowDataset(8 windows of radius 2, border 'drop', 6 documents, 25 tokens)")


def test_counts_are_those_of_every_word_of_every_document(documents):
    counts = WindowDataset.from_documents(documents, R).counts(V)
    everything = [token for row in documents for token in row["input_ids"]]
    assert counts.dtype == torch.int64
    assert counts.tolist() == [everything.count(token) for token in range(V)]


@pytest.mark.parametrize("ids", [[1, 2, 11], [-1, 2, 3]])
def test_counting_refuses_ids_outside_the_vocabulary(ids):
    dataset = WindowDataset.from_documents(rows([ids]), 1)
    message = rf"input_ids must lie in \[0, 11\), got {min(ids)} \.\.\. {max(ids)}; tokenise with"
    with pytest.raises(ValueError, match=message):
        dataset.counts(V)


# Subsampling and varied radii


@pytest.mark.parametrize(
    ("rule", "threshold"), [("word2vec.c", 0.05), ("paper", 0.05), ("percentile", 50)]
)
def test_subsampling_keeps_the_share_of_its_rule(rule, threshold):
    # Bound: 5 standard deviations of a share of n occurrences kept, sqrt(p (1 - p) / n).
    draw = torch.Generator().manual_seed(0)
    weights = torch.tensor([0.9, 0.09, 0.01])
    text = torch.multinomial(weights, 100_000, replacement=True, generator=draw)
    dataset = WindowDataset.from_documents(rows(text.view(1000, 100).tolist()), R)
    before = dataset.counts(3)
    kept = subsample(dataset, before, threshold, draw, rule=rule)
    for n, found in zip(before.tolist(), kept.counts(3).tolist(), strict=True):
        share = oracles.keep_probability(n, before.tolist(), threshold, rule)
        assert abs(found / n - share) <= 5 * (share * (1 - share) / n) ** 0.5
    assert kept.offsets[-1] == len(kept.tokens) and len(kept.offsets) == len(dataset.offsets)


@pytest.mark.parametrize("border", BORDERS)
def test_subsampling_leaves_words_in_their_order_and_documents_apart(border):
    documents = [[1, 2, 1, 3, 1, 4, 1, 5, 1, 6], [], [1] * 3, [7, 1, 8, 1, 9, 1, 10, 1, 2, 3, 4]]
    dataset = WindowDataset.from_documents(rows(documents), 1, border)
    kept = subsample(dataset, dataset.counts(V), 0.05, torch.Generator().manual_seed(2))
    texts = [text.tolist() for text in kept.tokens.split(kept.offsets.diff().tolist())]
    assert 0 < len(kept.tokens) < len(dataset.tokens)
    for text, whole in zip(texts, documents, strict=True):
        remaining = iter(whole)
        assert all(word in remaining for word in text)  # a subsequence
    assert (kept.radius, kept.border, kept.pad_id) == (1, border, dataset.pad_id)


@given(documents=st.lists(ids_lists, min_size=1, max_size=4), radius=radii, border=borders)
def test_varied_windows_serve_the_contexts_within_the_radius_drawn(documents, radius, border):
    documents = [*documents, list(range(1, 2 * radius + 4))]
    dataset = WindowDataset.from_documents(rows(documents), radius, border, PAD)
    varied = vary_radii(dataset, torch.Generator().manual_seed(1))
    found = [(word, [c for c in row if c != varied.fill_id]) for word, row in listed(varied)]
    expected, drawn = [], iter(varied.radii.tolist())
    for ids in documents:
        for i, own_radius in zip(range(len(ids)), drawn, strict=False):
            if oracles.window_places(i, len(ids), radius, border) is not None:
                places = oracles.window_places(i, len(ids), own_radius, border)
                near = [ids[j] for j in places if 0 <= j < len(ids)]
                expected.append((ids[i], near))
    assert found == expected


@pytest.mark.parametrize("border", BORDERS)
def test_places_beyond_the_radius_hold_no_word_even_where_the_pad_is_one(border):
    dataset = WindowDataset.from_documents(rows([[0] * 50]), 2, border, pad_id=PAD)
    varied = vary_radii(dataset, torch.Generator().manual_seed(1))
    _, contexts = varied.gather(range(len(varied)))
    assert set(contexts.flatten().tolist()) == {0, NO_WORD}
    assert dataset.radii is None  # what was given stays as it is


def test_radii_are_drawn_alike_from_one_to_the_radius():
    dataset = WindowDataset.from_documents(rows([[1] * 6000]), 3)
    found = torch.bincount(vary_radii(dataset, torch.Generator().manual_seed(1)).radii)
    assert found[0] == 0 and len(found) == 4
    assert (found[1:] - 2000).abs().max() < 5 * (6000 * 2 / 9) ** 0.5  # 5 standard deviations


@pytest.mark.parametrize("border", BORDERS)
def test_a_varied_window_does_reach_its_radius_and_stays_in_its_document(border):
    # 40 documents of 9 words, each word its own id: an id tells document and place.
    dataset = WindowDataset.from_documents(
        rows([range(9 * d, 9 * d + 9) for d in range(40)]), 3, border, PAD
    )
    words, contexts = (varied := vary_radii(dataset, torch.Generator().manual_seed(1))).gather(
        range(len(dataset))
    )
    mask = contexts != varied.fill_id
    distance = (contexts - words.unsqueeze(1)).abs()[mask]
    assert (contexts // 9 == words.unsqueeze(1) // 9)[mask].all()
    farthest = 6 if border == "shift" else 3  # a window pushed inside reaches to 2R on one side
    assert distance.max() == farthest and distance.min() == 1


@pytest.mark.parametrize("lost", [2**31, -(2**31) - 1, 2**40])
def test_an_id_that_four_bytes_cannot_hold_is_named(lost):
    with pytest.raises(ValueError, match=rf"ids must lie in -2\*\*31 \.\.\. .*, got {lost}$"):
        extract_words_contexts([3, lost, 5, 6, 7], 2)


@pytest.mark.parametrize("border", ["drop", "shift", "pad"])
def test_the_counts_of_centers_are_those_of_the_words_that_are_listed(border):
    documents = [[1, 2, 3, 4, 5, 1], [2, 2], [], [3, 4, 5, 6, 7, 0]]
    dataset = WindowDataset.from_documents(documents, 2, border, pad_id=9)
    words, _ = flatten_dataset_to_list(documents, 2, border, pad_id=9)
    expected = [words.count(i) for i in range(10)]
    assert dataset.center_counts(10).tolist() == expected
    assert (dataset.center_counts(10) <= dataset.counts(10)).all()
