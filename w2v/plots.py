"""Figures from plain numbers. Each function returns its Figure and neither shows nor saves it."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

COLOURS = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9")  # Okabe-Ito
MARKERS = ("o", "s", "^", "D", "v", "P")
DPI = 100


def _figure(n_columns: int = 1, width: float = 6.0, height: float = 3.6) -> tuple:
    """Make a figure of one row of axes, at a fixed size."""
    return plt.subplots(
        1, n_columns, figsize=(width * n_columns, height), dpi=DPI, layout="constrained"
    )


def _epoch_axis(axes: Axes, n_epochs: int) -> None:
    """Mark whole epochs only."""
    axes.set_xlabel("epoch")
    axes.set_xticks(range(1, n_epochs + 1, max(1, n_epochs // 10)))
    axes.grid(alpha=0.3)


def plot_learning_curves(train_loss: Sequence[float], valid_loss: Sequence[float]) -> Figure:
    """Draw the loss of each epoch on training and validation pairs.

    Args:
        train_loss: mean loss per pair, in nats, a number an epoch.
        valid_loss: the same on the validation set.

    Returns:
        The figure; its dashed line is ln 2, the loss of a model that knows nothing.

    Source: assignment Q3.10.
    """
    figure, axes = _figure()
    epochs = range(1, len(train_loss) + 1)
    axes.plot(epochs, train_loss, marker=MARKERS[0], color=COLOURS[0], label="training")
    axes.plot(epochs, valid_loss, marker=MARKERS[1], color=COLOURS[1], label="validation")
    best = int(np.argmin(valid_loss))
    axes.plot(best + 1, valid_loss[best], "*", color="black", ms=12, label="best epoch", ls="none")
    axes.axhline(np.log(2), color="grey", ls="--", label="untrained: ln 2")
    axes.set_ylabel("mean loss per pair (nats)")
    axes.set_ylim(bottom=0)
    _epoch_axis(axes, len(train_loss))
    axes.legend()
    return figure


def plot_scores(scores: Mapping[str, Mapping[str, float]], chance: Mapping[str, float]) -> Figure:
    """Draw several scores of several systems side by side, each with its chance level.

    Args:
        scores: for each system, its scores by name, in [0, 1].
        chance: for each score, what a constant answer reaches.

    Returns:
        The figure: one group of bars a score.

    Source: assignment Q3.11.
    """
    figure, axes = _figure(width=7.0)
    width = 0.8 / len(scores)
    places = np.arange(len(chance))
    for i, (system, values) in enumerate(scores.items()):
        heights = [100 * values[name] for name in chance]
        bars = axes.bar(places + i * width, heights, width * 0.92, color=COLOURS[i], label=system)
        axes.bar_label(bars, fmt="%.1f", fontsize=8, padding=1)
    for place, name in zip(places, chance, strict=True):
        left, right = place - width / 2, place + (len(scores) - 0.5) * width
        label = "constant answer" if place == 0 else None
        axes.hlines(100 * chance[name], left, right, color="grey", ls="--", label=label)
    names = [name.replace("_", " ").replace("auc", "AUC") for name in chance]
    axes.set_xticks(places + (len(scores) - 1) * width / 2, names)
    axes.set_ylabel("score on held-out pairs (%)")
    axes.set_ylim(0, 115)
    axes.legend(ncols=3, loc="upper center", fontsize=8)
    return figure


def plot_neighbours(
    before: Mapping[str, Sequence[tuple[str, float]]],
    after: Mapping[str, Sequence[tuple[str, float]]],
) -> Figure:
    """Draw the nearest words of chosen words before and after training.

    Args:
        before: for each word, pairs of a word and its cosine, nearest first.
        after: the same words, after training.

    Returns:
        The figure: a column for each word, above before, below after.

    Source: assignment Q3.10; Mikolov et al. 2013a, section 4.
    """
    figure, grid = plt.subplots(
        2, len(after), figsize=(2.2 * len(after), 4.4), dpi=DPI, layout="constrained", sharex=True
    )
    for row, (when, neighbours) in enumerate((("before", before), ("after", after))):
        for axes, (word, nearest) in zip(grid[row], neighbours.items(), strict=True):
            words, cosines = zip(*nearest, strict=True)
            axes.barh(range(len(words)), cosines, color=COLOURS[row], alpha=0.45)
            for place, near in enumerate(words):
                axes.text(0.02, place, near.replace("$", r"\$"), va="center", fontsize=9)
            axes.set_yticks([])
            axes.set_xlim(0, 1)
            axes.invert_yaxis()
            axes.set_title(f"{word}, {when}", fontsize=9)
    for axes in grid[1]:
        axes.set_xlabel("cosine")
    return figure


def plot_comparison(
    curves: Mapping[str, Mapping[str, np.ndarray]], chance: float, title: str = ""
) -> Figure:
    """Draw loss and accuracy of several classifiers over epochs, on training and validation.

    Args:
        curves: for each system, the arrays `train_loss`, `valid_loss`, `train_accuracy` and
            `valid_accuracy`, shape (seeds, epochs) each.
        chance: the accuracy of guessing.
        title: what is compared.

    Returns:
        The figure: loss left, accuracy right; mean and standard deviation over the seeds.

    Source: assignment Q4.3.
    """
    figure, (left, right) = _figure(2, width=5.2)
    for i, (system, arrays) in enumerate(curves.items()):
        for part, style in (("train", ":"), ("valid", "-")):
            for axes, name, scale in ((left, "loss", 1), (right, "accuracy", 100)):
                values = scale * np.asarray(arrays[f"{part}_{name}"])  # (seeds, epochs)
                _draw_band(axes, values, f"{system}, {part}", i, style)
    n_seeds, n_epochs = values.shape
    right.axhline(100 * chance, color="grey", ls="--", label="guessing")
    left.set_ylabel("mean cross-entropy (nats)")
    right.set_ylabel("accuracy (%)")
    left.set_ylim(bottom=0)
    right.set_ylim(0, 100)
    for axes in (left, right):
        _epoch_axis(axes, n_epochs)
    right.legend(fontsize=8)
    figure.suptitle(f"{title} (mean ± standard deviation over {n_seeds} seeds)", fontsize=10)
    return figure


def _draw_band(axes: Axes, values: np.ndarray, label: str, i: int, style: str) -> None:
    """Draw the mean of some seeds as a line, their standard deviation as a band."""
    epochs = np.arange(1, values.shape[1] + 1)
    mean, deviation = values.mean(0), values.std(0)
    marker = MARKERS[i] if style == "-" else None
    axes.plot(epochs, mean, ls=style, marker=marker, ms=4, color=COLOURS[i], label=label)
    axes.fill_between(epochs, mean - deviation, mean + deviation, color=COLOURS[i], alpha=0.15)


def plot_attention(
    words: Sequence[str], weights: np.ndarray, class_names: Sequence[str], title: str = ""
) -> Figure:
    """Draw the attention that each class pays to the words of a text, over the text.

    Args:
        words: the T tokens of the text.
        weights: attention, shape (n_classes, T); each row sums to 1.
        class_names: a name for each class.
        title: what the text is, and what was decided.

    Returns:
        The figure: a line of the text for each class, darker where it looks.

    Source: assignment section 4 (ClassAttentionModel).
    """
    weights = np.asarray(weights)  # (n_classes, T)
    width = max(6.0, 0.72 * len(words) + 1.2)
    figure, axes = _figure(width=width, height=0.55 * len(class_names) + 0.9)
    image = axes.imshow(weights, cmap="Blues", aspect="auto", vmin=0, vmax=1)
    for row in range(len(class_names)):
        for place, word in enumerate(words):
            dark = weights[row, place] > 0.6
            axes.text(
                place,
                row,
                word.replace("$", r"\$"),
                ha="center",
                va="center",
                fontsize=9,
                color="white" if dark else "black",
            )
    axes.set_yticks(range(len(class_names)), list(class_names))
    axes.set_xticks([])
    axes.set_xlabel("words of the text, in order")
    axes.set_title(title, fontsize=10)
    figure.colorbar(image, ax=axes, label="attention (share)")
    return figure
