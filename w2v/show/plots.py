"""Figures from plain numbers. Each function returns its figure and neither shows nor saves it."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

COLOURS = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9")  # Okabe-Ito
MARKERS = ("o", "s", "^", "D", "v", "P")
DPI = 100
SIDES = np.array([(1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (1, -1), (-1, 1), (-1, -1)])  # x, y


class WordLookup(Protocol):
    """Give the vector of a word, shape (d,), as a `WordVectors` or a dict of arrays does."""

    def __contains__(self, word: str, /) -> bool: ...

    def __getitem__(self, word: str, /) -> np.ndarray: ...


def _figure(n_columns: int = 1, width: float = 6.0, height: float = 3.6) -> tuple[Figure, Any]:
    """Make a figure of one row of axes, each of a fixed size in inches.

    Returns the figure and its axes: one `Axes` for one column, an array of them for several.
    """
    return plt.subplots(
        1, n_columns, figsize=(width * n_columns, height), dpi=DPI, layout="constrained"
    )


def _epoch_axis(axes: Axes, n_epochs: int) -> None:
    """Label the axis of epochs, with ticks at whole numbers only."""
    axes.set_xlabel("epoch")
    axes.set_xticks(range(1, n_epochs + 1, max(1, n_epochs // 10)))
    axes.grid(alpha=0.3)


def plot_learning_curves(train_loss: Sequence[float], valid_loss: Sequence[float]) -> Figure:
    """Draw the loss of each epoch on training and validation pairs.

    Args:
        train_loss: mean loss per pair, in nats, one number for each epoch.
        valid_loss: the same on the validation set.

    Returns:
        The figure; its dashed line is ln 2, the loss of an untrained model.

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
        chance: the value of each score if every answer is the same, in [0, 1].

    Returns:
        The figure: a group of bars for each score, a bar for each system.

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


def plot_intervals(intervals: Mapping[str, tuple[float, float, float]], label: str) -> Figure:
    """Draw the mean accuracy of several settings, each with its interval.

    Args:
        intervals: for each setting its mean, and the lower and upper end of its interval, in
            [0, 1]; the first setting is drawn at the top.
        label: what the intervals are, such as "mean and 95% interval of 5 seeds".

    Returns:
        The figure: a row for each setting.

    Source: assignment Q4.4.
    """
    figure, axes = _figure(height=0.6 + 0.28 * len(intervals))
    for place, (mean, low, high) in enumerate(intervals.values()):
        axes.plot([100 * low, 100 * high], [place, place], color=COLOURS[0], lw=1.5)
        axes.plot(100 * mean, place, "o", color=COLOURS[0], markersize=5)
    axes.set_yticks(range(len(intervals)), list(intervals))
    axes.invert_yaxis()
    axes.grid(axis="x", alpha=0.3)
    axes.set_xlabel(f"accuracy (%), {label}; the axis does not start at 0")
    return figure


def plot_neighbours(
    before: Mapping[str, Sequence[tuple[str, float]]],
    after: Mapping[str, Sequence[tuple[str, float]]],
) -> Figure:
    """Draw the nearest words of chosen words before and after training.

    Args:
        before: for each word, pairs of a near word and its cosine, the nearest first.
        after: the same words, after training.

    Returns:
        The figure: a column for each word, before training above, after training below.

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
    """Draw the loss and accuracy of several classifiers, in training and in validation.

    Args:
        curves: for each system, the arrays `train_loss`, `valid_loss`, `train_accuracy` and
            `valid_accuracy`, shape (seeds, epochs) each; losses in nats, accuracies in [0, 1].
        chance: the accuracy of guessing, in [0, 1].
        title: what is compared.

    Returns:
        The figure: loss left, accuracy right; lines are means over the seeds, bands are
        one standard deviation to each side.

    Source: assignment Q4.3.
    """
    figure, (left, right) = _figure(2, width=5.2)
    n_seeds, n_epochs = np.shape(next(iter(curves.values()))["train_loss"])
    for i, (system, arrays) in enumerate(curves.items()):
        for part, style in (("train", ":"), ("valid", "-")):
            for axes, name, scale in ((left, "loss", 1), (right, "accuracy", 100)):
                values = scale * np.asarray(arrays[f"{part}_{name}"])  # (seeds, epochs)
                _draw_band(axes, values, f"{system}, {part}", i, style)
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
    """Draw the mean over the seeds as a line, and the standard deviation as a band."""
    epochs = np.arange(1, values.shape[1] + 1)
    mean, deviation = values.mean(0), values.std(0)
    marker = MARKERS[i] if style == "-" else None
    axes.plot(epochs, mean, ls=style, marker=marker, ms=4, color=COLOURS[i], label=label)
    axes.fill_between(epochs, mean - deviation, mean + deviation, color=COLOURS[i], alpha=0.15)


def plot_attention(
    words: Sequence[str], weights: np.ndarray, class_names: Sequence[str], title: str = ""
) -> Figure:
    """Draw the attention weights of each class, over the words of a text.

    Args:
        words: the T tokens of the text.
        weights: attention weights, shape (n_classes, T); each row sums to 1.
        class_names: a name for each class.
        title: what stands above, such as the class predicted.

    Returns:
        The figure: the text once for each class; the darker behind a word, the larger its weight.

    Source: assignment section 4 (ClassAttentionModel).
    """
    weights = np.asarray(weights)  # (n_classes, T)
    width = max(6.0, 0.72 * len(words) + 1.2)
    figure, axes = _figure(width=width, height=0.55 * len(class_names) + 0.9)
    image = axes.imshow(weights, cmap="Blues", aspect="auto", vmin=0, vmax=1)
    labels = [word.replace("$", r"\$") for word in words]
    for row, of_class in enumerate(weights):
        for place, (label, weight) in enumerate(zip(labels, of_class, strict=True)):
            color = "white" if weight > 0.6 else "black"
            axes.text(place, row, label, ha="center", va="center", fontsize=9, color=color)
    axes.set_yticks(range(len(class_names)), list(class_names))
    axes.set_xticks([])
    axes.set_xlabel("words of the text, in order")
    axes.set_title(title, fontsize=10)
    figure.colorbar(image, ax=axes, label="attention (share)")
    return figure


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
        ValueError: another method, a word without a vector, or fewer than three words.
        ImportError: t-SNE without scikit-learn.

    Source: Mikolov et al. 2013b, figure 2 (PCA); van der Maaten and Hinton 2008 (t-SNE).
    """
    if method not in ("pca", "tsne"):
        raise ValueError(f"method must be one of 'pca', 'tsne', got {method!r}")
    clusters = words if isinstance(words, Mapping) else {"": words}
    cluster_of = {word: c for c in reversed(list(clusters)) for word in clusters[c]}
    if len(cluster_of) < 3:
        raise ValueError(f"words must be three or more, got {list(cluster_of)!r}")
    unknown = [word for word in cluster_of if word not in vectors]
    if unknown:
        raise ValueError(f"words must have vectors, got {unknown!r} without one; leave them out")
    points, names = _plane(np.stack([vectors[word] for word in cluster_of]), method)
    figure, axes = _figure(width=7.5, height=5.5)
    for i, cluster in enumerate(clusters):
        rows = [row for row, name in enumerate(cluster_of.values()) if name == cluster]
        style = {"color": COLOURS[i % 6], "marker": MARKERS[(i + i // 6) % 6]}
        axes.scatter(*points[rows].T, s=22, label=cluster.replace("$", r"\$"), **style)
    axes.set_xlabel(names[0])
    axes.set_ylabel(names[1])
    axes.margins(0.12)
    if len(clusters) > 1:
        figure.legend(loc="outside right center", fontsize=8)
    _label_points(figure, axes, points, list(cluster_of))
    return figure


def _plane(vectors: np.ndarray, method: str) -> tuple[np.ndarray, list[str]]:
    """Return a point for each vector, shape (n, 2), and the labels of the two axes."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)  # (n, 1)
    unit = vectors / np.where(lengths > 0, lengths, 1)  # (n, d)
    if method == "pca":
        left, sizes, _ = np.linalg.svd(unit - unit.mean(0), full_matrices=False)
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
    taken = [(x - 3, y - 3, x + 3, y + 3) for x, y in here]
    for word, point, (x, y) in zip(words, points, here, strict=True):
        label = word.replace("$", r"\$")
        text = axes.annotate(
            label, point, (0, 0), textcoords="offset points", fontsize=8, va="bottom"
        )
        box = text.get_window_extent()
        size = np.array([box.width, box.height])
        shifts = [gap * side - size * (1 - side) / 2 for gap in (5, 14, 26) for side in SIDES]
        boxes = [(x + dx, y + dy, x + dx + box.width, y + dy + box.height) for dx, dy in shifts]
        covered = [sum(_overlap(box, other) for other in taken) for box in boxes]
        best = int(np.argmin(covered))
        taken.append(boxes[best])
        dx, dy = shifts[best]
        text.set_position((dx * 72 / figure.dpi, dy * 72 / figure.dpi))  # points, not pixels


def _overlap(box: tuple[float, ...], other: tuple[float, ...]) -> float:
    """Return the area that two boxes share; a box is left, bottom, right, top."""
    width = min(box[2], other[2]) - max(box[0], other[0])
    height = min(box[3], other[3]) - max(box[1], other[1])
    return max(width, 0) * max(height, 0)
