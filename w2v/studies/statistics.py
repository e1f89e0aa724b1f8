"""Means with their spread, paired differences, intervals and rank correlation (Q4.3, Q4.4)."""

import math
from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean, stdev
from typing import Any

from w2v.studies import Row, import_extra

LEVEL = 0.95  # of every interval
RunKey = tuple[int, str, int]  # number of labels, system, seed


def mean_interval(values: Sequence[float]) -> tuple[float, float, float]:
    """Compute the mean and its 95 % confidence interval.

    Args:
        values: one number per seed, at least two.

    Returns:
        The mean, and the lower and the upper end of the interval.

    Raises:
        ValueError: fewer than two values.
        ImportError: scipy is not installed.

    Source: Student 1908.
    """
    n = len(values)
    if n < 2:
        raise ValueError(f"values must hold 2 numbers or more for an interval, got {n}")
    quantile = import_extra("scipy.stats").t.ppf((1 + LEVEL) / 2, n - 1)
    mean, half = fmean(values), float(quantile) * stdev(values) / math.sqrt(n)
    return mean, mean - half, mean + half


def rank_correlation(first: Sequence[float], second: Sequence[float]) -> float:
    """Compute Spearman's rank correlation of two scores of the same things.

    Args:
        first: one score of each thing.
        second: another score of each thing, in the same order.

    Returns:
        The coefficient, in [-1, 1]: 1 where both scores give the same order. Equal scores share
        the mean of their ranks.

    Raises:
        ValueError: the scores differ in number, or one kind of score is constant.
        ImportError: scipy is not installed.

    Source: Spearman 1904.
    """
    if len(first) != len(second) or min(len(set(first)), len(set(second))) < 2:
        raise ValueError(
            f"scores must be of one length and not constant, got {first!r}, {second!r}"
        )
    return float(import_extra("scipy.stats").spearmanr(first, second).statistic)


def seed_differences(
    accuracies: Mapping[RunKey, float], first: str, second: str
) -> dict[int, list[float]]:
    """Subtract the accuracy of one system from that of another, seed by seed.

    Args:
        accuracies: the accuracy by number of labels, system and seed.
        first: the system to subtract from.
        second: the system to subtract; it has the same numbers of labels and seeds.

    Returns:
        For each number of labels the differences, one per seed.

    Source: assignment Q4.3.
    """
    differences: dict[int, list[float]] = {}
    for (n, system, seed), accuracy in accuracies.items():
        if system == first:
            differences.setdefault(n, []).append(accuracy - accuracies[n, second, seed])
    return differences


def summarise_runs(runs: Sequence[Row], split: str) -> list[Row]:
    """Compute mean and interval over seeds for each system and number of labels.

    Args:
        runs: finished runs of `systems.run_system`.
        split: the name of the texts that they were measured on.

    Returns:
        One row per number of labels and system: `labels`, `system`, `accuracy_mean`,
        `accuracy_low`, `accuracy_high`, `seeds`, `split`.

    Source: assignment Q4.3.
    """
    groups: dict[tuple[int, str], list[float]] = {}
    for (n, name, _), result in _results(runs).items():
        groups.setdefault((n, name), []).append(result["accuracy"])
    return [
        {"labels": n, "system": name, **_accuracy(values), "split": split}
        for (n, name), values in groups.items()
    ]


def paired_differences(runs: Sequence[Row], first: str, second: str) -> list[Row]:
    """Compute the difference in accuracy of two systems, paired by seed, with its interval.

    Args:
        runs: finished runs of `systems.run_system`.
        first: the system to subtract from.
        second: the system to subtract; it has the same numbers of labels and seeds.

    Returns:
        One row per number of labels: `labels`, `accuracy_mean`, `accuracy_low`, `accuracy_high`
        of the difference, and `seeds`.

    Source: assignment Q4.3.
    """
    accuracies = {key: result["accuracy"] for key, result in _results(runs).items()}
    differences = seed_differences(accuracies, first, second)
    return [{"labels": n, **_accuracy(values)} for n, values in differences.items()]


def compare_with_base(runs: Sequence[Row], base: str, split: str) -> list[Row]:
    """Compare each system with a base, where each seed has several embedding tables.

    A seed counts once: its accuracy is the mean over the tables, so the interval is over seeds.

    Args:
        runs: finished runs of `systems.run_system`, as many tables for each system and seed.
        base: the system that all others are compared with.
        split: the name of the texts that they were measured on.

    Returns:
        The rows of `summarise_runs`, each with the paired difference from the base:
        `difference_mean`, `difference_low`, `difference_high`; and with `between_tables`, the
        sample standard deviation of the means of the tables.

    Source: assignment Q4.4.
    """
    by_seed: dict[RunKey, list[float]] = {}
    by_table: dict[tuple[str, int], list[float]] = {}
    for run in runs:
        settings, accuracy = run["settings"], run["result"]["accuracy"]
        key = settings["n_labels"], run["name"], settings["seed"]
        by_seed.setdefault(key, []).append(accuracy)
        table_seed = settings["table"]["config"]["seed"]
        by_table.setdefault((run["name"], table_seed), []).append(accuracy)
    means = [
        {"name": name, "settings": {"n_labels": n, "seed": seed}, "result": {"accuracy": fmean(v)}}
        for (n, name, seed), v in by_seed.items()
    ]
    rows = summarise_runs(means, split)
    for row in rows:
        (difference,) = paired_differences(means, row["system"], base)
        row |= {
            f"difference_{end}": difference[f"accuracy_{end}"] for end in ("mean", "low", "high")
        }
        of_tables = [fmean(v) for (name, _), v in by_table.items() if name == row["system"]]
        row["between_tables"] = stdev(of_tables)
    return rows


def epochs_needed(runs: Sequence[Row], first: str, second: str) -> list[Row]:
    """Count the epochs until one system first reaches the best epoch of another.

    Args:
        runs: finished runs that keep their validation accuracy of each epoch.
        first: the system whose epochs are counted.
        second: the system whose best validation accuracy must be reached, seed by seed.

    Returns:
        One row per number of labels and seed: `labels`, `seed`, `epochs` (None: never) and
        `best_epoch`, where the other reached it.

    Source: assignment Q4.3.
    """
    results, rows = _results(runs), []
    for n, name, seed in results:
        if name == first:
            reached = results[n, first, seed]["valid_accuracy"]
            other = results[n, second, seed]["valid_accuracy"]
            epochs = [epoch for epoch, value in enumerate(reached, 1) if value >= max(other)]
            best = other.index(max(other)) + 1
            row = {"labels": n, "seed": seed, "epochs": min(epochs, default=None)}
            rows.append({**row, "best_epoch": best})
    return rows


def ablation_rows(runs: Sequence[Row], tables: Sequence[Row], split: str) -> list[Row]:
    """Put Word2Vec's own scores beside the accuracy of the classifier, point by point.

    Args:
        runs: finished runs of the ablation.
        tables: finished embedding tables, as `run_study` returns them.
        split: the name of the texts that the classifier was measured on.

    Returns:
        The rows of `summarise_runs`, each with the mean over seeds of every score of
        `systems.train_table`.

    Source: assignment Q4.4.
    """
    rows = summarise_runs(runs, split)
    for row in rows:
        settings = [run["settings"]["table"] for run in runs if run["name"] == row["system"]]
        own = [table["result"] for table in tables if table["settings"] in settings]
        row |= {name: fmean(scores[name] for scores in own) for name in own[0]}
    return rows


def _results(runs: Iterable[Row]) -> dict[RunKey, Any]:
    """Arrange the results of runs by number of labels, system and seed."""
    return {
        (run["settings"]["n_labels"], run["name"], run["settings"]["seed"]): run["result"]
        for run in runs
    }


def _accuracy(values: Sequence[float]) -> Row:
    """Name the mean and the ends of the interval."""
    mean, low, high = mean_interval(values)
    row = {"accuracy_mean": mean, "accuracy_low": low, "accuracy_high": high}
    return {**row, "seeds": len(values)}
