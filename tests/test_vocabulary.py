"""Vocabularies: which words have an id, and which texts become which ids."""

from collections import Counter

import pandas
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from w2v.model import Word2Vec
from w2v.text.corpus import preprocess, vocabulary_identity
from w2v.text.vocabulary import PAD, UNKNOWN, Vocabulary, make_tokenizer
from w2v.vectors.words import WordVectors
from w2v.windows import WindowDataset

TEXTS = [["b", "a", "b", "c"], [], ["a", "b", "d", "e", "d"]]  # b 3, a 2, d 2, c 1, e 1
texts_of_words = st.lists(
    st.lists(st.sampled_from([*"abcde", "don't", "U.S.", PAD, UNKNOWN])), max_size=6
)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


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
    with pytest.raises(TypeError, match="text must be a list of words, got 'to be'; cut it first"):
        Vocabulary.from_texts(["to be"])
    with pytest.raises(TypeError, match="words must be a list of strings, got 'to be'"):
        Vocabulary.from_texts(TEXTS).encode("to be")
    with pytest.raises(TypeError, match="words must be strings, got 3"):
        Vocabulary.from_texts(TEXTS).encode(["to", 3])


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


@given(
    texts=st.lists(
        st.lists(st.sampled_from(["a", "B", "c!", " ", PAD, UNKNOWN, "<", "pad>"])).map("".join)
    )
)
def test_counts_of_strings_are_those_of_the_ids_that_the_tokenizer_gives(texts):
    vocabulary = Vocabulary.from_strings(texts)
    tokenizer = vocabulary.tokenizer()
    counts = Counter(i for text in texts for i in tokenizer(text)["input_ids"])
    assert vocabulary.counts.tolist() == [counts[i] for i in range(len(vocabulary))]


def test_a_column_of_a_frame_is_taken_and_an_accent_is_written_in_one_way():
    column = pandas.Series(["Caf\u00e9", "cafe\u0301 bar"], index=[7, 9])
    vocabulary = Vocabulary.from_strings(column)
    assert vocabulary.words[2:] == ["caf\u00e9", "bar"] and vocabulary.count("caf\u00e9") == 2
    ids = [vocabulary.tokenizer()(text)["input_ids"] for text in column]
    assert ids == [[2], [2, 3]]


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


@pytest.mark.parametrize(
    ("vocabulary", "text", "ids"),
    [
        (Vocabulary.from_texts([["Rain,", "today"]]), "Rain, today", [2, 3]),
        (Vocabulary.from_texts([["\u4e2d\u56fd"]]), "\u4e2d\u56fd", [2]),
        (Vocabulary.from_strings(["rain today, J\u030c"]), "Today,rain J\u030c", [5, 2, 4, 3]),
    ],
)
def test_the_words_of_a_file_cut_texts_as_their_vocabulary_did(vocabulary, text, ids):
    found = make_tokenizer(vocabulary.words)(text)["input_ids"]
    assert found == vocabulary.tokenizer()(text)["input_ids"]
    assert sorted(found) == sorted(ids) and 1 not in found
