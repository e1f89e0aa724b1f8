"""Figures: axes with units, a grey dashed line of chance, a fixed size, and the numbers given."""

import io
import sys
from functools import partial
from statistics import stdev

import matplotlib
import numpy as np
import pytest
import torch
from golden import LN2
from matplotlib import pyplot as plt
from matplotlib.colors import to_hex
from matplotlib.text import Text

from w2v.show import plots
from w2v.show.plots import (
    COLOURS,
    plot_attention,
    plot_comparison,
    plot_intervals,
    plot_learning_curves,
    plot_neighbours,
    plot_scores,
    plot_windows,
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


SENTENCE = "the quick brown fox jumps over the lazy dog".split()


def attention_figure():
    return plot_attention(["a", "good", "$5", "deal"], np.eye(2, 4), ["World", "Sports"], "a text")


FIGURES = {
    "learning curves": lambda: plot_learning_curves([0.6, 0.5, 0.4], [0.65, 0.5, 0.55]),
    "scores": lambda: plot_scores(SCORES, CHANCE),
    "neighbours": lambda: plot_neighbours(NEIGHBOURS, NEIGHBOURS),
    "comparison": lambda: plot_comparison(curves(), 0.25, "500 labels"),
    "attention": attention_figure,
    "words": lambda: plot_words(WORD_VECTORS, list(WORD_VECTORS)),
    "windows": lambda: plot_windows(SENTENCE, 2, [2, 4], negatives=[["sea", "10"], ["of"]]),
    "contributions": lambda: plot_attention(
        ["good", "deal"],
        [[0.75, 0.25]] * 2,
        ["World", "Sports"],
        contributions=[[0.5, -0.25], [-1.5, 0.0]],
    ),
    "intervals": lambda: plot_intervals({"R=2": (0.5, 0.4, 0.7)}, "5 seeds"),
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


def legend_texts(parent):
    """The texts of the only legend of a figure or of axes."""
    legend = parent.legends[0] if isinstance(parent, plt.Figure) else parent.get_legend()
    return [text.get_text() for text in legend.get_texts()]


def named_figures(names):
    """Every function, with these names wherever a name can stand."""
    numbers = curves()["random"]
    n = len(names)
    near = {name: [(other, 0.5) for other in names] for name in names}
    vectors = dict(zip(names, np.eye(n), strict=True))
    shares = np.full((n, n), 1 / n)
    return {
        "scores": partial(plot_scores, dict.fromkeys(names, CHANCE), CHANCE),
        "neighbours": partial(plot_neighbours, near, near),
        "comparison": partial(plot_comparison, dict.fromkeys(names, numbers), 0.25, names[0]),
        "intervals": partial(plot_intervals, dict.fromkeys(names, (0.5, 0.4, 0.6)), names[0]),
        "attention": partial(plot_attention, names, shares, names, names[0]),
        "contributions": partial(plot_attention, names, shares, names, contributions=-shares),
        "words": partial(plot_words, vectors, {name: [name] for name in names}),
        "windows": partial(plot_windows, names, 1, [1], negatives=[names]),
    }


# What holds for every figure


def test_figures_are_drawn_without_a_screen():
    assert matplotlib.get_backend().lower() == "agg"


def test_a_figure_is_returned_and_neither_shown_nor_saved(make, monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("a plot function must only return its figure")

    monkeypatch.setattr(plt, "show", refuse)
    monkeypatch.setattr(plt.Figure, "show", refuse)
    monkeypatch.setattr(plt.Figure, "savefig", refuse)
    figure = make()
    assert isinstance(figure, plt.Figure)
    assert repr(figure).startswith("<Figure size ")  # what a notebook prints, and nbval compares


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


NAMED = list(named_figures(["a", "b", "c"]))
STRANGE = ["$$", r"_x$\frac{$^2\\", "$a$", "__", r"\$", "%#&~{}"]
SCRIPTS = ["日本語", "مرحبا", "हिन्दी", "🙂👍🏽", "\ud83d", "ไทย", "naïve"]


@pytest.mark.parametrize("kind", NAMED)
def test_a_name_is_drawn_as_it_stands(kind):
    draw = named_figures(STRANGE)[kind]
    with plt.rc_context({"text.usetex": True}):  # a user's setting
        figure = draw()
    figure.canvas.draw()
    texts = figure.findobj(Text)
    assert not any(text.get_parse_math() or text.get_usetex() for text in texts)
    drawn = "\n".join(text.get_text() for text in texts)
    assert all(name in drawn for name in STRANGE)


@pytest.mark.parametrize("kind", NAMED)
def test_any_script_is_drawn_and_saved_without_a_warning(kind):
    figure = named_figures(SCRIPTS)[kind]()  # warnings are errors in these tests
    figure.canvas.draw()
    file = io.BytesIO()
    figure.savefig(file, bbox_inches="tight")  # as a notebook does, later
    assert file.getvalue().startswith(b"\x89PNG")


def test_a_font_of_the_machine_is_taken_for_what_the_first_one_lacks(monkeypatch, caplog):
    def drawn():
        figure = plot_attention(["\ue000"], [[1.0]], ["a"])  # a letter that STIX fonts alone have
        figure.canvas.draw()
        return np.asarray(figure.canvas.buffer_rgba()).tobytes()

    box = drawn()
    monkeypatch.setattr(plots, "FONTS", ("No Such Font", "STIXNonUnicode"))
    assert drawn() != box
    assert not caplog.records  # of the font that is not there


def test_the_settings_of_the_user_stay_as_they_were(make):
    before = dict(plt.rcParams)
    make().canvas.draw()
    assert dict(plt.rcParams) == before


@pytest.mark.parametrize("kind", NAMED)
@pytest.mark.parametrize("size", [1, 9])
def test_any_number_of_names_is_drawn(kind, size):
    if size < 3 and kind in ("words", "windows"):
        return  # three points and a window at least, as tested below
    figure = named_figures([f"name {i}" for i in range(size)])[kind]()
    figure.canvas.draw()
    assert max(figure.get_size_inches()) * figure.dpi < 2**16  # as much as a PNG may have


def test_twenty_systems_look_different():
    figures = named_figures([f"name {i}" for i in range(20)])
    lines = figures["comparison"]().axes[1].lines[1:40:2]  # validation
    assert len({(line.get_color(), line.get_marker()) for line in lines}) == 20
    bars = [bars[0] for bars in figures["scores"]().axes[0].containers]
    assert len({(bar.get_facecolor(), bar.get_hatch()) for bar in bars}) == 20
    clusters = figures["words"]().axes[0].collections
    looks = {(to_hex(c.get_facecolor()[0]), c.get_paths()[0].vertices.tobytes()) for c in clusters}
    assert len(looks) == 20


def test_a_long_name_is_cut():
    figure = plot_attention(["a" * 500], [[1.0]], ["b\n" * 500], "c" * 500)
    figure.canvas.draw()
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert texts == ["a" * 13 + "…"]


KINDS = {
    "list": lambda values: np.asarray(values).tolist(),
    "array": np.float32,
    "tensor": lambda values: torch.tensor(values, requires_grad=True),
    "half": lambda values: torch.tensor(values, dtype=torch.bfloat16),
    "list of tensors": lambda values: list(torch.tensor(values, requires_grad=True)),
}


@pytest.mark.parametrize("kind", KINDS)
def test_numbers_may_come_as_lists_arrays_or_tensors(kind):
    make = KINDS[kind]
    values = [[0.5, 0.25], [0.125, 1.0]]  # exact in every type
    (axes,) = plot_learning_curves(make(values[0]), make(values[1])).axes
    assert [list(line.get_ydata()) for line in axes.lines[:2]] == values
    axes = plot_attention(["a", "b"], make(values), ["c", "d"]).axes[0]
    assert axes.images[0].get_array().tolist() == values
    figure = plot_attention(["a", "b"], make(values), ["c", "d"], contributions=make(values))
    axes = figure.axes[1]
    assert axes.images[0].get_array().tolist() == values
    arrays = dict.fromkeys(NAMES, make(values))
    left, _ = plot_comparison({"a": arrays}, 0.25).axes
    assert left.lines[0].get_ydata().tolist() == [0.3125, 0.625]
    assert drawn_intervals(plot_intervals({"a": make([0.5, 0.25, 0.75])}, "")) == [[25, 50, 75]]
    vectors = {"a": make([1.0, 0.0]), "b": make([0.0, 1.0]), "c": make([1.0, 1.0])}
    assert len(drawn_points(plot_words(vectors, list(vectors)))[1]) == 3


def drawn_intervals(figure):
    """Lower end, mean and upper end of each row, from the top down."""
    means, _, (bars,) = figure.axes[0].containers[0].lines
    rows = zip(means.get_xdata(), bars.get_segments(), strict=True)
    return [[bar[0, 0], mean, bar[1, 0]] for mean, bar in rows]


NAN = float("nan")
REFUSED = {
    r"train_loss must have shape \(epochs\), got \(0,\)": lambda: plot_learning_curves([], []),
    r"valid_loss must have shape \(epochs = 2\), got \(1,\)": lambda: plot_learning_curves(
        [0.5, 0.4], [0.5]
    ),
    r"train_loss must hold numbers, in rows of one length, got \['a'\]": (
        lambda: plot_learning_curves(["a"], [0.5])
    ),
    "train_loss must be finite, got nan": lambda: plot_learning_curves([NAN], [0.5]),
    "scores must hold at least one item": lambda: plot_scores({}, CHANCE),
    "chance must hold at least one item": lambda: plot_scores(SCORES, {}),
    r"scores of 'x' must be finite, got nan at \(1,\)": (
        lambda: plot_scores({"x": {"accuracy": 0.5}}, CHANCE)
    ),
    r"scores of 'x' must lie in \[0, 1\], got \[83": lambda: plot_scores(
        {"x": {"accuracy": 83.3, "AUC": 0.5}}, CHANCE
    ),
    "after must hold at least one item": lambda: plot_neighbours({}, {}),
    r"before must hold the words of after, \['king', 'snow'\], got \['king'\]": (
        lambda: plot_neighbours({"king": []}, NEIGHBOURS)
    ),
    "before of 'a' must be finite": lambda: plot_neighbours({"a": [("b", NAN)]}, {"a": []}),
    "curves must hold at least one item": lambda: plot_comparison({}, 0.25),
    r"train_loss of 'a' must have shape \(seeds, epochs\), got \(0,\)": (
        lambda: plot_comparison({"a": {}}, 0.25)
    ),
    r"train_loss of 'b' must have shape \(seeds = 3, epochs = 4\), got \(2, 4\)": (
        lambda: plot_comparison({"a": curves()["random"], "b": curves(2)["random"]}, 0.25)
    ),
    "intervals must hold at least one item": lambda: plot_intervals({}, ""),
    r"interval of 'a' must be mean, low, high, got \(0.4, 0.5, 0.6\)": (
        lambda: plot_intervals({"a": (0.4, 0.5, 0.6)}, "")
    ),
    "interval of 'a' must be finite": lambda: plot_intervals({"a": (0.4, NAN, NAN)}, ""),
    "words must hold at least one item": lambda: plot_attention([], np.ones((1, 0)), ["a"]),
    "class_names must hold at least one item": lambda: plot_attention(["a"], [[1.0]], []),
    r"weights must have shape \(n_classes = 2, T = 1\), got \(1, 1\)": lambda: plot_attention(
        ["a"], [[1.0]], ["a", "b"]
    ),
    r"weights must be finite, got nan at \(0, 0\)": lambda: plot_attention(["a"], [[NAN]], ["a"]),
    r"contributions must have shape \(n_classes = 1, T = 1\), got \(1, 2\)": (
        lambda: plot_attention(["a"], [[1.0]], ["a"], contributions=[[1.0, 2.0]])
    ),
    r"vectors\['b'\] must be finite": lambda: plot_words(
        {"a": [1.0], "b": [NAN], "c": [2.0]}, ["a", "b", "c"]
    ),
    r"vectors\['b'\] must have shape \(d = 1\), got \(2,\)": lambda: plot_words(
        {"a": [1.0], "b": [1.0, 2.0], "c": [2.0]}, ["a", "b", "c"]
    ),
    r"radius must leave 2R \+ 1 at most the 1 words, got 2": (lambda: plot_windows(["a"], 2)),
    r"centers must lie between 2 and 6, with R = 2 words on each side, got \[2, 1\]": (
        lambda: plot_windows(SENTENCE, 2, [2, 1])
    ),
    r"centers must lie between 2 and 6, .* got \[\]": lambda: plot_windows(SENTENCE, 2, []),
    "negatives must hold a list for each of 1 centers, got 2": lambda: plot_windows(
        SENTENCE, 2, [2], negatives=[["a"], ["b"]]
    ),
    "radius must be a positive integer, got 0": lambda: plot_windows(SENTENCE, 0),
}


@pytest.mark.parametrize("message", REFUSED)
def test_what_cannot_be_drawn_is_refused_by_name(message):
    with pytest.raises(ValueError, match=message):
        REFUSED[message]()
    assert plt.get_fignums() == []  # nothing half drawn is shown by a notebook


def test_one_text_in_place_of_words_is_refused():
    with pytest.raises(TypeError, match="words must be a list of words, got the text 'the fox'"):
        plot_attention("the fox", [[1.0]], ["a"])


# Windows: Q3.2


def boxes(figure):
    """The kind of each box, a row for each center: . other, w center, + context, - negative."""
    kinds = figure.axes[0].images[0].get_array()
    return ["".join(" .w+-"[int(k) + 1] for k in row) for row in kinds.filled(-1)]


def test_a_window_slides_over_the_sentence():
    figure = plot_windows(SENTENCE, np.int64(2))
    assert boxes(figure) == ["++w++....", ".++w++...", "..++w++..", "...++w++.", "....++w++"]
    axes = figure.axes[0]
    assert [text.get_text() for text in axes.texts] == SENTENCE * 5
    names = [tick.get_text() for tick in axes.get_yticklabels()]
    assert names == ["w = brown", "w = fox", "w = jumps", "w = over", "w = the"]
    assert axes.yaxis_inverted()
    assert legend_texts(figure) == ["other word", "center word w", "context, in C⁺"]


def test_the_center_is_told_apart_without_colour():
    axes = plot_windows(SENTENCE, 2, [4]).axes[0]
    assert [text.get_text() for text in axes.texts if text.get_color() == "white"] == ["jumps"]


def test_negatives_stand_beside_the_sentence():
    figure = FIGURES["windows"]()
    assert boxes(figure) == ["++w++.... --", "..++w++.. - "]
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert texts[:12] == [*SENTENCE, "", "sea", "10"] and texts[-3:] == ["", "of", ""]
    assert legend_texts(figure)[-1] == "negative, in C⁻"


# Learning curves: Q3.10


def test_learning_curves_have_units_and_the_loss_of_knowing_nothing():
    (axes,) = FIGURES["learning curves"]().axes
    assert axes.get_xlabel() == "epoch"
    assert axes.get_ylabel() == "mean loss per pair (nats)\n(the axis does not start at 0)"
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
    best = line_labelled(axes, "lowest validation loss")
    assert (list(best.get_xdata()), list(best.get_ydata())) == ([2], [0.5])
    assert legend_texts(axes) == [
        "training",
        "validation",
        "lowest validation loss",
        "untrained: ln 2",
    ]


def test_a_small_change_of_the_loss_is_seen():
    (axes,) = plot_learning_curves([0.2235, 0.1871, 0.1822], [0.2067, 0.2045, 0.2039]).axes
    low, high = axes.get_ylim()
    assert 0.17 < low < 0.1822 and 0.2235 < high < 0.24
    assert axes.get_title() == "untrained: ln 2 = 0.693, above the picture"
    assert legend_texts(axes) == ["training", "validation", "lowest validation loss"]


def test_the_untrained_loss_near_the_curves_is_a_line():
    (axes,) = plot_learning_curves([0.62, 0.58], [0.6, 0.57]).axes
    assert list(line_labelled(axes, "untrained: ln 2").get_ydata()) == pytest.approx([LN2, LN2])
    low, high = axes.get_ylim()
    assert 0.5 < low and high > LN2 and not axes.get_title()


def test_a_loss_that_is_not_finite_leaves_a_gap():
    (axes,) = plot_learning_curves([0.6, NAN, 0.5], [float("inf"), 0.6, 0.5]).axes
    assert np.isnan([axes.lines[0].get_ydata()[1], axes.lines[1].get_ydata()[0]]).all()
    assert list(line_labelled(axes, "lowest validation loss").get_xdata()) == [3]
    assert np.isfinite(axes.get_ylim()).all()


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
    (lines,) = axes.collections
    chance = [segment[:, 1].tolist() for segment in lines.get_segments()]
    assert chance == [pytest.approx([500 / 6] * 2), pytest.approx([50.0] * 2)]
    assert to_hex(lines.get_color()[0]) == to_hex("grey")
    assert lines.get_linestyle()[0][1] is not None  # dashed
    assert legend_texts(axes.figure)[-1] == "constant answer"


def test_every_system_has_its_bars_and_its_colour():
    (axes,) = FIGURES["scores"]().axes
    heights = [[bar.get_height() for bar in bars] for bars in axes.containers]
    assert heights == [pytest.approx([90, 80]), pytest.approx([85, 70])]
    colours = [to_hex(bars[0].get_facecolor()) for bars in axes.containers]
    assert colours == [colour.lower() for colour in OKABE_ITO[:2]]
    assert legend_texts(axes.figure) == ["word2vec", "frequency", "constant answer"]


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


def test_each_word_has_its_own_neighbours_in_whatever_order_they_come():
    after = {f"w{i}": [(f"near {i}", 0.1 * i)] for i in range(7)}
    before = {word: [(f"far from {word}", -0.5)] for word in reversed(after)}
    drawn = plot_neighbours(before, after).axes
    assert {axes.get_title(): axes.texts[0].get_text() for axes in drawn} == {
        f"w{i}, before": f"far from w{i}" for i in range(7)
    } | {f"w{i}, after": f"near {i}" for i in range(7)}
    assert all(axes.get_xlim()[0] <= -0.5 for axes in drawn)  # a negative cosine is seen


def test_a_word_without_neighbours_has_an_empty_column():
    figure = plot_neighbours({"a": []}, {"a": [("b", 0.5)]})
    figure.canvas.draw()
    assert [len(axes.patches) for axes in figure.axes] == [0, 1]


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


def test_the_band_is_the_sample_deviation_that_is_printed():
    arrays = dict.fromkeys(NAMES, [[0.2], [0.3], [0.7]])
    _, right = plot_comparison({"a": arrays}, 0.25).axes
    band = right.collections[0].get_paths()[0].vertices[:, 1]
    assert (band.max() - band.min()) / 2 == pytest.approx(stdev([20, 30, 70]))


def test_one_seed_has_a_line_and_no_band():
    figure = plot_comparison(curves(1), 0.25, "500 labels")
    assert figure.get_suptitle() == "500 labels (1 seed)"
    assert [len(axes.collections) for axes in figure.axes] == [0, 0]


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


def test_300_tokens_stand_in_lines_of_14():
    words, weights = [f"t{i}" for i in range(300)], np.random.default_rng(0).random((2, 300))
    axes = plot_attention(words, weights, ["World", "Sports"]).axes[0]
    table = axes.images[0].get_array()
    assert table.shape == (22 * 3 - 1, 14)  # 22 lines of two classes, and a row between
    rows = table.filled(np.nan)[np.arange(65) % 3 == 1]  # of Sports
    np.testing.assert_array_equal(rows.ravel()[:300], weights[1])
    assert np.isnan(rows.ravel()[300:]).all() and np.isnan(table.filled(np.nan)[2::3]).all()
    for text in axes.texts[300:]:
        x, y = text.get_position()
        assert text.get_text() == f"t{int((y - 1) / 3 * 14 + x)}"


def test_small_weights_of_many_words_are_seen():
    limits = [
        plot_attention(["a"] * t, weights, ["b"]).axes[0].images[0].get_clim()
        for t, weights in ((100, np.full((1, 100), 0.01)), (4, [[0.9, 0.1, 0, 0]]), (1, [[1.0]]))
    ]
    assert limits == [(0, 0.03), (0, 0.9), (0, 1)]


def test_contributions_are_printed_with_their_sign_and_their_sum():
    above, below, bar, share_bar = FIGURES["contributions"]().axes
    assert above.images[0].get_array().tolist() == [[0.75, 0.25]] * 2
    assert below.images[0].get_array().tolist() == [[0.5, -0.25], [-1.5, 0.0]]
    assert below.images[0].get_clim() == (-1.5, 1.5)  # white is 0
    texts = [text.get_text() for text in below.texts]
    assert texts == ["good\n+0.5", "deal\n-0.2", "good\n-1.5", "deal\n+0.0"]
    names = [tick.get_text() for tick in below.get_yticklabels()]
    assert names == ["World\nsum +0.2", "Sports\nsum -1.5"]
    assert (share_bar.get_ylabel(), bar.get_ylabel()) == (
        "attention (share)",
        "contribution to logit",
    )


def test_contributions_show_two_digits_of_the_largest():
    figure = plot_attention(["a", "b"], [[0.5, 0.5]], ["c"], contributions=[[0.0123, -1e-6]])
    texts = [text.get_text() for text in figure.axes[1].texts]
    assert texts == ["a\n+0.012", "b\n+0.000"]
    plot_attention(["a"], [[1.0]], ["c"], contributions=[[0.0]]).canvas.draw()  # all are 0


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
    assert axes.get_xlabel() == "principal component 1 (100 % of variance)"
    assert axes.get_ylabel() == "principal component 2 (0 % of variance)"


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


def test_vectors_of_one_number_are_drawn_on_a_line():
    _, points = drawn_points(plot_words({"a": [1.0], "b": [-1.0], "c": [2.0]}, ["a", "b", "c"]))
    assert points[:, 1].tolist() == [0, 0, 0] and len(set(np.round(points[:, 0], 6))) == 2


def test_intervals_are_drawn_in_percent_from_the_top_down():
    figure = plot_intervals({"R=2": (0.5, 0.4, 0.7), "R=10": (0.6, 0.55, 0.65)}, "5 seeds")
    (axes,) = figure.axes
    np.testing.assert_allclose(drawn_intervals(figure), [[40, 50, 70], [55, 60, 65]])
    assert [text.get_text() for text in axes.get_yticklabels()] == ["R=2", "R=10"]
    means, _, (bars,) = axes.containers[0].lines
    places = axes.get_yticks().tolist()  # each bar and mean beside its own name
    assert list(means.get_ydata()) == [bar[0, 1] for bar in bars.get_segments()] == places
    assert axes.yaxis_inverted() and "5 seeds" in axes.get_xlabel()
    assert list(axes.lines[0].get_xdata()) == [50, 50]  # the dashed line of the first


def test_drawing_leaves_a_setting_that_changes_meanwhile():
    """A notebook turns its interactive mode on while it makes its first figure."""
    before = plt.rcParams["interactive"]
    try:
        plt.rcParams["interactive"] = False
        with plots._plain_text():
            plt.rcParams["interactive"] = True
        assert plt.rcParams["interactive"]
        assert plt.rcParams["text.parse_math"]
    finally:
        plt.rcParams["interactive"] = before
