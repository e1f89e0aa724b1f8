"""What runs come to: means with intervals, paired differences, ranks (Q4.3, Q4.4)."""

import json
import math
from collections.abc import Sequence
from typing import Any

Row = dict[str, Any]

# 97.5 % points of Student's t for n - 1 degrees of freedom, n = 2, 3, ... 10
STUDENT = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262)


def summarise_runs(runs: Sequence[Row], split: str) -> list[Row]:
    """Give mean and 95 % interval over seeds for each system and number of labels.

    Args:
        runs: finished runs of `systems.run_system`.
        split: where the rows come from that they were measured on.

    Returns:
        One row per number of labels and system: `labels`, `system`, `accuracy_mean`,
        `accuracy_low`, `accuracy_high`, `seeds`, `split`.

    Source: assignment Q4.3.
    """
    groups: dict[tuple[int, str], list[float]] = {}
    for run in runs:
        key = run["settings"]["n_labels"], run["name"]
        groups.setdefault(key, []).append(run["result"]["accuracy"])
    return [
        {"labels": n, "system": name, **_accuracy(values), "split": split}
        for (n, name), values in groups.items()
    ]


def paired_differences(runs: Sequence[Row], first: str, second: str) -> list[Row]:
    """Give what one system adds to another, seed by seed, with a 95 % interval.

    Args:
        runs: finished runs.
        first: the system that adds.
        second: the system it is compared with, at the same numbers of labels and seeds.

    Returns:
        One row per number of labels: `labels`, `accuracy_mean`, `accuracy_low`, `accuracy_high`
        of the difference, and `seeds`.

    Source: assignment Q4.3.
    """
    accuracy = {
        (r["settings"]["n_labels"], r["name"], r["settings"]["seed"]): r["result"] for r in runs
    }
    gains: dict[int, list[float]] = {}
    for n, name, seed in accuracy:
        if name == first:
            gain = accuracy[n, first, seed]["accuracy"] - accuracy[n, second, seed]["accuracy"]
            gains.setdefault(n, []).append(gain)
    return [{"labels": n, **_accuracy(values)} for n, values in gains.items()]


def epochs_needed(runs: Sequence[Row], first: str, second: str) -> list[Row]:
    """Tell after how many epochs one system first reaches the best epoch of another.

    Args:
        runs: finished runs that keep their validation accuracy, epoch by epoch.
        first: the system that is to reach it.
        second: the system whose best validation accuracy is to be reached, seed by seed.

    Returns:
        One row per number of labels and seed: `labels`, `seed`, `epochs` (None: never) and
        `best_epoch`, where the other reached it.

    Source: assignment Q4.3.
    """
    curves = {
        (r["settings"]["n_labels"], r["name"], r["settings"]["seed"]): r["result"] for r in runs
    }
    rows = []
    for n, name, seed in curves:
        if name == first:
            reached = curves[n, first, seed]["valid_accuracy"]
            other = curves[n, second, seed]["valid_accuracy"]
            epochs = [epoch for epoch, value in enumerate(reached, 1) if value >= max(other)]
            best = other.index(max(other)) + 1
            row = {"labels": n, "seed": seed, "epochs": min(epochs, default=None)}
            rows.append({**row, "best_epoch": best})
    return rows


def ablation_rows(runs: Sequence[Row], tables: dict[str, Row], split: str) -> list[Row]:
    """Put Word2Vec's own scores beside the accuracy of the classifier, point by point.

    Args:
        runs: finished runs of the ablation.
        tables: finished tables, as `run_study` gives them.
        split: where the rows come from that the classifier was measured on.

    Returns:
        The rows of `summarise_runs`, each with the mean over seeds of every score of
        `systems.train_table`.

    Source: assignment Q4.4.
    """
    rows = summarise_runs(runs, split)
    for row in rows:
        own = [
            tables[json.dumps(run["settings"]["table"])]["result"]
            for run in runs
            if run["name"] == row["system"]
        ]
        row |= {name: sum(scores[name] for scores in own) / len(own) for name in own[0]}
    return rows


def mean_interval(values: Sequence[float]) -> tuple[float, float, float]:
    """Give the mean of a few seeds with its 95 % interval (Student's t).

    Args:
        values: one number a seed, 2 to 10 of them.

    Returns:
        The mean, and the lower and the upper end.

    Raises:
        ValueError: fewer than 2 values or more than 10.

    Source: Student 1908.
    """
    n = len(values)
    if not 2 <= n <= 1 + len(STUDENT):
        raise ValueError(f"values must be 2 to {1 + len(STUDENT)} numbers, got {n}")
    mean = sum(values) / n
    variance = sum((value - mean) ** 2 for value in values) / (n - 1)
    reach = STUDENT[n - 2] * math.sqrt(variance / n)
    return mean, mean - reach, mean + reach


def rank_correlation(first: Sequence[float], second: Sequence[float]) -> float:
    """Tell how far two scores put the same things in the same order.

    Args:
        first: a score of each thing.
        second: another score of each, as many.

    Returns:
        Spearman's coefficient, in [-1, 1]; equal scores share the mean of their ranks.

    Raises:
        ValueError: scores of different length, or all scores of one kind equal.

    Source: Spearman 1904.
    """
    ranks = [_ranks(first), _ranks(second)]
    if len(first) != len(second) or min(len(set(r)) for r in ranks) < 2:
        raise ValueError(f"scores must be as many and not all equal, got {first!r} and {second!r}")
    x, y = ([rank - (len(r) + 1) / 2 for rank in r] for r in ranks)
    product = sum(a * b for a, b in zip(x, y, strict=True))
    return product / math.sqrt(sum(a * a for a in x) * sum(b * b for b in y))


def _ranks(values: Sequence[float]) -> list[float]:
    """Give each value its rank, from 1; equal values share the mean of theirs."""
    return [
        sum(other < value for other in values) + (1 + sum(other == value for other in values)) / 2
        for value in values
    ]


def _accuracy(values: Sequence[float]) -> Row:
    """Name the mean and the ends of the interval."""
    mean, low, high = mean_interval(values)
    row = {"accuracy_mean": mean, "accuracy_low": low, "accuracy_high": high}
    return {**row, "seeds": len(values)}
