"""Figures from plain numbers. Each function returns its figure and neither shows nor saves it.

Numbers may come as lists, arrays or tensors on any device. Every text is drawn as it stands: `$` is
a letter. A character that no font of the machine has is drawn as a box.
"""

import math
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, cast

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

from w2v.checks import check_choice, check_positive_int, checked, shown

COLOURS = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9")  # Okabe-Ito
MARKERS = ("o", "s", "^", "D", "v", "P")
HATCHES = ("", "//", "..", "xx", "\\\\", "++")
# Fonts of Windows, macOS and Linux for the scripts that matplotlib's own font lacks
FONTS = (
    *("Microsoft YaHei", "Malgun Gothic", "Nirmala UI", "Segoe UI Emoji", "Arial Unicode MS"),
    *("Hiragino Sans", "Noto Sans CJK JP", "WenQuanYi Micro Hei", "Noto Sans Devanagari"),
)
WORDS_PER_LINE = 14  # as many as a laptop shows side by side
WINDOW_LOOKS = {  # what a word is in a window: its name and its colour
    "other word": "#EEEEEE",
    "center word w": COLOURS[0],
    "context, in C⁺": COLOURS[1],
    "negative, in C⁻": COLOURS[4],
}
SIDES = np.array([(1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (1, -1), (-1, 1), (-1, -1)])  # x, y


# Texts, numbers, figures: what all functions share


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


def _figure(
    n_rows: int = 1, n_columns: int = 1, *, width: float = 6.0, height: float = 3.6
) -> tuple[Figure, np.ndarray]:
    """Make a figure of equal axes, each of a fixed size in inches; return both, the axes flat."""
    figure, grid = plt.subplots(
        n_rows,
        n_columns,
        figsize=(width * n_columns, height * n_rows),
        dpi=100,
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


def _legend(parent: Any, artists: Iterable[Any], **where: Any) -> None:
    """Add a legend of these artists; matplotlib itself leaves out a label that begins with _."""
    artists = list(artists)
    legend = parent.legend(artists, [" "] * len(artists), fontsize=8, **where)
    for text, artist in zip(legend.get_texts(), artists, strict=True):
        text.set_text(_short(artist.get_label()))


def _short(text: object, limit: int = 40) -> str:
    """Write a text on one line of at most `limit` characters."""
    line = " ".join(str(text).split()).encode("utf-8", "backslashreplace").decode()
    return line if len(line) <= limit else line[: limit - 1] + "…"


def _words(name: str, words: Iterable[object]) -> list[str]:
    """Check that some words are given, one by one."""
    if isinstance(words, str):
        raise TypeError(f"{name} must be a list of words, got the text {_short(words)!r}; split it")
    if not isinstance(words, Iterable):
        raise TypeError(f"{name} must be a list of words, got {shown(words)}")
    found = [str(word) for word in words]
    if not found:
        raise ValueError(f"{name} must hold at least one item, got none")
    return found


def _parts(name: str, groups: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Mapping[str, Any]]:
    """Check that each group is a dict of its own."""
    for key, group in groups.items():
        if not isinstance(group, Mapping):
            raise TypeError(
                f"{name} must hold a dict for each name, got {shown(group)} for {key!r}"
            )
    return groups


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
    sizes = list(shape.values())
    fits = all(size in (None, found) for size, found in zip(sizes, array.shape, strict=False))
    if array.ndim != len(sizes) or not fits or array.size == 0:
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


def _draw_cells(
    axes: Axes,
    cells: Sequence[Sequence[str]],
    values: np.ndarray,
    names: list[str],
    colours: Any,
    limits: tuple[float, float],
    length: int,
) -> AxesImage:
    """Draw a table of texts, a row for each name, in lines of `length` columns.

    The colour behind a text is that of its value in `values`, shape (names, columns), between the
    two limits; nan leaves the place empty.
    """
    n, n_columns = values.shape
    n_lines = math.ceil(n_columns / length)
    table = np.full((n_lines * (n + 1) - 1, length), np.nan)  # an empty row between two lines
    image = axes.imshow(table, cmap=colours, aspect="auto", vmin=limits[0], vmax=limits[1])
    lightness = image.to_rgba(values)[..., :3] @ [0.299, 0.587, 0.114]  # (names, columns)
    for i, texts in enumerate(cells):
        for place, word in enumerate(texts):
            line, column = divmod(place, length)
            row = line * (n + 1) + i
            table[row, column] = values[i, place]
            text = axes.text(
                column,
                row,
                word,
                ha="center",
                va="center",
                fontsize=min(9, 86 / max(1, *map(len, word.split("\n")))),
                color="white" if lightness[i, place] < 0.5 else "black",
            )
            text.set_in_layout(False)  # it lies within the axes; measuring it takes time
    image.set_data(table)
    axes.set_yticks([row for row in range(len(table)) if row % (n + 1) < n], names * n_lines)
    axes.set_xticks([])
    return image


# Windows: Q3.2


@_plain_text()
@checked
def plot_windows(
    words: Iterable[object],
    radius: int,
    centers: Iterable[int] | None = None,
    *,
    negatives: Sequence[Iterable[object]] | None = None,
) -> Figure:
    """Draw a window that slides over a sentence: a row for each center word.

    Args:
        words: the words of the sentence.
        radius: R, the number of context words on each side.
        centers: positions of center words, counted from 0, each with R words on both sides; by
            default the first eight of them.
        negatives: for each center, its negatives C-, drawn from the vocabulary.

    Returns:
        The figure: center word w, its 2R contexts C+, the other words, and on the right C-.

    Raises:
        TypeError: `words` is one text.
        ValueError: a radius below 1, a center with fewer than R words on a side, no center, or
            another number of lists of negatives than of centers.

    Source: assignment section 1.2 (R, C+ and C-) and Q3.2.
    """
    words = _words("words", words)
    radius = check_positive_int("radius", radius)
    if len(words) < 2 * radius + 1:
        raise ValueError(f"radius must leave 2R + 1 at most the {len(words)} words, got {radius!r}")
    possible = range(radius, len(words) - radius)
    centers = list(possible[:8] if centers is None else centers)
    if not centers or not set(centers) <= set(possible):
        raise ValueError(
            f"centers must lie between {possible[0]} and {possible[-1]}, with R = {radius} "
            f"words on each side, got {shown(centers)}"
        )
    drawn = [_words("negatives", row) for row in ([] if negatives is None else negatives)]
    if drawn and len(drawn) != len(centers):
        raise ValueError(
            f"negatives must hold a list for each of {len(centers)} centers, got {len(drawn)}"
        )
    n_columns = len(words) + max((len(row) + 1 for row in drawn), default=0)
    cells = np.full((len(centers), n_columns), "", object)
    kinds = np.full(cells.shape, np.nan)  # a place in WINDOW_LOOKS
    for row, center in enumerate(centers):
        cells[row, : len(words)] = [_short(word, 14) for word in words]
        kinds[row, : len(words)] = 0
        kinds[row, center - radius : center + radius + 1] = 2
        kinds[row, center] = 1
        if drawn:
            right = slice(len(words) + 1, len(words) + 1 + len(drawn[row]))
            cells[row, right] = [_short(word, 14) for word in drawn[row]]
            kinds[row, right] = 3
    figure, (axes,) = _figure(
        width=min(100, max(6.0, 0.72 * n_columns + 1.2)), height=0.34 * len(centers) + 1.0
    )
    names = [f"w = {_short(words[center], 14)}" for center in centers]
    colours = ListedColormap(list(WINDOW_LOOKS.values()))
    _draw_cells(axes, cells.tolist(), kinds, names, colours, (-0.5, 3.5), n_columns)
    axes.hlines(np.arange(1, len(centers)) - 0.5, -0.5, n_columns - 0.5, color="white", lw=3)
    axes.vlines(np.arange(1, n_columns) - 0.5, -0.5, len(centers) - 0.5, color="white", lw=2)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set_xlabel("words of the sentence, in order", loc="left")
    looks = [item for kind, item in enumerate(WINDOW_LOOKS.items()) if (kinds == kind).any()]
    patches = [Patch(facecolor=colour, label=name) for name, colour in looks]
    _legend(figure, patches, loc="outside upper center", ncols=len(patches))
    return figure


# Training and evaluation: Q3.10, Q3.11


@_plain_text()
@checked
def plot_learning_curves(train_loss: ArrayLike, valid_loss: ArrayLike) -> Figure:
    """Draw the loss of each epoch on training and validation pairs.

    The loss axis shows the range of the curves. A loss that is not finite leaves a gap.

    Args:
        train_loss: mean loss per pair, in nats, one number for each epoch.
        valid_loss: the same on the validation set.

    Returns:
        The figure. The loss of an untrained model, ln 2, is a dashed line, or a note if it lies
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
    axes.plot(
        best + 1, valid[best], "*", color="black", ms=12, label="lowest validation loss", ls="none"
    )
    losses = np.concatenate([train, valid])
    low, high = np.nanmin(losses), np.nanmax(losses)
    untrained = math.log(2)
    if untrained <= high + 2 * (high - low):  # the curves keep a third of the axis
        axes.axhline(untrained, color="grey", ls="--", label="untrained: ln 2")
    else:
        axes.set_title(f"untrained: ln 2 = {untrained:.3f}, above the picture", fontsize=9)
    axes.set_ylabel("mean loss per pair (nats)\n(the axis does not start at 0)")
    _epoch_axis(axes, len(train))
    _legend(axes, axes.lines)
    return figure


@_plain_text()
@checked
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
    systems, columns = _words("scores", scores), _words("chance", chance)
    shares = {}
    for name, values in {**_parts("scores", scores), "constant answer": chance}.items():
        found = [values.get(column, math.nan) for column in columns]
        shares[name] = 100 * _numbers(f"scores of {name!r}", found, {"scores": len(columns)})
        if shares[name].min() < 0 or shares[name].max() > 100:
            raise ValueError(f"scores of {name!r} must lie in [0, 1], got {found}")
    width = 0.8 / len(systems)
    places = np.arange(len(columns))
    figure, (axes,) = _figure(width=max(7.0, 0.38 * len(systems) * len(columns) + 1.5), height=4.0)
    for i, system in enumerate(systems):
        look: dict[str, Any] = {"color": COLOURS[i % 6], "hatch": HATCHES[(i + i // 6) % 6]}
        bars = axes.bar(
            places + i * width, shares[system], width * 0.92, label=system, ec="white", lw=0, **look
        )
        axes.bar_label(bars, fmt="%.1f", fontsize=8, padding=1)
    dashes = axes.hlines(
        shares["constant answer"],
        places - width / 2,
        places + (len(systems) - 0.5) * width,
        color="grey",
        ls="--",
        label="constant answer",
        path_effects=[withStroke(linewidth=3.5, foreground="white")],  # else lost on a grey bar
    )
    names = ["AUC" if name == "auc" else _short(name).replace("_", " ") for name in columns]
    axes.set_xticks(places + (len(systems) - 1) * width / 2, names)
    axes.set_ylabel("score on held-out pairs (%)")
    axes.set_ylim(0, 108)
    handles = [*axes.containers, dashes]
    _legend(figure, handles, loc="outside upper center", ncols=min(3, len(handles)))
    return figure


@_plain_text()
@checked
def plot_neighbours(
    before: Mapping[str, Sequence[tuple[str, float]]],
    after: Mapping[str, Sequence[tuple[str, float]]],
) -> Figure:
    """Draw the nearest words of chosen words before and after training.

    Args:
        before: for each word, pairs of a near word and its cosine, the nearest first.
        after: the same words, after training.

    Returns:
        The figure: a column for each word; before training above, after training below.

    Raises:
        ValueError: no word, other words before than after, or a cosine that is not finite.

    Source: assignment Q3.10; Mikolov et al. 2013a, section 4.
    """
    words = _words("after", after)
    if set(before) != set(after):
        raise ValueError(
            f"before must hold the words of after, {shown(words)}, got {shown(list(before))}"
        )
    rows = [(when, word) for when in ("before", "after") for word in words]
    nearest = [{"before": before, "after": after}[when][word] for when, word in rows]
    for (when, word), near in zip(rows, nearest, strict=True):
        if not isinstance(near, Sequence) or not all(len(pair) == 2 for pair in near):
            raise TypeError(
                f"{when} must hold pairs of a word and its cosine, got {shown(near)} for {word!r}"
            )
    cosines = [  # of shape (words,) each; the 0 stands for a word without neighbours
        _numbers(f"{when} of {word!r}", [0.0, *(cosine for _, cosine in near)], {"words": None})[1:]
        for (when, word), near in zip(rows, nearest, strict=True)
    ]
    height = max(2.2, 0.24 * max(map(len, nearest)) + 0.7)
    figure, grid = _figure(2, len(words), width=2.2, height=height)
    lowest = min(0.0, *(values.min(initial=0) for values in cosines))
    for axes, (when, word), near, values in zip(grid, rows, nearest, cosines, strict=True):
        axes.barh(range(len(near)), values, color=COLOURS[when == "after"], alpha=0.45)
        for place, (name, _) in enumerate(near):
            axes.text(0.02, place, _short(name, 24), va="center", fontsize=9)
        axes.set_yticks([])
        axes.invert_yaxis()
        axes.set_xlim(1.05 * lowest, 1)
        axes.set_xticks([0, 0.5, 1])
        axes.set_title(f"{_short(word, 20)}, {when}", fontsize=9)
        axes.set_xlabel("cosine" if when == "after" else "")
    return figure


# Comparisons: Q4.3, Q4.4


@_plain_text()
@checked
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
    systems = _words("curves", _parts("curves", curves))
    shape: dict[str, int | None] = {"seeds": None, "epochs": None}
    arrays: dict[tuple[str, str], np.ndarray] = {}  # of shape (seeds, epochs) each
    for system in systems:
        for name in ("train_loss", "train_accuracy", "valid_loss", "valid_accuracy"):
            values = curves[system].get(name, ())
            arrays[system, name] = _numbers(f"{name} of {system!r}", values, shape, gaps=True)
            shape = dict(zip(shape, arrays[system, name].shape, strict=True))
    n_columns = min(4, len(systems) + 1)  # of the legend: a column for each system
    n_rows = math.ceil((2 * len(systems) + 1) / n_columns)
    share = float(_numbers("chance", [chance], {"shares": 1})[0])
    figure, (left, right) = _figure(1, 2, width=5.2, height=3.6 + 0.2 * n_rows)
    for i, system in enumerate(systems):
        for part, style in (("train", ":"), ("valid", "-")):
            label = f"{_short(system)}, {part}"
            _draw_band(left, arrays[system, f"{part}_loss"], label, i, style)
            _draw_band(right, 100 * arrays[system, f"{part}_accuracy"], label, i, style)
    right.axhline(100 * share, color="grey", ls="--", label="guessing")
    left.set_ylabel("mean cross-entropy (nats)")
    right.set_ylabel("accuracy (%)")
    left.set_ylim(bottom=0)
    right.set_ylim(0, 100)
    for axes in (left, right):
        _epoch_axis(axes, shape["epochs"] or 1)
    _legend(figure, right.lines, loc="outside lower center", ncols=n_columns)
    n = shape["seeds"]
    spread = f"mean ± sample standard deviation over {n} seeds" if n != 1 else "1 seed"
    figure.suptitle(f"{_short(title, 80)} ({spread})".strip(), fontsize=10)
    return figure


def _draw_band(axes: Axes, values: np.ndarray, label: str, i: int, style: str) -> None:
    """Draw the mean over the seeds as a line, and the sample standard deviation as a band."""
    epochs = np.arange(1, values.shape[1] + 1)
    look = _look(i) if style == "-" else {"color": _look(i)["color"]}
    mean = values.mean(0)
    axes.plot(epochs, mean, ls=style, ms=4, label=label, **look)
    if len(values) > 1:
        spread = values.std(0, ddof=1)
        axes.fill_between(epochs, mean - spread, mean + spread, color=look["color"], alpha=0.15)


@_plain_text()
@checked
def plot_intervals(intervals: Mapping[str, ArrayLike], label: str) -> Figure:
    """Draw the mean accuracy of several settings, each with its interval.

    Args:
        intervals: for each setting its mean, and the lower and upper end of its interval, in
            [0, 1]; the first setting is drawn at the top.
        label: what the intervals are, such as "mean and 95 % interval of 5 seeds".

    Returns:
        The figure: a row for each setting, and a dashed line at the mean of the first.

    Raises:
        ValueError: no setting, or a mean that does not lie in its interval.

    Source: assignment Q4.4.
    """
    settings = _words("intervals", intervals)
    rows = []
    for name in settings:
        row = 100 * _numbers(f"interval of {name!r}", intervals[name], {"mean, low, high": 3})
        if not row[1] <= row[0] <= row[2]:
            raise ValueError(f"interval of {name!r} must be mean, low, high, got {intervals[name]}")
        rows.append(row)
    mean, low, high = np.array(rows).T  # (settings,) each
    names = [_short(name, 70) for name in settings]
    width = max(6.0, round(4.2 + 0.075 * max(map(len, names)), 1))  # long names, wide figure
    figure, (axes,) = _figure(width=width, height=0.9 + 0.28 * len(settings))
    axes.axvline(mean[0], color="grey", ls="--", lw=1)
    axes.errorbar(
        mean, range(len(settings)), xerr=[mean - low, high - mean], fmt="o", ms=5, color=COLOURS[0]
    )
    axes.set_yticks(range(len(settings)), names)
    axes.set_ylim(len(settings) - 0.5, -0.5)
    axes.grid(axis="x", alpha=0.3)
    axes.set_xlabel(f"accuracy (%), {_short(label, 80)}\n(the axis does not start at 0)")
    return figure


# Attention: section 4


@_plain_text()
@checked
def plot_attention(
    words: Iterable[object],
    weights: ArrayLike,
    class_names: Iterable[object],
    title: str = "",
    *,
    contributions: ArrayLike | None = None,
) -> Figure:
    """Draw where each class attends, and what each word adds to its logit.

    A word with much attention may speak against its class: attention has no sign.

    Args:
        words: the T tokens of the text.
        weights: attention weights, shape (n_classes, T); each row sums to 1.
        class_names: a name for each class.
        title: what stands above, such as the class predicted.
        contributions: what each word adds to each logit, shape (n_classes, T).

    Returns:
        The figure: the text once for each class, in lines of at most 14 words; the darker behind
        a word, the larger its weight. The scale ends at the largest weight, or at three times the
        equal share 1 / T if that is larger. Below stand the contributions, if given: each
        with its sign, and the sum of each class.

    Raises:
        ValueError: no word or class, or numbers of another shape.

    Source: assignment section 4 (ClassAttentionModel).
    """
    words = [_short(word, 14) for word in _words("words", words)]
    names = [_short(name, 24) for name in _words("class_names", class_names)]
    shape = {"n_classes": len(names), "T": len(words)}
    shares = _numbers("weights", weights, shape)
    parts = None if contributions is None else _numbers("contributions", contributions, shape)
    n_lines = math.ceil(len(words) / WORDS_PER_LINE)
    length = math.ceil(len(words) / n_lines)  # lines of about equal length
    height = 0.4 * (n_lines * (len(names) + 1) - 1) + 0.8
    width = max(6.0, 0.7 * length + 1.2)
    if parts is None:
        figure, (axes,) = _figure(width=width, height=height)
    else:
        figure, (axes, below) = _figure(2, width=width, height=1.2 * height)
        limit = float(abs(parts).max()) or 1.0
        digits = max(1, 1 - math.floor(math.log10(limit)))
        cells = [
            [f"{word}\n{part:+.{digits}f}" for word, part in zip(words, row, strict=True)]
            for row in np.round(parts, digits) + 0.0  # no -0.00
        ]
        sums = [f"{n}\nsum {s:+.{digits}f}" for n, s in zip(names, parts.sum(1), strict=True)]
        image = _draw_cells(below, cells, parts, sums, "RdBu", (-limit, limit), length)
        figure.colorbar(image, ax=below, label="contribution to logit")
        below.set_xlabel("words of the text, in order")
    top = min(1.0, max(shares.max(), 3 / len(words)))
    image = _draw_cells(axes, [words] * len(names), shares, names, "Blues", (0, top), length)
    figure.colorbar(image, ax=axes, label="attention (share)")
    axes.set_xlabel("words of the text, in order")
    axes.set_title(_short(title, 90), fontsize=10)
    return figure


# Words in the plane


@_plain_text()
@checked
def plot_words(
    vectors: Any,
    words: Sequence[str] | Mapping[str, Sequence[str]],
    *,
    method: str = "pca",
) -> Figure:
    """Draw words as points in a plane; words with similar vectors are close together.

    Vectors are scaled to length 1 first, so that the cosine decides which are similar.

    Args:
        vectors: a `WordVectors`, or a dict from each word to its vector, shape (d,).
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
    check_choice("method", method, ("pca", "tsne"))
    if not hasattr(vectors, "__contains__") or hasattr(vectors, "dtype"):
        raise TypeError(f"vectors must be a WordVectors or a dict, got {shown(vectors)}")
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
        names = [f"principal component {i + 1} ({shares[i]:.0f} % of variance)" for i in (0, 1)]
        return left * sizes[:2], names
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
        low, high = place + shifts, place + shifts + size  # (24, 2): corners of each possible box
        shared = np.minimum(high[:, None], taken[:, 2:]) - np.maximum(low[:, None], taken[:, :2])
        best = int(np.maximum(shared, 0).prod(-1).sum(1).argmin())
        taken = np.concatenate([taken, [[*low[best], *high[best]]]])
        text.set_position(tuple(shifts[best] * 72 / figure.dpi))  # points, not pixels
