"""Figures from plain numbers. Each function returns its figure and neither shows nor saves it.

Numbers may come as lists, arrays or tensors on any device. Every text is drawn as it stands: `$` is
a letter. A character that no font of the machine has is drawn as a box.
"""

import math
import operator
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence, Sized
from contextlib import contextmanager
from typing import Any, Protocol, cast

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure as MatplotlibFigure
from matplotlib.font_manager import fontManager
from matplotlib.image import AxesImage
from matplotlib.patches import Patch
from matplotlib.patheffects import withStroke
from numpy.typing import ArrayLike

COLOURS = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9")  # Okabe-Ito
MARKERS = ("o", "s", "^", "D", "v", "P")
HATCHES = ("", "//", "..", "xx", "\\\\", "++")
DPI = 100
SIDES = np.array([(1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (1, -1), (-1, 1), (-1, -1)])  # x, y
WORDS_PER_LINE = 14  # as many as a laptop shows side by side
# Fonts of Windows, macOS and Linux for the scripts that matplotlib's own font lacks
FONTS = (
    *("Microsoft YaHei", "Malgun Gothic", "Nirmala UI", "Segoe UI Emoji", "Arial Unicode MS"),
    *("Hiragino Sans", "Noto Sans CJK JP", "WenQuanYi Micro Hei", "Noto Sans Devanagari"),
)


class WordLookup(Protocol):
    """Give the vector of a word, shape (d,), as a `WordVectors` or a dict of arrays does."""

    def __contains__(self, word: str, /) -> bool: ...

    def __getitem__(self, word: str, /) -> Any: ...


# Texts


@contextmanager
def _plain_text() -> Iterator[None]:
    """Within it, no text is read as a formula and no character is reported as missing."""
    installed = {font.name for font in fontManager.ttflist}
    fonts = [*plt.rcParams["font.family"], *(font for font in FONTS if font in installed)]
    settings: dict[Any, Any] = {
        "text.parse_math": False,
        "text.usetex": False,
        "font.family": fonts,
    }
    before = {name: plt.rcParams[name] for name in settings}
    # Not plt.rc_context: it restores all settings, also the interactive mode that a notebook turns
    # on while it makes its first figure. Later figures would then not be shown.
    plt.rcParams.update(settings)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Glyph .* missing from")
            warnings.filterwarnings("ignore", "Matplotlib currently does not support")  # a script
            yield
    finally:
        plt.rcParams.update(before)


class Figure(MatplotlibFigure):
    """A figure that is drawn without a warning in any script, also when it is saved later."""

    @_plain_text()
    def draw(self, renderer: Any) -> None:
        """Draw the figure, whatever the script of its texts.

        Args:
            renderer: what matplotlib draws with.
        """
        super().draw(renderer)


def _short(text: object, limit: int = 40) -> str:
    """Write a text on one line of at most `limit` characters."""
    line = " ".join(str(text).split()).encode("utf-8", "backslashreplace").decode()
    return line if len(line) <= limit else line[: limit - 1] + "…"


def _legend(parent: Any, artists: Iterable[Any], **where: Any) -> None:
    """Add a legend of these artists; matplotlib itself leaves out a label that begins with _."""
    artists = list(artists)
    legend = parent.legend(artists, [" "] * len(artists), fontsize=8, **where)
    for text, artist in zip(legend.get_texts(), artists, strict=True):
        text.set_text(_short(artist.get_label()))


# Arguments


def _words(name: str, words: Iterable[object]) -> list[str]:
    """Check that some words are given, one by one."""
    if isinstance(words, str):
        raise TypeError(f"{name} must be a list of words, got the text {_short(words)!r}; split it")
    found = [str(word) for word in words]
    _refuse_empty(name, found)
    return found


def _refuse_empty(name: str, things: Sized) -> None:
    """Check that there is something to draw."""
    if not len(things):
        raise ValueError(f"{name} must hold at least one item, got none")


def _numbers(
    name: str, values: ArrayLike, shape: Mapping[str, int | None], *, gaps: bool = False
) -> np.ndarray:
    """Copy finite numbers to an array of float64; with `gaps`, what is not finite becomes nan.

    `shape` names each axis and gives its size, None for any size of 1 or more.
    """
    try:
        array = np.array(_lists(values), dtype=float)
    except (TypeError, ValueError):
        raise ValueError(
            f"{name} must hold numbers, in rows of one length, got {_short(values)}"
        ) from None
    if array.size == 0:
        raise ValueError(f"{name} must hold at least one number, got none")
    sizes = list(shape.values())
    fits = all(size in (None, found) for size, found in zip(sizes, array.shape, strict=False))
    if array.ndim != len(sizes) or not fits:
        wanted = ", ".join(f"{axis} = {size}" if size else axis for axis, size in shape.items())
        raise ValueError(f"{name} must have shape ({wanted}), got {array.shape}")
    finite = np.isfinite(array)
    if not (finite.any() if gaps else finite.all()):
        place = tuple(map(int, np.argwhere(~finite)[0]))
        raise ValueError(f"{name} must be finite, got {array[place]} at {place}")
    return np.where(finite, array, np.nan)


def _lists(values: Any) -> Any:
    """Turn an array, a tensor of any device, or a nest of them into lists."""
    if hasattr(values, "tolist"):
        return values.tolist()
    if isinstance(values, str) or not isinstance(values, Iterable):
        return values
    return [_lists(value) for value in values]


# Figures and axes


def _figure(
    n_rows: int = 1, n_columns: int = 1, *, width: float = 6.0, height: float = 3.6
) -> tuple[Figure, np.ndarray]:
    """Make a figure of equal axes, each of a fixed size in inches; return both, the axes flat."""
    figure, grid = plt.subplots(
        n_rows,
        n_columns,
        figsize=(width * n_columns, height * n_rows),
        dpi=DPI,
        layout="constrained",
        squeeze=False,
        FigureClass=Figure,
    )
    return cast(Figure, figure), grid.ravel()  # pyplot's own type forgets FigureClass


def _look(i: int) -> dict[str, Any]:
    """Return the colour and the marker of system i; the first 36 differ from one another."""
    return {"color": COLOURS[i % 6], "marker": MARKERS[(i + i // 6) % 6]}


def _epoch_axis(axes: Axes, n_epochs: int) -> None:
    """Label the axis of epochs, with ticks at whole numbers only."""
    axes.set_xlabel("epoch")
    axes.set_xticks(range(1, n_epochs + 1, max(1, n_epochs // 10)))
    axes.grid(alpha=0.3)


# Windows: Q3.2


@_plain_text()
def plot_windows(
    words: Iterable[object],
    radius: int,
    centers: Iterable[int] | None = None,
    *,
    negatives: Sequence[Iterable[object]] | None = None,
) -> Figure:
    """Draw a window that slides over a sentence: a row for each center word.

    Of a text of more than 40 words, only the part near the centers is drawn. Words that would be
    too small to read are left out; their boxes stay.

    Args:
        words: the words of the sentence.
        radius: R, the number of context words on each side.
        centers: positions of center words, counted from 0, each with R words on both sides; by
            default the first eight of them.
        negatives: for each center, its negatives C-, drawn from the vocabulary.

    Returns:
        The figure: center word w, its 2R contexts C+, the other words, and on the right C-.

    Raises:
        TypeError: `radius` is not an integer, or `words` is one text.
        ValueError: no window fits into the sentence, a center has fewer than R words on a side,
            or the number of lists of negatives is not that of the centers.

    Source: assignment section 1.2 (R, C+ and C-) and Q3.2.
    """
    words = _words("words", words)
    try:
        radius = operator.index(radius)
    except TypeError:
        raise TypeError(f"radius must be a positive integer, got {radius!r}") from None
    if radius < 1:
        raise ValueError(f"radius must be a positive integer, got {radius!r}")
    possible = range(radius, len(words) - radius)
    if not possible:
        raise ValueError(f"words must be 2R + 1 = {2 * radius + 1} or more, got {len(words)}")
    centers = list(possible[:8] if centers is None else map(int, centers))
    _refuse_empty("centers", centers)
    for center in centers:
        if center not in possible:
            raise ValueError(
                f"centers must lie between {possible[0]} and {possible[-1]}, with R = {radius} "
                f"words on each side, got {center}"
            )
    drawn = [_words("negatives", row) for row in negatives or [[" "]] * len(centers)]
    if len(drawn) != len(centers):
        raise ValueError(
            f"negatives must hold a list for each of {len(centers)} centers, got {len(drawn)}"
        )
    first, last = 0, len(words)
    if len(words) > 40:
        first, last = max(0, min(centers) - radius - 2), max(centers) + radius + 3
    positions = range(len(words))[first:last]
    n_drawn = max(map(len, drawn)) + 1 if negatives else 0  # columns right of the sentence
    cells = np.full((len(centers), len(positions) + n_drawn), "", object)
    kinds = np.full(cells.shape, np.nan)  # 0 outside, 1 center, 2 context, 3 negative
    for row, center in enumerate(centers):
        for column, position in enumerate(positions):
            distance = abs(position - center)
            cells[row, column] = _short(words[position], 16)
            kinds[row, column] = 1 if distance == 0 else 2 if distance <= radius else 0
        if negatives:
            of_center = slice(len(positions) + 1, len(positions) + 1 + len(drawn[row]))
            cells[row, of_center] = [_short(word, 16) for word in drawn[row]]
            kinds[row, of_center] = 3
    names = [f"w = {_short(words[center], 16)}" for center in centers]
    return _draw_boxes(cells, kinds, names, radius)


def _draw_boxes(cells: np.ndarray, kinds: np.ndarray, names: list[str], radius: int) -> Figure:
    """Draw a table of words as boxes, with a colour and a type face for each kind of word."""
    looks = (  # name, fill, text, weight and slant
        ("other words", "#F2F2F2", "dimgrey", "normal", "normal"),
        ("center word w", COLOURS[0], "white", "bold", "normal"),
        (f"contexts C⁺ (2R = {2 * radius})", COLOURS[1], "black", "normal", "normal"),
        ("negatives C⁻, drawn from the vocabulary", COLOURS[4], "black", "normal", "italic"),
    )
    lengths = [max(map(len, column)) for column in cells.T]
    widths = [length + 2 if length else 1 for length in lengths]  # in letters
    edges = np.cumsum([0, *widths])
    inches = 0.085 * edges[-1]  # at 9 points
    scale = min(1, 10.5 / inches)
    is_readable = 9 * scale >= 4
    figure, (axes,) = _figure(width=max(6.0, inches * scale + 1.2), height=0.34 * len(cells) + 1.0)
    axes.pcolormesh(
        edges,
        np.arange(len(cells) + 1) - 0.5,
        np.ma.masked_invalid(kinds),
        cmap=ListedColormap([look[1] for look in looks]),
        vmin=-0.5,
        vmax=3.5,
        edgecolors="white",
        linewidth=2 * scale if is_readable else 0,
    )
    middles = (edges[:-1] + edges[1:]) / 2
    for row, column in np.argwhere(np.isfinite(kinds)) if is_readable else ():
        _, _, color, weight, slant = looks[int(kinds[row, column])]
        text = axes.text(
            middles[column],
            row,
            cells[row, column],
            fontsize=9 * scale,
            color=color,
            weight=weight,
            style=slant,
            ha="center",
            va="center_baseline",
        )
        text.set_in_layout(False)
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_xticks([])
    axes.set_xlabel("words of the sentence, in order", loc="left")
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    shown = [looks[kind] for kind in (1, 2, 0, 3) if (kinds == kind).any()]
    _legend(
        figure,
        [Patch(facecolor=fill, label=name) for name, fill, *_ in shown],
        loc="outside upper center",
        ncols=len(shown),
    )
    return figure


# Training and evaluation: Q3.10, Q3.11


@_plain_text()
def plot_learning_curves(
    train_loss: ArrayLike, valid_loss: ArrayLike, *, n_outcomes: int = 2
) -> Figure:
    """Draw the loss of each epoch on training and validation pairs.

    The loss axis starts at 0 if the curves then fill a third of it; otherwise it shows the range
    of the curves, and its label says so. A loss that is not finite leaves a gap.

    Args:
        train_loss: mean loss per pair, in nats, one number for each epoch.
        valid_loss: the same on the validation set.
        n_outcomes: how many outcomes an untrained model takes as equally likely: 2 for negative
            sampling, V for a softmax over V words.

    Returns:
        The figure. The untrained loss, ln(n_outcomes), is a dashed line, or a note if it lies
        far above the curves.

    Raises:
        ValueError: no epoch, lists of different length, or no finite loss.

    Source: assignment Q3.10.
    """
    train = _numbers("train_loss", train_loss, {"epochs": None}, gaps=True)
    valid = _numbers("valid_loss", valid_loss, {"epochs": len(train)}, gaps=True)
    figure, (axes,) = _figure()
    epochs = range(1, len(train) + 1)
    axes.plot(epochs, train, label="training", **_look(0))
    axes.plot(epochs, valid, label="validation", **_look(1))
    best = int(np.nanargmin(valid))
    axes.plot(best + 1, valid[best], "*", color="black", ms=12, label="best epoch", ls="none")
    losses = np.concatenate([train, valid])
    low, high = float(np.nanmin(losses)), float(np.nanmax(losses))
    is_narrow = 0 <= high - low < high / 3
    bottom = low - 0.1 * ((high - low) or high) if is_narrow else min(0.0, 1.05 * low)
    untrained, name = math.log(n_outcomes), f"untrained: ln {n_outcomes}"
    top = high
    if untrained <= high + 2 * (high - bottom):  # the curves keep a third of the axis
        axes.axhline(untrained, color="grey", ls="--", label=name)
        top = max(high, untrained)
    else:
        note = f"{name} = {untrained:.3f}, above ↑"
        axes.text(0.03, 0.97, note, transform=axes.transAxes, va="top", color="dimgrey", fontsize=9)
    axes.set_ylim(bottom, top + 0.12 * ((top - bottom) or 1))
    axes.set_ylabel("mean loss per pair (nats)" + "\n(the axis does not start at 0)" * is_narrow)
    _epoch_axis(axes, len(train))
    _legend(axes, axes.lines)
    return figure


@_plain_text()
def plot_scores(scores: Mapping[str, Mapping[str, float]], chance: Mapping[str, float]) -> Figure:
    """Draw several scores of several systems side by side, each with its chance level.

    Args:
        scores: for each system, its scores by name, in [0, 1].
        chance: the value of each score if every answer is the same, in [0, 1].

    Returns:
        The figure: a group of bars for each score, a bar for each system.

    Raises:
        ValueError: no system or score, a score that is missing, or one outside [0, 1].

    Source: assignment Q3.11.
    """
    _refuse_empty("scores", scores)
    _refuse_empty("chance", chance)
    levels = _percent("chance", chance, chance)
    heights = [_percent(f"scores[{system!r}]", of, chance) for system, of in scores.items()]
    width = 0.8 / len(scores)
    places = np.arange(len(chance))
    figure, (axes,) = _figure(width=max(7.0, 0.38 * len(scores) * len(chance) + 1.5), height=4.0)
    for i, system in enumerate(scores):
        axes.bar(
            places + i * width,
            heights[i],
            width * 0.92,
            color=COLOURS[i % 6],
            hatch=HATCHES[i // 6 % 6],
            edgecolor="white",
            linewidth=0,
            label=_short(system),
        )
        axes.bar_label(axes.containers[-1], fmt="%.1f", fontsize=8, padding=1)
    axes.hlines(
        levels,
        places - width / 2,
        places + (len(scores) - 0.5) * width,
        color="grey",
        ls="--",
        label="constant answer",
        path_effects=[withStroke(linewidth=3.5, foreground="white")],  # else lost on a grey bar
    )
    names = ["AUC" if name == "auc" else _short(name).replace("_", " ") for name in chance]
    axes.set_xticks(places + (len(scores) - 1) * width / 2, names)
    axes.set_ylabel("score on held-out pairs (%)")
    axes.set_ylim(0, 108)
    handles = [*axes.containers, axes.collections[0]]
    _legend(figure, handles, loc="outside upper center", ncols=min(3, len(handles)))
    return figure


def _percent(name: str, values: Mapping[str, float], chance: Mapping[str, float]) -> np.ndarray:
    """Return the scores that `chance` names, in percent."""
    missing = [score for score in chance if score not in values]
    if missing:
        raise ValueError(f"{name} must hold every score of chance, got none for {missing!r}")
    shares = _numbers(name, [values[score] for score in chance], {"scores": len(chance)})
    if shares.min() < 0 or shares.max() > 1:
        raise ValueError(f"{name} must lie in [0, 1], got {shares.tolist()}")
    return 100 * shares


@_plain_text()
def plot_neighbours(
    before: Mapping[str, Sequence[tuple[str, float]]],
    after: Mapping[str, Sequence[tuple[str, float]]],
) -> Figure:
    """Draw the nearest words of chosen words before and after training.

    Args:
        before: for each word, pairs of a near word and its cosine, the nearest first.
        after: the same words, after training.

    Returns:
        The figure: a column for each word, five side by side; before training above, after
        training below.

    Raises:
        ValueError: no word, other words before than after, or a cosine that is not finite.

    Source: assignment Q3.10; Mikolov et al. 2013a, section 4.
    """
    _refuse_empty("after", after)
    if set(before) != set(after):
        raise ValueError(f"before must hold the words of after, {list(after)}, got {list(before)}")
    n_columns = min(5, len(after))
    n_rows = 2 * math.ceil(len(after) / n_columns)
    most = max(len(nearest) for of in (before, after) for nearest in of.values())
    cosines = {
        (when, word): _numbers(f"{when}[{word!r}]", [0.0, *(c for _, c in near)], {"words": None})[
            1:
        ]
        for when, of in (("before", before), ("after", after))
        for word, near in of.items()
    }
    lowest = min(0.0, *(values.min(initial=0) for values in cosines.values()))
    figure, grid = _figure(n_rows, n_columns, width=2.2, height=max(2.2, 0.24 * most + 0.7))
    for i, word in enumerate(after):
        row = 2 * (i // n_columns)
        for k, (when, nearest) in enumerate((("before", before[word]), ("after", after[word]))):
            axes = grid[(row + k) * n_columns + i % n_columns]
            axes.barh(range(len(nearest)), cosines[when, word], color=COLOURS[k], alpha=0.45)
            for place, (near, _) in enumerate(nearest):
                axes.text(0.02, place, _short(near, 24), va="center", fontsize=9)
            axes.set_yticks([])
            axes.invert_yaxis()
            axes.set_title(f"{_short(word, 20)}, {when}", fontsize=9)
            axes.set_xlabel("cosine" if k else "")
    for axes in grid:
        axes.set_xlim(1.05 * lowest, 1)
        axes.set_xticks([0, 0.5, 1])
        if not axes.get_title():
            axes.remove()
    return figure


# Comparisons: Q4.3, Q4.4


@_plain_text()
def plot_comparison(
    curves: Mapping[str, Mapping[str, ArrayLike]], chance: float, title: str = ""
) -> Figure:
    """Draw the loss and accuracy of several classifiers, in training and in validation.

    Args:
        curves: for each system, the arrays `train_loss`, `valid_loss`, `train_accuracy` and
            `valid_accuracy`, shape (seeds, epochs) each; losses in nats, accuracies in [0, 1].
        chance: the accuracy of guessing, in [0, 1].
        title: what is compared.

    Returns:
        The figure: loss left, accuracy right; lines are means over the seeds, bands are one
        sample standard deviation (as `statistics.stdev`) to each side. One seed has no band.

    Raises:
        ValueError: no system, an array that is missing, or arrays of different shapes.

    Source: assignment Q4.3.
    """
    _refuse_empty("curves", curves)
    read: dict[str, dict[str, np.ndarray]] = {}  # of shape (seeds, epochs) each
    n_seeds, n_epochs = 0, 0
    for system, arrays in curves.items():
        read[system] = {}
        for name in ("train_loss", "valid_loss", "train_accuracy", "valid_accuracy"):
            if name not in arrays:
                raise ValueError(f"curves[{system!r}] must hold {name!r}, got {list(arrays)}")
            sizes = {"seeds": n_seeds or None, "epochs": n_epochs or None}
            array = _numbers(f"curves[{system!r}][{name!r}]", arrays[name], sizes, gaps=True)
            read[system][name] = array
            n_seeds, n_epochs = array.shape
    n_rows = math.ceil((2 * len(read) + 1) / 4)  # of the legend
    figure, (left, right) = _figure(1, 2, width=5.2, height=3.6 + 0.2 * n_rows)
    for i, (system, arrays) in enumerate(read.items()):
        for part, style in (("train", ":"), ("valid", "-")):
            label = f"{_short(system)}, {part}"
            _draw_band(left, arrays[f"{part}_loss"], label, i, style)
            _draw_band(right, 100 * arrays[f"{part}_accuracy"], label, i, style)
    right.axhline(100 * chance, color="grey", ls="--", label="guessing")
    left.set_ylabel("mean cross-entropy (nats)")
    right.set_ylabel("accuracy (%)")
    left.set_ylim(bottom=0)
    right.set_ylim(0, 100)
    for axes in (left, right):
        _epoch_axis(axes, n_epochs)
    _legend(figure, right.lines, loc="outside lower center", ncols=4)
    spread = f"mean ± sample standard deviation over {n_seeds} seeds" if n_seeds > 1 else "1 seed"
    figure.suptitle(f"{_short(title, 80)} ({spread})".strip(), fontsize=10)
    return figure


def _draw_band(axes: Axes, values: np.ndarray, label: str, i: int, style: str) -> None:
    """Draw the mean over the seeds as a line, and the sample standard deviation as a band."""
    epochs = np.arange(1, values.shape[1] + 1)
    look = _look(i) if style == "-" else {"color": _look(i)["color"]}
    mean = values.mean(0)
    axes.plot(epochs, mean, ls=style, ms=4, label=label, **look)
    if len(values) > 1:
        deviation = values.std(0, ddof=1)
        axes.fill_between(
            epochs, mean - deviation, mean + deviation, color=look["color"], alpha=0.15
        )


def _interval(name: str, interval: ArrayLike) -> np.ndarray:
    """Return a mean and the two ends of its interval in percent, shape (3,)."""
    found = 100 * _numbers(name, interval, {"mean, low, high": 3})
    if not found[1] <= found[0] <= found[2]:
        raise ValueError(f"{name} must be mean, lower end, upper end, got {_short(interval)}")
    return found


@_plain_text()
def plot_intervals(intervals: Mapping[str, ArrayLike], label: str) -> Figure:
    """Draw the mean accuracy of several settings, each with its interval.

    Args:
        intervals: for each setting its mean, and the lower and upper end of its interval, in
            [0, 1]; the first setting is drawn at the top.
        label: what the intervals are, such as "mean and 95% interval of 5 seeds".

    Returns:
        The figure: a row for each setting.

    Raises:
        ValueError: no setting, or a mean that does not lie in its interval.

    Source: assignment Q4.4.
    """
    _refuse_empty("intervals", intervals)
    rows = [_interval(f"intervals[{name!r}]", values) for name, values in intervals.items()]
    figure, (axes,) = _figure(height=0.8 + 0.28 * len(rows))
    for place, (mean, low, high) in enumerate(rows):
        axes.plot([low, high], [place, place], color=COLOURS[0], lw=1.5)
        axes.plot(mean, place, "o", color=COLOURS[0], markersize=5)
    axes.set_yticks(range(len(intervals)), [_short(setting) for setting in intervals])
    axes.set_ylim(len(intervals) - 0.5, -0.5)
    axes.grid(axis="x", alpha=0.3)
    axes.set_xlabel(f"accuracy (%), {_short(label, 80)}\n(the axis does not start at 0)")
    return figure


@_plain_text()
def plot_accuracy_by_labels(
    accuracies: Mapping[str, Mapping[int, ArrayLike]], label: str
) -> Figure:
    """Draw the accuracy of several systems against the number of labels they were trained on.

    Args:
        accuracies: for each system and each number of labels, the mean and the lower and upper
            end of its interval, in [0, 1].
        label: what the intervals are, such as "mean and 95% interval of 5 seeds".

    Returns:
        The figure: labels on a logarithmic axis; intervals of one number stand side by side.

    Raises:
        ValueError: no system, a number of labels below 1, or a mean outside its interval.

    Source: assignment Q4.3.
    """
    _refuse_empty("accuracies", accuracies)
    rows: dict[str, np.ndarray] = {}  # labels, mean, low, high: shape (n, 4) each
    for system, by_labels in accuracies.items():
        name = f"accuracies[{system!r}]"
        _refuse_empty(name, by_labels)
        if min(by_labels) < 1:
            raise ValueError(f"{name} must have 1 label or more, got {min(by_labels)!r}")
        rows[system] = np.array(
            [[n, *_interval(f"{name}[{n}]", by_labels[n])] for n in sorted(by_labels)]
        )
    figure, (axes,) = _figure(width=7.0)
    for i, (system, table) in enumerate(rows.items()):
        sizes, mean, low, high = table.T
        places = sizes * 1.04 ** (i - (len(rows) - 1) / 2)  # side by side
        axes.errorbar(
            places, mean, [mean - low, high - mean], capsize=3, label=_short(system), **_look(i)
        )
    ticks = sorted({size for by_labels in accuracies.values() for size in by_labels})
    axes.set_xscale("log")
    axes.minorticks_off()
    axes.set_xticks(ticks, [f"{size:,}" for size in ticks])
    axes.set_xlabel("number of labelled texts (logarithmic)")
    axes.set_ylabel("accuracy (%)\n(the axis does not start at 0)")
    axes.set_title(_short(label, 80), fontsize=10)
    axes.grid(alpha=0.3)
    _legend(figure, axes.containers, loc="outside right upper")
    return figure


# Attention: section 4


@_plain_text()
def plot_attention(
    words: Iterable[object],
    weights: ArrayLike,
    class_names: Iterable[object],
    title: str = "",
) -> Figure:
    """Draw the attention weights of each class, over the words of a text.

    Args:
        words: the T tokens of the text.
        weights: attention weights, shape (n_classes, T); each row sums to 1.
        class_names: a name for each class.
        title: what stands above, such as the class predicted.

    Returns:
        The figure: the text once for each class, in lines of at most 14 words; the darker behind
        a word, the larger its weight. The scale ends at the largest weight, or at three times the
        equal share 1 / T if that is larger.

    Raises:
        ValueError: no word or class, or weights of another shape.

    Source: assignment section 4 (ClassAttentionModel).
    """
    words = _words("words", words)
    names = [_short(name, 24) for name in _words("class_names", class_names)]
    shares = _numbers("weights", weights, {"n_classes": len(names), "T": len(words)})
    figure, (axes,) = _word_axes(1, words, names)
    _draw_attention(axes, words, shares, names)
    axes.set_xlabel("words of the text, in order")
    axes.set_title(_short(title, 90), fontsize=10)
    return figure


@_plain_text()
def plot_contributions(
    words: Iterable[object],
    weights: ArrayLike,
    contributions: ArrayLike,
    class_names: Iterable[object],
    title: str = "",
) -> Figure:
    """Draw where each class attends, and what each word adds to the logit of each class.

    A word with much attention may speak against its class: attention has no sign.

    Args:
        words: the T tokens of the text.
        weights: attention weights, shape (n_classes, T); each row sums to 1.
        contributions: what each word adds to each logit, shape (n_classes, T).
        class_names: a name for each class.
        title: what stands above, such as the class predicted.

    Returns:
        The figure: attention above; contributions below, each printed with its sign, and the
        sum of each class.

    Raises:
        ValueError: no word or class, or numbers of another shape.

    Source: assignment section 4 (ClassAttentionModel).
    """
    words = _words("words", words)
    names = [_short(name, 24) for name in _words("class_names", class_names)]
    shape = {"n_classes": len(names), "T": len(words)}
    shares = _numbers("weights", weights, shape)
    parts = _numbers("contributions", contributions, shape)
    figure, (above, below) = _word_axes(2, words, names)
    _draw_attention(above, words, shares, names)
    limit = float(abs(parts).max()) or 1.0
    digits = max(1, 1 - math.floor(math.log10(limit)))
    cells = [
        [f"{_short(word, 14)}\n{part:+.{digits}f}" for word, part in zip(words, row, strict=True)]
        for row in np.round(parts, digits) + 0.0  # no -0.00
    ]
    sums = [
        f"{name}\nsum {total:+.{digits}f}" for name, total in zip(names, parts.sum(1), strict=True)
    ]
    image = _draw_cells(below, cells, parts, sums, "RdBu", -limit, limit)
    figure.colorbar(image, ax=below, label="contribution to logit")
    below.set_xlabel("words of the text, in order")
    above.set_title(_short(title, 90), fontsize=10)
    return figure


def _word_axes(n_rows: int, words: list[str], names: list[str]) -> tuple[Figure, np.ndarray]:
    """Make axes that hold a text once for each class, broken into lines."""
    n_lines, length = _lines(len(words))
    width = max(6.0, 0.7 * length + 1.2)
    return _figure(n_rows, width=width, height=0.55 * (n_lines * (len(names) + 1) - 1) + 0.9)


def _lines(n_words: int) -> tuple[int, int]:
    """Return how many lines of about equal length hold the words, and how many words a line."""
    n_lines = math.ceil(n_words / WORDS_PER_LINE)
    return n_lines, math.ceil(n_words / n_lines)


def _draw_attention(axes: Axes, words: list[str], shares: np.ndarray, names: list[str]) -> None:
    """Draw attention weights behind the words."""
    top = min(1.0, max(shares.max(), 3 / len(words)))
    cells = [[_short(word, 14) for word in words]] * len(names)
    image = _draw_cells(axes, cells, shares, names, "Blues", 0, top)
    axes.figure.colorbar(image, ax=axes, label="attention (share)")


def _draw_cells(
    axes: Axes,
    cells: Sequence[Sequence[str]],
    values: np.ndarray,
    names: list[str],
    colours: str,
    low: float,
    high: float,
) -> AxesImage:
    """Draw a text for each class and word, before a colour from `low` to `high`, in lines."""
    n, n_words = values.shape
    n_lines, length = _lines(n_words)
    table = np.full((n_lines * (n + 1) - 1, length), np.nan)  # an empty row between two lines
    places = [divmod(place, length) for place in range(n_words)]
    for place, (line, column) in enumerate(places):
        table[line * (n + 1) : line * (n + 1) + n, column] = values[:, place]
    image = axes.imshow(table, cmap=colours, aspect="auto", vmin=low, vmax=high)
    lightness = image.to_rgba(values)[..., :3] @ [0.299, 0.587, 0.114]  # (n_classes, T)
    for i, row in enumerate(cells):
        for place, (line, column) in enumerate(places):
            text = axes.text(
                column,
                line * (n + 1) + i,
                row[place],
                ha="center",
                va="center",
                fontsize=min(9, 86 / max(map(len, row[place].split("\n")))),
                color="white" if lightness[i, place] < 0.5 else "black",
            )
            text.set_in_layout(False)  # it lies within the axes; measuring it takes time
    rows = [line * (n + 1) + i for line in range(n_lines) for i in range(n)]
    axes.set_yticks(rows, names * n_lines)
    axes.set_xticks([])
    return image


# Words in the plane


@_plain_text()
def plot_words(
    vectors: WordLookup,
    words: Sequence[str] | Mapping[str, Sequence[str]],
    *,
    method: str = "pca",
) -> Figure:
    """Draw words as points in a plane; words with similar vectors are close together.

    Vectors are scaled to length 1 first, so that the cosine decides which are similar.

    Args:
        vectors: a `WordVectors`, or a dict: the vector of each word, shape (d,).
        words: the words to draw; or a dict of clusters, from the name of each to its words,
            which share a colour and a marker. A word of several clusters is drawn in the first.
        method: "pca", the plane in which the vectors vary most; or "tsne" (needs scikit-learn,
            the extra `plots`), which keeps near words together but has no scale.

    Returns:
        The figure.

    Raises:
        ValueError: another method, a word without a vector, a vector that is not finite or of
            another length, or fewer than three words.
        ImportError: t-SNE without scikit-learn.

    Source: Mikolov et al. 2013b, figure 2 (PCA); van der Maaten and Hinton 2008 (t-SNE).
    """
    if method not in ("pca", "tsne"):
        raise ValueError(f"method must be one of 'pca', 'tsne', got {method!r}")
    clusters = words if isinstance(words, Mapping) else {"": words}
    clusters = {name: _words("words", clusters[name]) for name in clusters}
    cluster_of = {word: c for c in reversed(list(clusters)) for word in clusters[c]}
    if len(cluster_of) < 3:
        raise ValueError(f"words must be three or more, got {list(cluster_of)!r}")
    unknown = [word for word in cluster_of if word not in vectors]
    if unknown:
        raise ValueError(f"words must have vectors, got {unknown!r} without one; leave them out")
    table: list[np.ndarray] = []  # of shape (d,) each
    for word in cluster_of:
        size = len(table[0]) if table else None
        table.append(_numbers(f"vectors[{word!r}]", vectors[word], {"d": size}))
    points, names = _plane(np.stack(table), method)
    figure, (axes,) = _figure(width=7.5, height=5.5)
    for i, cluster in enumerate(clusters):
        rows = [row for row, name in enumerate(cluster_of.values()) if name == cluster]
        axes.scatter(*points[rows].T, s=22, label=str(cluster), **_look(i))
    axes.set_xlabel(names[0])
    axes.set_ylabel(names[1])
    axes.margins(0.12)
    if len(clusters) > 1:
        n_columns = math.ceil(len(clusters) / 30)
        _legend(figure, axes.collections, loc="outside right center", ncols=n_columns)
    _label_points(figure, axes, points, list(cluster_of))
    return figure


def _plane(vectors: np.ndarray, method: str) -> tuple[np.ndarray, list[str]]:
    """Return a point for each vector, shape (n, 2), and the labels of the two axes."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)  # (n, 1)
    unit = vectors / np.where(lengths > 0, lengths, 1)  # (n, d)
    if method == "pca":
        left, sizes, _ = np.linalg.svd(unit - unit.mean(0), full_matrices=False)
        if unit.shape[1] == 1:  # a line is a plane without height
            left, sizes = np.pad(left, ((0, 0), (0, 1))), np.pad(sizes, (0, 1))
        left = left[:, :2] * np.sign(left[np.abs(left[:, :2]).argmax(0), [0, 1]])  # (n, 2)
        shares = 100 * sizes[:2] ** 2 / max((sizes**2).sum(), np.finfo(float).tiny)
        names = zip(("first", "second"), shares, strict=True)
        labels = [
            f"{name} principal component ({share:.0f} % of variance)" for name, share in names
        ]
        return left * sizes[:2], labels
    try:
        from sklearn.manifold import TSNE
    except ImportError:
        raise ImportError(
            "scikit-learn must be installed for method 'tsne', got none; "
            "pip install 'w2v[plots]', or take method='pca'"
        ) from None
    perplexity = min(15, (len(unit) - 1) / 3)  # about how many neighbours a point has
    points = TSNE(perplexity=perplexity, random_state=0).fit_transform(unit)  # (n, 2)
    return points, ["first t-SNE coordinate (no unit)", "second t-SNE coordinate (no unit)"]


def _label_points(figure: Figure, axes: Axes, points: np.ndarray, words: Sequence[str]) -> None:
    """Write each word beside its point, where it covers the fewest points and words so far."""
    figure.draw_without_rendering()  # fixes the layout, and so the place of each point in pixels
    figure.set_layout_engine("none")
    here = axes.transData.transform(points)  # (n, 2), pixels
    taken = np.concatenate([here - 3, here + 3], axis=1)  # (n, 4): left, bottom, right, top
    for word, point, place in zip(words, points, here, strict=True):
        text = axes.annotate(
            _short(word, 24), point, (0, 0), textcoords="offset points", fontsize=8, va="bottom"
        )
        box = text.get_window_extent()
        size = np.array([box.width, box.height])
        shifts = np.concatenate([gap * SIDES - size * (1 - SIDES) / 2 for gap in (5, 14, 26)])
        boxes = np.concatenate([place + shifts, place + shifts + size], axis=1)  # (24, 4)
        best = int(_overlaps(boxes, taken).sum(1).argmin())
        taken = np.concatenate([taken, boxes[best : best + 1]])
        text.set_position(tuple(shifts[best] * 72 / figure.dpi))  # points, not pixels


def _overlaps(boxes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return the area that each box shares with each other one, shape (boxes, others)."""
    low = np.maximum(boxes[:, None, :2], others[:, :2])  # (boxes, others, 2)
    high = np.minimum(boxes[:, None, 2:], others[:, 2:])
    return np.maximum(high - low, 0).prod(-1)
