"""Figures: axes with units, a grey dashed line of chance, a fixed size, and the numbers given."""

import sys

import matplotlib
import numpy as np
import pytest
from golden import LN2
from matplotlib import pyplot as plt
from matplotlib.colors import to_hex

from w2v.show.plots import (
    COLOURS,
    plot_attention,
    plot_comparison,
    plot_intervals,
    plot_learning_curves,
    plot_neighbours,
    plot_scores,
    plot_words,
)
from w2v.vectors.words import WordVectors

OKABE_ITO = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9")
SCORES = {
    "word2vec": {"accuracy": 0.9, "AUC": 0.8},
    "frequency": {"accuracy": 0.85, "AUC": 0.7},
}
CHANCE = {"accuracy": 5 / 6, "AUC": 0.5}
NEIGHBOURS = {"king": [("queen", 0.8), ("prince", 0.6)], "snow": [("ice", 0.7), ("$ rain", 0.5)]}
NAMES = [f"{part}_{name}" for part in ("train", "valid") for name in ("loss", "accuracy")]


def curves(n_seeds=3, n_epochs=4):
    """Two systems, each with its own numbers for every seed and epoch."""
    base = np.arange(n_seeds * n_epochs).reshape(n_seeds, n_epochs) / (n_seeds * n_epochs)
    return {
        system: {name: base + shift for name in NAMES}
        for system, shift in (("random", 0.0), ("pretrained", 0.01))
    }


CLUSTERS = {  # ten clusters of six words: more than there are colours
    name: [name, *(f"{name} {i}" for i in range(5))] for name in "abcdefghij"
}


def clustered_vectors(spread=0.2):
    """Vectors of the words of each cluster, near to one direction of its own, of any length."""
    draw = np.random.default_rng(0)
    middles = {name: draw.standard_normal(30) for name in CLUSTERS}
    return {
        word: draw.uniform(0.5, 3) * (middles[name] + spread * draw.standard_normal(30))
        for name, words in CLUSTERS.items()
        for word in words
    }


WORD_VECTORS = dict(list(clustered_vectors().items())[:18])


def drawn_points(figure):
    """Every point of the first axes, by the word that is written beside it."""
    axes = figure.axes[0]
    points = np.concatenate([np.asarray(c.get_offsets()) for c in axes.collections])
    return {text.get_text(): text.xy for text in axes.texts}, points


def attention_figure():
    return plot_attention(["a", "good", "$5", "deal"], np.eye(2, 4), ["World", "Sports"], "a text")


FIGURES = {
    "learning curves": lambda: plot_learning_curves([0.6, 0.5, 0.4], [0.65, 0.5, 0.55]),
    "scores": lambda: plot_scores(SCORES, CHANCE),
    "neighbours": lambda: plot_neighbours(NEIGHBOURS, NEIGHBOURS),
    "comparison": lambda: plot_comparison(curves(), 0.25, "500 labels"),
    "attention": attention_figure,
    "words": lambda: plot_words(WORD_VECTORS, list(WORD_VECTORS)),
}


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


@pytest.fixture(params=FIGURES)
def make(request):
    return FIGURES[request.param]


def line_labelled(axes, label):
    return next(line for line in axes.lines if line.get_label() == label)


def legend_texts(axes):
    return [text.get_text() for text in axes.get_legend().get_texts()]


# What holds for every figure


def test_figures_are_drawn_without_a_screen():
    assert matplotlib.get_backend().lower() == "agg"


def test_a_figure_is_returned_and_neither_shown_nor_saved(make, monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("a plot function must only return its figure")

    monkeypatch.setattr(plt, "show", refuse)
    monkeypatch.setattr(plt.Figure, "show", refuse)
    monkeypatch.setattr(plt.Figure, "savefig", refuse)
    assert isinstance(make(), plt.Figure)


def test_a_figure_can_be_drawn_twice_to_the_same_size(make):
    first, second = make(), make()
    first.canvas.draw()  # warnings are errors: a missing glyph or a crushed layout fails here
    assert first.dpi == second.dpi == 100
    assert tuple(first.get_size_inches()) == tuple(second.get_size_inches())


def test_the_settings_of_the_machine_do_not_change_the_size(make):
    expected = make()
    with plt.rc_context({"figure.figsize": (1, 1), "figure.dpi": 37}):
        found = make()
    assert found.dpi == expected.dpi
    assert tuple(found.get_size_inches()) == tuple(expected.get_size_inches())


def test_colours_are_those_of_okabe_and_ito_in_their_order():
    assert COLOURS == OKABE_ITO


# Learning curves: Q3.10


def test_learning_curves_have_units_and_the_loss_of_knowing_nothing():
    (axes,) = FIGURES["learning curves"]().axes
    assert axes.get_xlabel() == "epoch"
    assert axes.get_ylabel() == "mean loss per pair (nats)"
    assert axes.get_ylim()[0] == 0
    chance = line_labelled(axes, "untrained: ln 2")
    assert (chance.get_color(), chance.get_linestyle()) == ("grey", "--")
    assert list(chance.get_ydata()) == pytest.approx([LN2, LN2])


def test_learning_curves_start_at_epoch_one_and_mark_the_best():
    (axes,) = FIGURES["learning curves"]().axes
    training, validation = (line_labelled(axes, name) for name in ("training", "validation"))
    assert list(training.get_xdata()) == list(validation.get_xdata()) == [1, 2, 3]
    assert list(training.get_ydata()) == [0.6, 0.5, 0.4]
    assert list(validation.get_ydata()) == [0.65, 0.5, 0.55]
    assert training.get_marker() != validation.get_marker()
    assert (training.get_color(), validation.get_color()) == OKABE_ITO[:2]
    best = line_labelled(axes, "best epoch")
    assert (list(best.get_xdata()), list(best.get_ydata())) == ([2], [0.5])
    assert legend_texts(axes) == ["training", "validation", "best epoch", "untrained: ln 2"]


def test_learning_curves_of_one_epoch_can_be_drawn():
    figure = plot_learning_curves([0.6], [0.5])
    figure.canvas.draw()
    assert figure.axes[0].get_xticks().tolist() == [1]


# Scores: Q3.11


def test_scores_stand_beside_their_chance_level():
    (axes,) = FIGURES["scores"]().axes
    assert axes.get_ylabel().endswith("held-out pairs (%)")
    assert axes.get_ylim()[0] == 0
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["accuracy", "AUC"]
    chance = [lines.get_segments()[0][:, 1].tolist() for lines in axes.collections]
    assert chance == [pytest.approx([500 / 6] * 2), pytest.approx([50.0] * 2)]
    for lines in axes.collections:
        assert to_hex(lines.get_color()[0]) == to_hex("grey")
        assert lines.get_linestyle()[0][1] is not None  # dashed
    assert legend_texts(axes).count("constant answer") == 1


def test_every_system_has_its_bars_and_its_colour():
    (axes,) = FIGURES["scores"]().axes
    heights = [[bar.get_height() for bar in bars] for bars in axes.containers]
    assert heights == [pytest.approx([90, 80]), pytest.approx([85, 70])]
    colours = [to_hex(bars[0].get_facecolor()) for bars in axes.containers]
    assert colours == [colour.lower() for colour in OKABE_ITO[:2]]
    assert {"word2vec", "frequency"} <= set(legend_texts(axes))


# Nearest words


def test_nearest_words_have_a_column_each_before_above_after():
    figure = plot_neighbours({"king": [("cow", 0.1)], "snow": [("hat", 0.2)]}, NEIGHBOURS)
    titles = [axes.get_title() for axes in figure.axes]
    assert titles == ["king, before", "snow, before", "king, after", "snow, after"]
    texts = [[text.get_text() for text in axes.texts] for axes in figure.axes]
    assert texts == [["cow"], ["hat"], ["queen", "prince"], ["ice", "$ rain"]]
    bars = [[bar.get_width() for bar in axes.patches] for axes in figure.axes]
    assert bars == [[0.1], [0.2], [0.8, 0.6], [0.7, 0.5]]
    assert [axes.get_xlabel() for axes in figure.axes[2:]] == ["cosine", "cosine"]


# Comparison: Q4.3


def test_a_comparison_has_units_and_the_accuracy_of_guessing():
    left, right = FIGURES["comparison"]().axes
    assert [axes.get_xlabel() for axes in (left, right)] == ["epoch", "epoch"]
    assert left.get_ylabel() == "mean cross-entropy (nats)"
    assert right.get_ylabel() == "accuracy (%)"
    assert right.get_ylim() == (0, 100)
    chance = line_labelled(right, "guessing")
    assert (chance.get_color(), chance.get_linestyle()) == ("grey", "--")
    assert list(chance.get_ydata()) == [25.0, 25.0]


def test_a_comparison_shows_mean_and_deviation_over_the_seeds():
    figure = FIGURES["comparison"]()
    assert figure.get_suptitle() == "500 labels (mean ± sample standard deviation over 3 seeds)"
    _, right = figure.axes
    drawn = line_labelled(right, "pretrained, valid")
    values = 100 * curves()["pretrained"]["valid_accuracy"]
    assert list(drawn.get_xdata()) == [1, 2, 3, 4]
    assert list(drawn.get_ydata()) == pytest.approx(values.mean(0).tolist())
    band = right.collections[3].get_paths()[0].vertices[:, 1]  # the fourth of four curves
    assert band.max() == pytest.approx((values.mean(0) + values.std(0, ddof=1)).max())


def test_systems_and_parts_can_be_told_apart_without_colour():
    _, right = FIGURES["comparison"]().axes
    looks = [(line.get_linestyle(), line.get_marker()) for line in right.lines[:4]]
    assert looks[0] == looks[2] and looks[0][0] != looks[1][0]  # training dotted, no marker
    assert looks[1] != looks[3]  # validation of two systems: another marker
    colours = [line.get_color() for line in right.lines[:4]]
    assert colours == [OKABE_ITO[0]] * 2 + [OKABE_ITO[1]] * 2


# Attention: section 4


def test_attention_is_drawn_over_the_words_of_the_text():
    axes, bar = attention_figure().axes
    assert axes.get_xlabel() == "words of the text, in order"
    assert bar.get_ylabel() == "attention (share)"
    assert axes.get_title() == "a text"
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["World", "Sports"]
    assert [text.get_text() for text in axes.texts] == ["a", "good", "$5", "deal"] * 2
    assert axes.images[0].get_array().tolist() == np.eye(2, 4).tolist()


# Words in the plane


def test_words_lie_where_the_eigenvectors_of_their_covariance_put_them():
    vectors = clustered_vectors()
    places, points = drawn_points(plot_words(vectors, list(vectors)))
    assert sorted(places) == sorted(vectors) and len(points) == len(vectors)
    unit = np.stack([vector / np.linalg.norm(vector) for vector in vectors.values()])
    centred = unit - unit.mean(0)
    _, directions = np.linalg.eigh(centred.T @ centred)
    expected = centred @ directions[:, [-1, -2]]
    found = np.array([places[word] for word in vectors])
    for axis in range(2):  # an axis may point either way
        way = np.sign((found[:, axis] * expected[:, axis]).sum())
        np.testing.assert_allclose(found[:, axis], way * expected[:, axis], atol=1e-10)
        assert found[np.abs(found[:, axis]).argmax(), axis] > 0  # the same way on every machine


def test_the_axes_of_pca_say_their_share_of_the_variance():
    vectors = {"a": [1.0, 0, 0], "b": [0, 1.0, 0], "c": [1.0, 0, 0], "d": [0, 1.0, 0]}
    axes = plot_words({w: np.array(v) for w, v in vectors.items()}, list(vectors)).axes[0]
    assert axes.get_xlabel() == "first principal component (100 % of variance)"
    assert axes.get_ylabel() == "second principal component (0 % of variance)"


def test_t_sne_keeps_clusters_together():
    pytest.importorskip("sklearn")
    places, _ = drawn_points(plot_words(clustered_vectors(), CLUSTERS, method="tsne"))
    words = list(places)
    points = np.array([places[word] for word in words])
    distances = np.linalg.norm(points[:, None] - points[None], axis=-1)
    np.fill_diagonal(distances, np.inf)
    nearest = [words[row] for row in distances.argmin(1)]
    assert np.mean([word[0] == near[0] for word, near in zip(words, nearest, strict=True)]) > 0.95


@pytest.mark.parametrize("method", ["pca", "tsne"])
def test_the_same_seed_gives_the_same_picture(method):
    pytest.importorskip("sklearn")
    vectors = clustered_vectors()
    first, again = (drawn_points(plot_words(vectors, CLUSTERS, method=method)) for _ in range(2))
    np.testing.assert_array_equal(first[1], again[1])


def test_t_sne_draws_three_words_too():
    pytest.importorskip("sklearn")
    _, points = drawn_points(plot_words(WORD_VECTORS, list(WORD_VECTORS)[:3], method="tsne"))
    assert points.shape == (3, 2) and np.isfinite(points).all()


def test_each_cluster_has_its_own_colour_and_marker():
    figure = plot_words(clustered_vectors(), CLUSTERS)
    places, _ = drawn_points(figure)
    for points, words in zip(figure.axes[0].collections, CLUSTERS.values(), strict=True):
        np.testing.assert_array_equal(points.get_offsets(), [places[word] for word in words])
    axes = figure.axes[0]
    styles = {
        (to_hex(c.get_facecolor()[0]), c.get_paths()[0].vertices.tobytes())
        for c in axes.collections
    }
    assert len(axes.collections) == len(styles) == len(CLUSTERS)
    assert [c.get_label() for c in axes.collections] == list(CLUSTERS)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == list(CLUSTERS)


def test_a_word_of_two_clusters_is_drawn_once_in_the_first():
    vectors = clustered_vectors()
    clusters = {"one": ["a", "b", "c"], "$two": ["b", "d"]}
    axes = plot_words(vectors, clusters).axes[0]
    assert sorted(text.get_text() for text in axes.texts) == ["a", "b", "c", "d"]
    assert [len(c.get_offsets()) for c in axes.collections] == [3, 1]
    assert [c.get_label() for c in axes.collections] == ["one", "$two"]
    assert plot_words(vectors, ["a", "b", "c"]).legends == []  # words without clusters have none


def test_labels_hardly_cover_one_another():
    figure = plot_words(clustered_vectors(spread=0.6), CLUSTERS)
    figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in figure.axes[0].texts]
    pairs = [(a, b) for i, a in enumerate(boxes) for b in boxes[:i]]
    n_overlaps = sum(a.overlaps(b) for a, b in pairs)
    assert n_overlaps <= 3  # of 60 words; beside their points, without a choice, dozens
    page = figure.axes[0].get_window_extent()
    assert all(page.x0 - 40 < box.x0 and box.x1 < page.x1 + 40 for box in boxes)


@pytest.mark.parametrize(
    ("words", "method", "message"),
    [
        (["a", "b", "zebra", "c"], "pca", r"must have vectors, got \['zebra'\] without one"),
        (["a", "b", "a"], "pca", r"words must be three or more, got \['a', 'b'\]"),
        (["a", "b", "c"], "umap", "method must be one of 'pca', 'tsne', got 'umap'"),
    ],
)
def test_words_that_cannot_be_drawn_are_refused(words, method, message):
    with pytest.raises(ValueError, match=message):
        plot_words(clustered_vectors(), words, method=method)


def test_t_sne_without_scikit_learn_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.manifold", None)
    with pytest.raises(ImportError, match=r"pip install 'w2v\[plots\]', or take method='pca'"):
        plot_words(clustered_vectors(), CLUSTERS, method="tsne")


def test_vectors_of_a_model_and_zero_vectors_are_drawn():
    vectors = WordVectors(["a", "$b", "c"], np.array([[0, 0], [1, 2], [2, 1]]))
    places, _ = drawn_points(plot_words(vectors, vectors.words))
    assert sorted(places) == ["$b", "a", "c"]


def test_intervals_are_drawn_in_percent_from_the_top_down():
    figure = plot_intervals({"R=2": (0.5, 0.4, 0.7), "R=10": (0.6, 0.55, 0.65)}, "5 seeds")
    (axes,) = figure.axes
    bars, means = axes.lines[::2], axes.lines[1::2]
    np.testing.assert_allclose([line.get_xdata() for line in bars], [[40, 70], [55, 65]])
    np.testing.assert_allclose([line.get_xdata()[0] for line in means], [50, 60])
    assert [text.get_text() for text in axes.get_yticklabels()] == ["R=2", "R=10"]
    places = axes.get_yticks().tolist()  # each bar and mean beside its own name
    assert [list(line.get_ydata()) for line in bars] == [[place, place] for place in places]
    assert [line.get_ydata()[0] for line in means] == places
    assert axes.yaxis_inverted() and "5 seeds" in axes.get_xlabel()
