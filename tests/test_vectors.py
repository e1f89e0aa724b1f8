"""Word vectors: cosines and nearest words against loops."""

import numpy as np
import oracles
import pytest
import torch
from golden import D, V
from hypothesis import given
from hypothesis import strategies as st

from w2v.model import Word2Vec
from w2v.vectors import WordVectors

WORDS = ["army", "bank", "cat", "dog", "east", "fish", "gold", "hat", "ice", "jam", "king"]
TABLE = np.random.default_rng(0).normal(size=(V, D)).astype(np.float32)
BY_WORD = dict(zip(WORDS, TABLE.astype(np.float64).tolist(), strict=True))
words = st.sampled_from(WORDS)


@pytest.fixture
def vectors():
    return WordVectors(WORDS, TABLE)


def assert_same_ranking(found, expected):
    assert [word for word, _ in found] == [word for word, _ in expected]
    assert [cosine for _, cosine in found] == pytest.approx(
        [cosine for _, cosine in expected], abs=1e-5
    )


@given(word=words, other=words)
def test_similarity_is_the_cosine_of_the_loop(word, other):
    found = WordVectors(WORDS, TABLE).similarity(word, other)
    assert isinstance(found, float)
    assert found == pytest.approx(oracles.cosine(BY_WORD[word], BY_WORD[other]), abs=1e-5)


@given(
    order=st.permutations(WORDS),
    n_positive=st.integers(1, 3),
    n_negative=st.integers(0, 2),
    topn=st.integers(1, 12),
)
def test_nearest_words_are_those_of_the_loop(order, n_positive, n_negative, topn):
    positive, negative = order[:n_positive], order[n_positive : n_positive + n_negative]
    found = WordVectors(WORDS, TABLE).most_similar(positive, negative, topn)
    assert_same_ranking(found, oracles.nearest(BY_WORD, positive, negative, topn))


def test_a_word_can_be_given_as_it_is(vectors):
    assert vectors.most_similar("cat") == vectors.most_similar(["cat"])
    assert vectors.most_similar("cat", "dog") == vectors.most_similar(["cat"], ["dog"])


def test_the_length_of_a_vector_does_not_count():
    scaled = TABLE * np.arange(1, V + 1, dtype=np.float32)[:, None]
    found = WordVectors(WORDS, scaled).most_similar(["cat", "dog"], ["hat"], topn=8)
    assert_same_ranking(found, WordVectors(WORDS, TABLE).most_similar(["cat", "dog"], ["hat"], 8))


def test_the_words_given_are_left_out(vectors):
    found = [word for word, _ in vectors.most_similar(["cat", "dog"], ["hat"], topn=V)]
    assert sorted(found) == sorted(set(WORDS) - {"cat", "dog", "hat"})
    assert len(vectors.most_similar(["cat", "cat"], topn=V)) == V - 1


def test_ten_words_are_given_unless_asked_otherwise(vectors):
    assert len(vectors.most_similar("cat")) == 10
    assert len(vectors.most_similar("cat", topn=3)) == 3


def test_equal_cosines_keep_the_order_of_the_words():
    same = WordVectors(["a", "b", "c", "d"], [[1.0, 0.0], [2.0, 0.0], [3.0, 0.0], [4.0, 0.0]])
    assert [word for word, _ in same.most_similar("c")] == ["a", "b", "d"]


def test_a_zero_vector_is_near_to_nothing_and_warns_of_nothing():
    vectors = WordVectors(["zero", "one", "two"], [[0.0, 0.0], [1.0, 0.0], [0.0, 2.0]])
    assert vectors.similarity("zero", "one") == 0.0
    assert vectors.most_similar("zero") == [("one", 0.0), ("two", 0.0)]
    assert vectors.most_similar("one") == [("zero", 0.0), ("two", 0.0)]
    assert vectors.unit_vectors.tolist() == [[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]


def test_words_are_looked_up_by_name(vectors):
    assert len(vectors) == V
    assert "cat" in vectors and "cow" not in vectors
    assert vectors["cat"].tolist() == TABLE[2].tolist()
    assert vectors.vectors.dtype == np.float32


@pytest.mark.parametrize(
    "call",
    [
        lambda v: v["cow"],
        lambda v: v.similarity("cow", "cat"),
        lambda v: v.similarity("cat", "cow"),
        lambda v: v.most_similar("cow"),
        lambda v: v.most_similar("cat", ["cow"]),
    ],
)
def test_an_unknown_word_is_refused(vectors, call):
    with pytest.raises(KeyError, match="word must be one of the 11 words, got 'cow'"):
        call(vectors)


def test_a_query_without_words_is_refused(vectors):
    with pytest.raises(ValueError, match="positive must hold a word or more, got none"):
        vectors.most_similar([])


def test_words_and_vectors_must_agree_in_number():
    with pytest.raises(ValueError, match=r"a row for each of 11 words, got shape \(10, 7\)"):
        WordVectors(WORDS, TABLE[:10])


def test_no_word_may_stand_twice():
    with pytest.raises(ValueError, match="words must differ, got 1 twice"):
        WordVectors([*WORDS[:10], "cat"], TABLE)


# from_model


def test_a_model_gives_its_center_table():
    model = Word2Vec(V, D)
    vectors = WordVectors.from_model(model, WORDS)
    assert vectors.words == WORDS
    assert vectors.vectors.tolist() == model.center_embeddings.weight.tolist()


def test_what_is_kept_does_not_change_with_further_training():
    model = Word2Vec(V, D)
    vectors = WordVectors.from_model(model, WORDS)
    before = vectors.vectors.tolist()
    with torch.no_grad():
        model.center_embeddings.weight.zero_()
    assert vectors.vectors.tolist() == before


@pytest.mark.parametrize(("min_count", "kept"), [(0, 11), (1, 10), (3, 8), (300, 1)])
def test_words_that_were_seldom_seen_can_be_left_out(min_count, kept):
    counts = torch.tensor([0, 40, 7, 1, 300, 2, 3, 90, 11, 5, 60])
    model = Word2Vec(V, D)
    vectors = WordVectors.from_model(model, WORDS, counts=counts, min_count=min_count)
    expected = [word for word, n in zip(WORDS, counts.tolist(), strict=True) if n >= min_count]
    assert len(expected) == kept
    assert vectors.words == expected
    for word in expected:
        row = model.center_embeddings.weight[WORDS.index(word)]
        assert vectors[word].tolist() == row.tolist()


def test_a_model_wants_a_word_for_each_id():
    with pytest.raises(ValueError, match="words must be 11, one for each id, got 10"):
        WordVectors.from_model(Word2Vec(V, D), WORDS[:10])
