"""Word vectors: neighbours, odd words, judged pairs and analogies, against loops and gensim."""

import gzip
import math
import sys
import tracemalloc
import warnings
from inspect import signature

import numpy as np
import oracles
import pytest
import torch
from golden import D, V
from hypothesis import given
from hypothesis import strategies as st

import w2v.vectors.words
from w2v.checkpoint import save_model
from w2v.config import Word2VecConfig
from w2v.files import CheckpointError
from w2v.model import Word2Vec
from w2v.vectors.words import WordVectors

WORDS = ["army", "bank", "cat", "dog", "east", "fish", "gold", "hat", "ice", "jam", "king"]
TABLE = np.random.default_rng(0).normal(size=(V, D)).astype(np.float32)
BY_WORD = dict(zip(WORDS, TABLE.astype(np.float64).tolist(), strict=True))
words = st.sampled_from(WORDS)

# For the two evaluations: case variants of one word, and pairs and questions with unknown words.
CASED = ["Army", "bank", "Cat", "army", "dog", "CAT", "east", "fish", "ARMY", "gold", "hat"]
CASED_BY_WORD = dict(zip(CASED, TABLE.astype(np.float64).tolist(), strict=True))
PAIRS = [
    ("army", "bank", 7.5),
    ("Cat", "dog", 1.0),
    ("CAT", "dog", 3.0),
    ("cow", "dog", 9.0),
    ("east", "Fish", 3.0),
    ("gold", "hat", 3.0),
    ("dog", "dog", 10.0),
    ("ARMY", "east", 0.25),
    ("hat", "cow", 4.0),
]
NOT_FINITE = ("nan", "inf")
SETTINGS = [
    {"restrict_vocab": restrict, "case_insensitive": insensitive, "dummy4unknown": dummy}
    for restrict in (None, 7)
    for insensitive in (True, False)
    for dummy in (True, False)
]


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
    assert all(isinstance(cosine, float) for _, cosine in found)
    assert_same_ranking(found, oracles.nearest(BY_WORD, positive, negative, topn))


def test_a_word_can_be_given_as_it_is(vectors):
    assert vectors.most_similar("cat") == vectors.most_similar(["cat"])
    assert vectors.most_similar("cat", "dog") == vectors.most_similar(["cat"], ["dog"])
    assert vectors.most_similar(np.array(["cat", "dog"])) == vectors.most_similar(["cat", "dog"])


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


def test_few_neighbours_are_the_first_of_all():
    table = np.random.default_rng(1).integers(-1, 2, size=(300, 3)) + 0.0  # full of ties
    table[(table == 0).all(axis=1), 0] = 1.0
    many = WordVectors([str(row) for row in range(300)], table)
    every = many.most_similar("7", topn=299)
    assert [cosine for _, cosine in every] == sorted((c for _, c in every), reverse=True)
    for topn in range(1, 299):
        assert many.most_similar("7", topn=topn) == every[:topn]


def test_no_neighbour_is_left_where_all_words_are_given():
    assert WordVectors(["a", "b"], [[1.0, 0.0], [0.0, 1.0]]).most_similar(["a", "b"]) == []


def test_a_zero_vector_is_near_to_nothing_and_warns_of_nothing():
    vectors = WordVectors(["zero", "one", "two"], [[0.0, 0.0], [1.0, 0.0], [0.0, 2.0]])
    assert vectors.most_similar("one") == [("zero", 0.0), ("two", 0.0)]
    assert vectors.unit_vectors.tolist() == [[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]


@pytest.mark.parametrize(
    "call",
    [
        lambda v: v.most_similar("zero"),
        lambda v: v.most_similar("one", negative="zero"),
        lambda v: v.similarity("zero", "one"),
        lambda v: v.similarity("one", "zero"),
        lambda v: v.doesnt_match(["one", "zero"]),
    ],
)
def test_a_zero_vector_has_no_direction_to_ask_for(call):
    vectors = WordVectors(["zero", "one"], [[0.0, 0.0], [1.0, 0.0]])
    with pytest.raises(ValueError, match="word must have a vector other than 0, got 'zero'"):
        call(vectors)


def test_words_that_cancel_each_other_out_have_no_direction():
    message = r"must not cancel out, got \['a'\] and \['b'\]"
    left_over = []  # of two unit vectors that differ by what float32 rounds
    for row in TABLE:
        double = WordVectors(["a", "b", "c"], [row, row * np.float32(0.3), TABLE[0]])
        left_over.append(np.linalg.norm(np.subtract(*double.unit_vectors[:2])))
        with pytest.raises(ValueError, match=message):
            double.most_similar("a", "b")
    assert max(left_over) > 1e-8


def test_words_that_hardly_differ_have_a_direction_between_them():
    close = WordVectors(["a", "b", "c", "d"], [[1.0, 0.0], [1.0, 1e-3], [0.0, 1.0], [0.0, -1.0]])
    (near, cosine), (far, opposite) = close.most_similar("b", "a")
    assert (near, far) == ("c", "d")
    assert (cosine, opposite) == pytest.approx((1, -1), abs=1e-5)


@pytest.mark.parametrize("scale", [1e-38, 1e-30, 1.0, 1e30])
def test_very_short_and_very_long_vectors_have_unit_vectors(scale):
    vectors = WordVectors(["a", "b"], np.array([[3.0, 4.0], [1.0, 0.0]]) * scale)
    assert vectors.unit_vectors == pytest.approx(np.array([[0.6, 0.8], [1.0, 0.0]]), abs=1e-6)


def test_only_vectors_and_unit_vectors_are_held():
    table = np.random.default_rng(0).normal(size=(50_000, 20)).astype(np.float32)
    names = [str(row) for row in range(len(table))]
    many = WordVectors(names, table)
    tracemalloc.start()
    try:
        many.most_similar("7")
        held, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert np.shares_memory(many.vectors, table)
    assert table.nbytes <= held < 1.05 * table.nbytes
    assert peak < 1.5 * table.nbytes  # the rest: norms and cosines, a few numbers a word


def test_the_vector_of_a_word_cannot_be_changed_under_its_unit_vector(vectors):
    for vector in (vectors["cat"], vectors.get_vector("cat"), vectors.get_vector("cat", norm=True)):
        with pytest.raises(ValueError, match="read-only"):
            vector[0] = 1.0
    assert vectors.vectors.flags.writeable and vectors.unit_vectors.flags.writeable


@pytest.mark.parametrize("make", [np.array, lambda table: np.frombuffer(table.tobytes(), "f")])
def test_torch_takes_the_vectors_without_a_warning(make):
    vectors = WordVectors(WORDS, make(TABLE).reshape(V, D))
    tensor = torch.from_numpy(vectors.vectors)  # warnings are errors here
    tensor[2] = torch.arange(D) + 1.0
    before = vectors.similarity("cat", "dog"), vectors.most_similar("dog", topn=None)[2]
    tensor[2] *= -1
    vectors.fill_norms()  # keeps the unit vectors, as in gensim
    assert vectors.most_similar("dog", topn=None)[2] == before[1]
    vectors.fill_norms(force=True)
    assert vectors.similarity("cat", "dog") == -before[0]
    assert vectors.most_similar("dog", topn=None)[2] == pytest.approx(-before[1], abs=1e-6)


@pytest.mark.parametrize("dim", [1, 2, 3, 50, 300])
def test_no_cosine_is_outside_of_its_range(dim):
    table = np.random.default_rng(1).normal(size=(300, dim))
    table[::2] = table[1::2] * -3  # as many opposite vectors
    many = WordVectors([str(row) for row in range(300)], table)
    for word in many.words:
        assert many.similarity(word, word) == 1.0 and many.distance(word, word) == 0.0
        opposite = many.words[int(word) ^ 1]
        assert math.acos(many.similarity(word, opposite)) == pytest.approx(math.pi, abs=1e-6)
        for cosines in (many.most_similar(word, topn=None), 1 - many.distances(word)):
            assert abs(cosines).max() <= 1.0
        assert abs(many.cosine_similarities(many[word], many.vectors)).max() <= 1.0
        assert all(abs(cosine) <= 1 for _, cosine in many.most_similar(word, topn=300))


def test_a_cosine_with_a_vector_of_zeros_is_zero(vectors):
    table = np.array([[0.0, 0.0], [3.0, 0.0]])
    assert vectors.cosine_similarities(table[1], table).tolist() == [0.0, 1.0]
    assert vectors.cosine_similarities(table[0], table).tolist() == [0.0, 0.0]


QUERY = TABLE[0] - TABLE[1]
BAD_QUERIES = {
    "too short": (QUERY[:3], "a vector of 7 finite numbers, got array"),
    "two of them in one": ([TABLE[:2]], "a vector of 7 finite numbers, got array"),
    "not finite": (QUERY * np.float32("nan"), "a vector of 7 finite numbers"),
    "zero": (0 * QUERY, "word must have a vector other than 0"),
    "a number": ([0.5], "a vector of 7 finite numbers, got 0.5"),
    "None in it": ([None], "a vector of 7 finite numbers, got None"),
    "weight 0": ([("cat", 0.0)], "positive and negative must not cancel out"),
    "tiny and cancelled": ([(QUERY, 1e-9), (QUERY, -1e-9)], "must not cancel out"),
}


@pytest.mark.parametrize("positive, message", BAD_QUERIES.values(), ids=BAD_QUERIES.keys())
def test_what_has_no_direction_is_refused(vectors, positive, message):
    with np.errstate(all="ignore"), pytest.raises(ValueError, match=message):
        vectors.most_similar(positive)


def test_what_is_no_list_of_words_is_refused(vectors):
    with pytest.raises(TypeError, match="keys must be words, their rows or vectors, got 0.5"):
        vectors.most_similar(0.5)


def test_vectors_of_torch_are_taken(vectors):
    query = torch.nn.Parameter(torch.from_numpy(QUERY))
    assert vectors.most_similar(query) == vectors.most_similar(QUERY)
    assert vectors.most_similar([query, ("cat", 2)]) == vectors.most_similar([QUERY, ("cat", 2)])
    assert vectors.most_similar(query[None]) == vectors.most_similar(QUERY)
    assert vectors.similar_by_vector(QUERY.tolist()) == vectors.most_similar(QUERY)
    assert vectors.distances(query).tolist() == vectors.distances(QUERY).tolist()


def test_a_tiny_vector_has_the_direction_of_a_large_one(vectors):
    tiny, large = vectors.most_similar(1e-20 * QUERY), vectors.most_similar(1e20 * QUERY)
    assert_same_ranking(tiny, large)


@pytest.mark.parametrize("find", ["most_similar", "most_similar_cosmul", "similar_by_vector"])
def test_only_the_first_words_are_looked_at_where_asked(vectors, find):
    find = getattr(vectors, find)
    expected = [pair for pair in find(QUERY, topn=V) if WORDS.index(pair[0]) < 4]
    assert_same_ranking(find(QUERY, topn=V, restrict_vocab=4), expected)
    assert len(find(QUERY, topn=None, restrict_vocab=4)) == 4
    assert find(QUERY, restrict_vocab=0) == find(QUERY)  # as in gensim
    with pytest.raises(ValueError, match="restrict_vocab must be a positive integer, got -1"):
        find(QUERY, restrict_vocab=-1)


def test_means_of_no_words_and_wrong_weights_are_refused(vectors):
    with pytest.raises(ValueError, match="keys must hold a word or more, got none"):
        vectors.get_mean_vector([])
    message = r"weights must be 2 numbers, one for each key, got shape \(3,\)"
    with pytest.raises(ValueError, match=message):
        vectors.get_mean_vector(["cat", "dog"], [1, 2, 3])
    with pytest.raises(ZeroDivisionError, match=r"word or more each, got \[\] and \['cat'\]"):
        vectors.n_similarity([], ["cat"])
    with pytest.raises(ValueError, match="keys_list must hold a word or more, got none"):
        vectors.most_similar_to_given("cat", [])
    with pytest.raises(ValueError, match="topn must be a positive integer, got 0"):
        vectors.relative_cosine_similarity("cat", "dog", topn=0)


def test_unknown_words_are_left_out_with_a_warning(vectors):
    with pytest.warns(UserWarning, match=r"unknown words are left out: \['cow'\]"):
        assert vectors.doesnt_match(["cat", "cow"]) == "cat"
    with pytest.raises(ValueError, match="keys must hold a known word or more, got .'cow'."):
        vectors.vectors_for_all(["cow"])


# Into other libraries


@pytest.mark.parametrize("freeze", [True, False])
def test_an_embedding_layer_holds_a_copy_of_the_vectors(vectors, freeze):
    layer = vectors.to_embedding(freeze=freeze)
    assert layer.weight.requires_grad is not freeze
    ids = torch.tensor([vectors.key_to_index[word] for word in ("dog", "cat")])
    assert layer(ids).tolist() == [TABLE[3].tolist(), TABLE[2].tolist()]
    with torch.no_grad():
        layer.weight.zero_()
    assert vectors["cat"].tolist() == BY_WORD["cat"]


def test_a_frame_has_a_row_for_each_word(vectors):
    frame = vectors.to_frame()
    assert frame.index.tolist() == WORDS and frame.shape == (V, D)
    assert frame.loc["cat"].tolist() == TABLE[2].tolist()
    frame.loc["cat"] = 0.0
    assert vectors["cat"].tolist() == BY_WORD["cat"]


def test_words_are_looked_up_by_name(vectors):
    assert len(vectors) == V and repr(vectors) == "WordVectors(11 words, dim=7)"
    assert "cat" in vectors and "cow" not in vectors
    assert list(vectors) == vectors.words == vectors.index_to_key
    assert vectors.key_to_index == {word: row for row, word in enumerate(WORDS)}
    assert vectors.vector_size == D
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
        lambda v: v[["cat", "cow"]],
        lambda v: v.get_vector("cow"),
        lambda v: v.get_index("cow"),
        lambda v: v.distances("cow"),
        lambda v: v.distances("cat", ["cow"]),
        lambda v: v.rank("cat", "cow"),
        lambda v: v.most_similar_cosmul("cat", "cow"),
        lambda v: v.get_mean_vector(["cow"], ignore_missing=False),
    ],
)
def test_an_unknown_word_is_refused(vectors, call):
    with pytest.raises(KeyError, match="word must be one of the 11 words, got 'cow'"):
        call(vectors)


def test_a_query_without_words_is_refused(vectors):
    with pytest.raises(ValueError, match="positive must hold a word or more, got none"):
        vectors.most_similar([])


@pytest.mark.parametrize("find", ["most_similar", "most_similar_cosmul", "similar_by_word"])
def test_a_number_of_neighbours_is_an_integer_or_none(vectors, find):
    find = getattr(vectors, find)
    assert find("cat", topn=0) == find("cat", topn=-3) == find("cat", topn=np.uint8(0)) == []
    assert find("cat", topn=np.int64(2)) == find("cat", topn=2)
    assert find("cat", topn=None).shape == (V,)
    with pytest.raises(TypeError, match="topn must be an integer or None, got 2.0"):
        find("cat", topn=2.0)


def test_words_and_vectors_must_agree_in_number():
    with pytest.raises(ValueError, match=r"a row for each of 11 words, got shape \(10, 7\)"):
        WordVectors(WORDS, TABLE[:10])


def test_no_word_may_stand_twice():
    with pytest.raises(ValueError, match="words must differ, got 'cat' twice"):
        WordVectors([*WORDS[:10], "cat"], TABLE)


@pytest.mark.parametrize("table", [np.zeros((0, 3)), np.zeros((0, 0)), np.zeros(0)])
def test_no_vectors_at_all_are_refused(table):
    with pytest.raises(ValueError, match="vectors must have a row for each of 0 words"):
        WordVectors([], table)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_numbers_that_are_not_finite_are_refused(value):
    table = TABLE.copy()
    table[2, 3] = value
    with pytest.raises(ValueError, match="vectors must be finite, got nan or inf for 'cat'"):
        WordVectors(WORDS, table)


# doesnt_match


@given(order=st.permutations(WORDS), n_words=st.integers(3, V))
def test_the_odd_word_is_that_of_the_loop(order, n_words):
    found = WordVectors(WORDS, TABLE).doesnt_match(order[:n_words])
    assert found == oracles.least_alike(BY_WORD, order[:n_words])


def test_the_odd_word_is_told_by_direction_and_not_by_length():
    vectors = WordVectors(["a", "b", "c", "d"], [[1.0, 0.1], [1.0, -0.1], [1.0, 0.0], [0.0, 90.0]])
    assert vectors.doesnt_match(["a", "b", "c", "d"]) == "d"


def test_of_equal_words_the_first_in_the_alphabet_is_odd():
    square = WordVectors(["n", "e", "w", "s"], [[0.0, 1.0], [1.0, 0.0], [-1.0, 0.0], [0.0, -1.0]])
    assert square.doesnt_match(["w", "s", "n", "e"]) == "e"
    assert square.doesnt_match(["w"]) == "w"


def test_an_odd_word_among_none_is_refused(vectors):
    with pytest.raises(ValueError, match=r"words must hold a known word or more, got \[\]"):
        vectors.doesnt_match([])


# evaluate_word_pairs


@pytest.fixture
def cased():
    return WordVectors(CASED, TABLE)


def statistics(found):
    """Leave out the p-values."""
    return found[0][0], found[1][0], found[2]


def write_pairs(path, pairs=PAIRS, delimiter="\t"):
    lines = [
        "# two words",
        delimiter.join(("#dog", "hat", "5")),
        "",
        delimiter.join(("Word 1", "Word 2", "Human")),
    ]
    lines += [delimiter.join(map(str, pair)) for pair in pairs]
    lines += [delimiter.join(line) for line in ("dog cat".split(), "dog cat 1 2".split())]
    lines += [delimiter.join(("dog", "cat", number)) for number in NOT_FINITE]
    path.write_text("\n".join([*lines, ""]))
    return path


@pytest.mark.parametrize("settings", SETTINGS)
def test_correlations_are_those_of_the_loop(cased, tmp_path, settings):
    found = statistics(cased.evaluate_word_pairs(write_pairs(tmp_path / "pairs.tsv"), **settings))
    assert found == pytest.approx(oracles.word_pairs(CASED_BY_WORD, PAIRS, **settings), abs=1e-6)


def test_the_four_settings_of_pairs_do_change_the_result():
    found = {oracles.word_pairs(CASED_BY_WORD, PAIRS, **settings) for settings in SETTINGS}
    assert len(found) == len(SETTINGS)


def test_case_counts_for_nothing_unless_asked_otherwise(cased, tmp_path):
    path = write_pairs(tmp_path / "pairs.tsv")
    expected = oracles.word_pairs(CASED_BY_WORD, PAIRS, 300_000, True, False)
    assert statistics(cased.evaluate_word_pairs(path)) == pytest.approx(expected, abs=1e-6)


def test_pairs_come_with_other_delimiters_and_encodings(tmp_path):
    vectors = WordVectors(["é", "b", "c"], TABLE[:3])
    path = tmp_path / "pairs.csv"
    path.write_bytes("É;b;1\nb;c;2\nc;é;4\n".encode("latin-1"))
    pairs = [("é", "b", 1), ("b", "c", 2), ("c", "é", 4)]
    known = {word: vectors[word].tolist() for word in vectors.words}
    expected = oracles.word_pairs(known, pairs, None, True, False)
    found = statistics(vectors.evaluate_word_pairs(path, delimiter=";", encoding="latin-1"))
    assert found == pytest.approx(expected, abs=1e-6)
    with pytest.raises(ValueError, match="pairs must be utf8 text, got .*pairs.csv'; .*decode"):
        vectors.evaluate_word_pairs(path, delimiter=";")


@pytest.mark.parametrize(
    ("pairs", "n_known"),
    [
        ([], 0),
        (PAIRS[:1], 1),
        ([("cow", "dog", 1.0), ("cow", "hat", 2.0)], 0),
        ([("dog", "east", 1.0), ("dog", "hat", 1.0)], 2),
        ([("dog", "hat", 1.0), ("dog", "hat", 2.0)], 2),
    ],
)
def test_pairs_without_a_correlation_are_refused(cased, tmp_path, pairs, n_known):
    path = write_pairs(tmp_path / "pairs.tsv", pairs)
    message = f"known words of different similarities, got {n_known} pairs of .*pairs.tsv"
    with pytest.raises(ValueError, match=message):
        cased.evaluate_word_pairs(path)


@pytest.mark.parametrize("judgements", [(1, 2), (2, 1), (-1, 3)])
def test_two_pairs_are_enough(cased, tmp_path, judgements):
    pairs = [("dog", "hat", judgements[0]), ("dog", "east", judgements[1])]
    found = statistics(cased.evaluate_word_pairs(write_pairs(tmp_path / "pairs.tsv", pairs)))
    expected = oracles.word_pairs(CASED_BY_WORD, pairs, None, True, False)
    assert found == pytest.approx(expected, abs=1e-6)


def test_word_pairs_without_scipy_say_what_to_install(cased, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy.stats", None)  # as if it were not installed
    wanted = r"needs scipy, which is not installed; pip install 'w2v\[studies\]'"
    with pytest.raises(ImportError, match=wanted):
        cased.evaluate_word_pairs(write_pairs(tmp_path / "pairs.tsv"))


# evaluate_word_analogies


def planted_analogies(n_planted=12, n_other=40):
    """A table where some questions hold, and questions in two sections, some words unknown."""
    rng = np.random.default_rng(5)
    table = rng.normal(size=(80, 9)).astype(np.float32)
    names = [f"{'Ww'[row % 2]}ord{row % 70}" for row in range(80)]  # ten words in another case
    names = [name if row < 70 else name.upper() for row, name in enumerate(names)]
    questions = []
    for a, b, c, d in rng.permutation(72)[: 4 * n_planted].reshape(-1, 4):
        units = table / np.linalg.norm(table, axis=1, keepdims=True)
        table[d] = units[b] - units[a] + units[c]
        questions.append(tuple(names[row] for row in (a, b, c, d)))
    for rows in rng.integers(0, 80, size=(n_other, 4)):
        questions.append(tuple(names[row] for row in rows))
    questions += [("word3", "Word4", "nowhere", "word5"), ("Word1", "Word1", "WORD2", "word2")]
    return WordVectors(names, table), questions


def write_analogies(path, questions):
    lines = [": planted", *(" ".join(words) for words in questions[:12])]
    lines += [
        ": the others ",
        "",
        "three words only",
        "here are five words now",
        *("\t".join(q) for q in questions[12:]),
    ]
    path.write_text("\n".join([*lines, ": empty", ""]))
    return path


ANALOGY_SETTINGS = [
    settings | {"restrict_vocab": settings["restrict_vocab"] and 60} for settings in SETTINGS
]


@pytest.mark.parametrize("settings", ANALOGY_SETTINGS)
@pytest.mark.parametrize("block_size", [1, 200, 1 << 24])
def test_analogies_are_answered_as_by_the_loop(tmp_path, monkeypatch, settings, block_size):
    monkeypatch.setattr(w2v.vectors.words, "BLOCK_SIZE", block_size)
    vectors, questions = planted_analogies()
    by_word = dict(zip(vectors.words, vectors.vectors.astype(np.float64).tolist(), strict=True))
    path = write_analogies(tmp_path / "questions.txt", questions)
    score, sections = vectors.evaluate_word_analogies(path, **settings)
    right, wrong = oracles.word_analogies(by_word, questions, **settings)
    assert len(right) >= 4 and len(wrong) >= 4
    assert [section["section"] for section in sections] == [
        "planted",
        "the others",
        "empty",
        "Total accuracy",
    ]
    assert sections[3]["correct"] == right and sections[3]["incorrect"] == wrong
    assert score == pytest.approx(len(right) / len(right + wrong), abs=1e-12)
    for verdict in ("correct", "incorrect"):
        assert sections[0][verdict] + sections[1][verdict] == sections[3][verdict]
        planted = {tuple(word.upper() for word in words) for words in questions[:12]}
        assert all(tuple(w.upper() for w in words) in planted for words in sections[0][verdict])


def test_the_settings_of_analogies_do_change_the_result():
    vectors, questions = planted_analogies()
    by_word = dict(zip(vectors.words, vectors.vectors.tolist(), strict=True))
    results = [oracles.word_analogies(by_word, questions, **s) for s in ANALOGY_SETTINGS]
    assert len({tuple(map(tuple, result)) for result in results}) == len(ANALOGY_SETTINGS)


def test_a_word_of_the_question_in_another_case_is_no_answer(tmp_path):
    path = tmp_path / "questions.txt"
    path.write_text(": case\na b c d\n")
    table = [[1.0, 0, 0], [0, 1.0, 0], [0, 0, 1.0], [-1.0, 1, 1], [-1.0, 1.1, 1], [-1.0, 2, 1]]
    vectors = WordVectors(["a", "b", "c", "B", "d", "e"], table)
    assert vectors.evaluate_word_analogies(path)[0] == 1.0
    assert vectors.evaluate_word_analogies(path, case_insensitive=False)[0] == 0.0


def test_analogies_are_read_as_utf8(tmp_path):
    path = tmp_path / "questions.txt"
    path.write_bytes(": pièces\né ß ç ñ\n".encode())
    vectors = WordVectors(["é", "ß", "ç", "ñ"], [[1, 0, 0], [0, 1, 0], [0, 0, 1], [-1, 1, 1]])
    score, sections = vectors.evaluate_word_analogies(path, case_insensitive=False)
    assert score == 1.0
    assert sections[0] == {
        "section": "pièces",
        "correct": [("é", "ß", "ç", "ñ")],
        "incorrect": [],
    }
    path.write_bytes(": pièces\n".encode("latin-1"))
    with pytest.raises(
        ValueError, match="analogies must be utf8 text, got .*questions.txt'; .*dec"
    ):
        vectors.evaluate_word_analogies(path)


def test_a_vocabulary_of_the_question_alone_has_no_answer(tmp_path):
    path = tmp_path / "questions.txt"
    path.write_text(": all\na b c a\n")
    vectors = WordVectors(["a", "b", "c"], TABLE[:3])
    score, sections = vectors.evaluate_word_analogies(path)
    assert (score, sections[0]["incorrect"]) == (0.0, [("A", "B", "C", "A")])


def test_questions_of_unknown_words_alone_score_nothing(vectors, tmp_path):
    path = tmp_path / "questions.txt"
    path.write_text(": unknown\nu v w x\n")
    score, sections = vectors.evaluate_word_analogies(path)
    assert score == 0.0
    assert sections[1] == {"section": "Total accuracy", "correct": [], "incorrect": []}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a b c d\n", "analogies must begin with a line ': name of a section', got 'a b c d"),
        (": empty\n\n", "analogies must hold lines of four words, got .*questions.txt"),
        ("", "analogies must hold lines of four words, got .*questions.txt"),
    ],
)
def test_a_file_without_questions_is_refused(vectors, tmp_path, text, message):
    path = tmp_path / "questions.txt"
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        vectors.evaluate_word_analogies(path)


@pytest.mark.parametrize("name", ["pairs", "analogies"])
def test_a_missing_file_and_a_vocabulary_of_none_are_refused(vectors, tmp_path, name):
    evaluate = getattr(vectors, f"evaluate_word_{name}")
    with pytest.raises(FileNotFoundError, match=f"{name} must be an existing file, got .*none.t"):
        evaluate(tmp_path / "none.txt")
    with pytest.raises(ValueError, match="restrict_vocab must be a positive integer, got 0"):
        evaluate(tmp_path / "none.txt", restrict_vocab=0)


def test_pairs_and_analogies_may_be_gzipped_and_lie_at_home(cased, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.chdir(tmp_path)  # where a directory "~" would be made
    plain, packed = write_pairs(tmp_path / "pairs.tsv"), tmp_path / "pairs.tsv.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    expected = cased.evaluate_word_pairs(plain)
    assert cased.evaluate_word_pairs("~/pairs.tsv.gz") == expected
    packed.write_bytes(packed.read_bytes()[:-9])
    with pytest.raises(ValueError, match="pairs must be utf8 text, got .*gz'; Compressed file"):
        cased.evaluate_word_pairs(packed)
    packed.write_bytes(gzip.compress(b": all\narmy bank cat dog\n"))
    assert len(cased.evaluate_word_analogies(packed)[1]) == 2


# The same questions to gensim


@pytest.fixture(scope="module")
def gensim_vectors():
    """A function that gives gensim's KeyedVectors over the same words and vectors."""
    models = pytest.importorskip("gensim.models")

    def same(vectors):
        theirs = models.KeyedVectors(vectors.vectors.shape[1])
        theirs.add_vectors(vectors.words, vectors.vectors)
        return theirs

    return same


def test_gensim_finds_the_same_neighbours(gensim_vectors):
    rng = np.random.default_rng(2)
    vectors = WordVectors([f"word{row}" for row in range(500)], rng.normal(size=(500, 30)))
    theirs = gensim_vectors(vectors)
    for n_positive, n_negative, topn in [(1, 0, 10), (2, 1, 5), (0, 2, 3), (3, 2, 600), (2, 2, 1)]:
        chosen = [str(word) for word in rng.choice(vectors.words, n_positive + n_negative)]
        question = {"positive": chosen[:n_positive], "negative": chosen[n_positive:], "topn": topn}
        found, expected = vectors.most_similar(**question), theirs.most_similar(**question)
        assert [word for word, _ in found] == [word for word, _ in expected]
        cosines = [cosine for _, cosine in expected]
        assert [cosine for _, cosine in found] == pytest.approx(cosines, abs=1e-6)
        pair = chosen[0], chosen[-1]
        assert vectors.similarity(*pair) == pytest.approx(theirs.similarity(*pair), abs=1e-6)
    for _ in range(20):
        chosen = [str(word) for word in rng.choice(vectors.words, 5, replace=False)]
        assert vectors.doesnt_match(chosen) == theirs.doesnt_match(chosen)
    assert vectors.most_similar("word3")[0][0] == theirs.most_similar("word3")[0][0]


@pytest.mark.parametrize("settings", SETTINGS)
def test_gensim_finds_the_same_correlations(cased, tmp_path, gensim_vectors, settings):
    path = write_pairs(tmp_path / "pairs.tsv", PAIRS)
    lines = path.read_text().splitlines()  # where a number is not finite, theirs are nan
    path.write_text("\n".join(line for line in lines if not line.endswith(NOT_FINITE)))
    *expected, unknown = gensim_vectors(cased).evaluate_word_pairs(path, **settings)
    *found, ours_unknown = cased.evaluate_word_pairs(path, **settings)
    assert np.array(found) == pytest.approx(np.array(expected), abs=1e-6)
    assert ours_unknown == pytest.approx(unknown)
    assert found[0].pvalue == found[0][1]  # the same attributes, too


@pytest.mark.parametrize("settings", ANALOGY_SETTINGS)
def test_gensim_answers_the_same_analogies(tmp_path, gensim_vectors, settings):
    vectors, questions = planted_analogies()
    path = write_analogies(tmp_path / "questions.txt", questions)
    found = vectors.evaluate_word_analogies(path, **settings)
    assert found == gensim_vectors(vectors).evaluate_word_analogies(path, **settings)


SAME_CALLS = {
    "a word": lambda v: v["cat"],
    "words": lambda v: v[["cat", "dog"]],
    "a row": lambda v: v[3],
    "rows and words": lambda v: v[[3, "cat", np.int64(0)]],
    "a row that is none": lambda v: v[11],
    "rows in an array": lambda v: v[np.array([1, 2])],
    "a word that is none": lambda v: v[2.5],
    "a row below 0": lambda v: v[-1],
    "an unknown word of several": lambda v: v[["cat", "cow"]],
    "len": lambda v: len(v),
    "in": lambda v: ["cat" in v, "cow" in v, 10 in v, 11 in v, -1 in v, 2.5 in v],
    "vectors": lambda v: v.vectors,
    "vector_size": lambda v: v.vector_size,
    "index_to_key": lambda v: v.index_to_key,
    "key_to_index": lambda v: v.key_to_index,
    "get_index": lambda v: [v.get_index("cat"), v.get_index(2), v.get_index("cow", 7)],
    "get_index, no integer": lambda v: v.get_index(2.5),
    "get_index, unknown": lambda v: v.get_index("cow"),
    "has_index_for": lambda v: [v.has_index_for("cat"), v.has_index_for("cow")],
    "get_vector": lambda v: v.get_vector("cat"),
    "get_vector, norm": lambda v: v.get_vector("cat", norm=True),
    "get_vector, unknown": lambda v: v.get_vector("cow"),
    "get_normed_vectors": lambda v: v.get_normed_vectors(),
    "get_mean_vector": lambda v: v.get_mean_vector(["cat", "dog", "cow"]),
    "get_mean_vector, weights": lambda v: v.get_mean_vector(["cat", "dog", "cow"], [1, -2, 5]),
    "get_mean_vector, its weight": lambda v: v.get_mean_vector(["cow", "cat", "dog"], [5, 1, 2]),
    "get_mean_vector, no length": lambda v: v.get_mean_vector(["cat", 3], pre_normalize=False),
    "get_mean_vector, unit": lambda v: v.get_mean_vector(["cat", 3], post_normalize=True),
    "get_mean_vector, a vector": lambda v: v.get_mean_vector(["cat", 9 * QUERY], [1, 2]),
    "get_mean_vector, unknown": lambda v: v.get_mean_vector(["cow"]),
    "get_mean_vector, refused": lambda v: v.get_mean_vector(["cow"], ignore_missing=False),
    "get_mean_vector, none": lambda v: v.get_mean_vector([]),
    "get_mean_vector, two weights": lambda v: v.get_mean_vector(["cat"], [1, 2]),
    "vectors_for_all": lambda v: v.vectors_for_all(["dog", "cow", "cat", "dog"]).vectors,
    "most_similar": lambda v: v.most_similar("cat"),
    "most_similar, list": lambda v: v.most_similar(["cat", "dog"], topn=3),
    "most_similar, words": lambda v: v.most_similar(positive=["cat", "dog"], negative=["hat"]),
    "most_similar, words alone": lambda v: v.most_similar("cat", "hat"),
    "most_similar, negative alone": lambda v: v.most_similar(None, ["cat"]),
    "most_similar, negative word": lambda v: v.most_similar(negative="cat"),
    "most_similar, row": lambda v: v.most_similar(3),
    "most_similar, rows": lambda v: v.most_similar([3, np.int64(4)], [0]),
    "most_similar, vector": lambda v: v.most_similar(QUERY),
    "most_similar, vectors": lambda v: v.most_similar(TABLE[:3] * 2),
    "most_similar, list of vectors": lambda v: v.most_similar([v["cat"] - v["dog"], QUERY]),
    "most_similar, word and vector": lambda v: v.most_similar(["cat", 5 * QUERY], [QUERY, "hat"]),
    "most_similar, pairs": lambda v: v.most_similar([("cat", 0.3), ("dog", 2)], [("hat", -0.5)]),
    "most_similar, negative pair": lambda v: v.most_similar(["cat"], [("dog", 0.5), "hat"]),
    "most_similar, row and vector pairs": lambda v: v.most_similar([(3, 0.3), (QUERY, -2.0)]),
    "most_similar, topn=None": lambda v: v.most_similar("cat", topn=None),
    "most_similar, topn=0": lambda v: v.most_similar("cat", topn=0),
    "most_similar, topn=-1": lambda v: v.most_similar("cat", topn=-1),
    "most_similar, topn=-1, unknown": lambda v: v.most_similar("cow", topn=-1),
    "most_similar, topn=100": lambda v: v.most_similar("cat", topn=100),
    "most_similar, topn=np.int64": lambda v: v.most_similar("cat", topn=np.int64(4)),
    "most_similar, topn=2.0": lambda v: v.most_similar("cat", topn=2.0),
    "most_similar, restrict": lambda v: v.most_similar("cat", restrict_vocab=5),
    "most_similar, restrict 0": lambda v: v.most_similar("cat", topn=None, restrict_vocab=0),
    "most_similar, restrict all": lambda v: v.most_similar("cat", topn=None, restrict_vocab=5),
    "most_similar, clip": lambda v: v.most_similar("cat", topn=3, clip_start=1, clip_end=6),
    "most_similar, by place": lambda v: v.most_similar(["cat"], ["hat"], 3, 2, 9),
    "most_similar, clip all": lambda v: v.most_similar("hat", topn=None, clip_start=4),
    "most_similar, clip none": lambda v: v.most_similar("hat", clip_end=0),
    "most_similar, unknown": lambda v: v.most_similar("cow"),
    "most_similar, none": lambda v: v.most_similar(),
    "most_similar, short vector": lambda v: v.most_similar([QUERY[:3]]),
    "similar_by_word": lambda v: v.similar_by_word("cat", 3),
    "similar_by_word, by name": lambda v: v.similar_by_word(word="cat", restrict_vocab=4),
    "similar_by_key": lambda v: v.similar_by_key(key="cat", topn=None),
    "similar_by_vector": lambda v: v.similar_by_vector(QUERY, topn=4),
    "similar_by_vector, all": lambda v: v.similar_by_vector(vector=QUERY, topn=None),
    "similar_by_vector, restrict": lambda v: v.similar_by_vector(QUERY, 3, restrict_vocab=6),
    "cosmul": lambda v: v.most_similar_cosmul("cat"),
    "cosmul, words": lambda v: v.most_similar_cosmul(["cat", "dog"], ["hat", "ice"], topn=4),
    "cosmul, words alone": lambda v: v.most_similar_cosmul("cat", "hat"),
    "cosmul, vectors": lambda v: v.most_similar_cosmul([v["cat"], "dog"], [0.1 * QUERY]),
    "cosmul, topn=None": lambda v: v.most_similar_cosmul("cat", "hat", topn=None),
    "cosmul, topn=0": lambda v: v.most_similar_cosmul("cat", topn=0),
    "cosmul, negative alone": lambda v: v.most_similar_cosmul(negative="cat"),
    "cosmul, unknown": lambda v: v.most_similar_cosmul("cow"),
    "similarity": lambda v: v.similarity("cat", "dog"),
    "similarity, rows": lambda v: v.similarity(2, "dog"),
    "similarity, unknown": lambda v: v.similarity("cat", "cow"),
    "distance": lambda v: v.distance("cat", "dog"),
    "distance, itself": lambda v: v.distance("cat", "cat"),
    "distances": lambda v: v.distances("cat"),
    "distances, words": lambda v: v.distances("cat", ["dog", "cat", 5]),
    "distances, vector": lambda v: v.distances(QUERY, ("dog",)),
    "distances, None": lambda v: v.distances("cat", None),
    "distances, unknown": lambda v: v.distances("cat", ["cow"]),
    "cosine_similarities": lambda v: v.cosine_similarities(v["cat"], v.vectors),
    "n_similarity": lambda v: v.n_similarity(["cat", "dog"], ["hat"]),
    "n_similarity, unknown": lambda v: v.n_similarity(["cat", "cow"], ["hat"]),
    "n_similarity, all unknown": lambda v: v.n_similarity(["cow"], ["hat"]),
    "n_similarity, none": lambda v: v.n_similarity([], ["hat"]),
    "closer_than": lambda v: v.closer_than("cat", "dog"),
    "closer_than, itself": lambda v: v.closer_than("cat", "cat"),
    "words_closer_than": lambda v: v.words_closer_than("cat", "jam"),
    "rank": lambda v: [v.rank("cat", word) for word in v.index_to_key],
    "rank, unknown": lambda v: v.rank("cat", "cow"),
    "most_similar_to_given": lambda v: v.most_similar_to_given("cat", ["dog", "hat", "ice"]),
    "relative_cosine_similarity": lambda v: v.relative_cosine_similarity("cat", "dog", topn=3),
    "relative_cosine_similarity, 0": lambda v: v.relative_cosine_similarity("cat", "dog", 0),
    "rank_by_centrality": lambda v: v.rank_by_centrality(["cat", "dog", "hat"]),
    "rank_by_centrality, lengths": lambda v: v.rank_by_centrality(["cat", "hat"], use_norm=False),
    "doesnt_match": lambda v: v.doesnt_match(["cat", "dog", "hat", "ice"]),
    "doesnt_match, unknown": lambda v: v.doesnt_match(["cat", "dog", "cow", "hat"]),
    "doesnt_match, none": lambda v: v.doesnt_match([]),
    "doesnt_match, none known": lambda v: v.doesnt_match(["cow"]),
    "word_vec": lambda v: v.word_vec("cat", norm=True),
    "norms": lambda v: [v.fill_norms(), v.norms],
    "unit_normalize_all": lambda v: [v.unit_normalize_all(), v.vectors, v.most_similar("cat")],
    "fill_norms": lambda v: v.fill_norms(force=True),
}


def answer(vectors, call):
    """What a call gives, in plain lists, or the kind of its error."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of gensim, on names it has left behind
        try:
            return plain(call(vectors))
        except (KeyError, ValueError, TypeError, ZeroDivisionError) as error:
            return next(kind for kind in type(error).__mro__ if kind.__module__ == "builtins")


def plain(value):
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return (
        pytest.approx(float(value), abs=2e-6) if isinstance(value, (float, np.floating)) else value
    )


@pytest.mark.parametrize("call", SAME_CALLS.values(), ids=SAME_CALLS.keys())
def test_gensim_gives_the_same(vectors, gensim_vectors, call):
    assert answer(vectors, call) == answer(gensim_vectors(vectors), call)


@pytest.mark.parametrize("rows", [[1, 2], np.array([1, 2]), torch.tensor([1, 2]), range(1, 3)])
def test_rows_come_in_any_kind_of_sequence(vectors, rows):
    assert vectors[rows].tolist() == TABLE[1:3].tolist()


def test_the_docstring_names_what_only_gensim_has():
    keyed_vectors = pytest.importorskip("gensim.models").KeyedVectors
    theirs = {n for n in dir(keyed_vectors) if n[0] != "_" and not hasattr(WordVectors, n)}
    refused = {n for n in theirs if isinstance(getattr(keyed_vectors, n), property)}  # by gensim
    theirs -= {"add_lifecycle_event"} | refused  # a note for its log
    assert theirs and not [n for n in theirs if f"`{n}`" not in WordVectors.__doc__]


def public_methods():
    """The methods of ours that gensim has too; files, where ours take a path and names, apart."""
    names = [name for name, value in vars(WordVectors).items() if callable(value)]
    names += ["cosine_similarities"]
    keyed_vectors = pytest.importorskip("gensim.models").KeyedVectors
    return [n for n in names if n[0] != "_" and "format" not in n and hasattr(keyed_vectors, n)]


def test_gensim_has_the_same_arguments_and_defaults():
    for name in public_methods():
        theirs = signature(getattr(pytest.importorskip("gensim.models").KeyedVectors, name))
        ours = signature(getattr(WordVectors, name)).parameters
        shared = list(theirs.parameters)[: len(ours)]
        if name not in ("words_closer_than", "word_vec"):  # theirs take anything and hand it on
            assert list(ours) == shared, name
            for argument, value in ours.items():
                assert value.default == theirs.parameters[argument].default, name


def test_gensim_looks_at_as_many_neighbours_for_an_answer(tmp_path, gensim_vectors):
    path = tmp_path / "questions.txt"
    path.write_text(": case\nax by cz dd\nax by cz BY\n")
    near = ["BY", "bY", "By", "CZ", "cZ", "dd"]  # words of the question in other cases, then dd
    table = np.eye(3)[[0, 1, 2] + [1] * 6] * [0, 1, 1] + np.eye(9, 3)
    table[3:] = [-1.0, 1.0, 1.0]
    table[3:, 1] += np.arange(6) / 10
    for n_near in range(2, 7):
        names = ["ax", "by", "cz", *near[: n_near - 1], "dd"]
        vectors = WordVectors(names, table[: len(names)])
        found = vectors.evaluate_word_analogies(path)
        assert found == gensim_vectors(vectors).evaluate_word_analogies(path)


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
    with pytest.raises(ValueError, match=r"a row for each of 10 words, got shape \(11, 7\)"):
        WordVectors.from_model(Word2Vec(V, D), WORDS[:10])


# from_checkpoint

CONFIG = Word2VecConfig(dim=D, radius=2, ratio=1, batch_size=3, epochs=1)
COUNTS = torch.tensor([0, 40, 7, 1, 300, 2, 3, 0, 11, 5, 60])
SEEN = [word for word, n in zip(WORDS, COUNTS.tolist(), strict=True) if n]


@pytest.mark.parametrize("kept", [{}, {"words": WORDS}], ids=["given", "kept"])
def test_a_checkpoint_gives_the_words_that_were_trained(tmp_path, kept):
    model = Word2Vec(V, D)
    path = save_model(model, tmp_path, CONFIG, vocabulary="v", counts=COUNTS, **kept)
    vectors = WordVectors.from_checkpoint(path, None if kept else WORDS, vocabulary="v")
    assert vectors.words == SEEN
    rows = model.center_embeddings.weight[COUNTS > 0]
    assert vectors.vectors.tolist() == rows.tolist()
    assert WordVectors.from_checkpoint(path, WORDS, min_count=60).words == ["east", "king"]


def test_a_checkpoint_without_counts_gives_all_words(tmp_path):
    path = save_model(Word2Vec(V, D), tmp_path, CONFIG, vocabulary="v")
    assert WordVectors.from_checkpoint(path, WORDS).words == WORDS


def test_the_words_of_the_checkpoint_come_before_those_given(tmp_path):
    path = save_model(Word2Vec(V, D), tmp_path, CONFIG, vocabulary="v", words=WORDS)
    assert WordVectors.from_checkpoint(path, WORDS[::-1]).words == WORDS


def test_a_checkpoint_that_names_no_words_wants_them(tmp_path):
    path = save_model(Word2Vec(V, D), tmp_path, CONFIG, vocabulary="v", counts=0 * COUNTS)
    with pytest.raises(ValueError, match="words must be given .*, got None .*; take tokenizer"):
        WordVectors.from_checkpoint(path)
    with pytest.raises(ValueError, match=r"a row for each of 10 words, got shape \(11, 7\)"):
        WordVectors.from_checkpoint(path, WORDS[:10])
    with pytest.raises(ValueError, match="min_count must be at most 0, the largest .*, got 1"):
        WordVectors.from_checkpoint(path, WORDS)
    with pytest.raises(CheckpointError, match="must hold vocabulary 'w', got 'v'"):
        WordVectors.from_checkpoint(path, WORDS, vocabulary="w")


@pytest.mark.parametrize("counts", [torch.ones(2), [1, 1], np.ones((3, 1))])
def test_counts_of_another_length_are_refused(counts):
    with pytest.raises(ValueError, match="counts must be 3 numbers, one for each id, got shape"):
        WordVectors.from_model(Word2Vec(3, 2), ["a", "b", "c"], counts=counts)


@pytest.mark.parametrize("counts", [[1, 0, 1], np.array([1, 0, 1]), torch.tensor([1, 0, 1])])
def test_counts_of_any_kind_leave_out_untrained_rows(counts):
    vectors = WordVectors.from_model(Word2Vec(3, 2), ["a", "b", "c"], counts=counts)
    assert vectors.index_to_key == ["a", "c"]
