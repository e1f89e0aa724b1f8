"""Means with their spread, paired differences, intervals and rank correlation (Q4.3, Q4.4)."""

import math
from collections.abc import Iterable, Sequence
from statistics import fmean, stdev

from w2v.checks import check_choice, checked, shown
from w2v.studies import Row, import_extra

LEVEL = 0.95  # of every interval


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


@checked
def summarise(rows: Iterable[Row], *, interval: bool = False) -> list[Row]:
    """Compute mean and spread of the accuracy over seeds, for each system and number of labels.

    Args:
        rows: one per run, with `labels` (their number), `system` (its name), `seed` and
            `accuracy`: what `compare_pretraining` returns, for example.
        interval: give the 95 % confidence interval in place of the standard deviation.

    Returns:
        One row per number of labels and system, in the order met: `labels`, `system`,
        `accuracy_mean`, `accuracy_std` (sample standard deviation; nan for a single seed) and
        `seeds` (their number). With `interval`, `accuracy_low` and `accuracy_high` in place of
        `accuracy_std`.

    Raises:
        TypeError: rows of another kind.
        ValueError, ImportError: with `interval`, as `mean_interval`.

    Source: assignment Q4.3.
    """
    groups: dict[tuple[int, str], list[float]] = {}
    for row in check_rows(rows):
        groups.setdefault((row["labels"], row["system"]), []).append(row["accuracy"])
    return [
        {"labels": n, "system": system, **_accuracy(values, interval)}
        for (n, system), values in groups.items()
    ]


@checked
def paired_differences(
    rows: Iterable[Row],
    first: str = "pretrained",
    second: str = "random",
    *,
    interval: bool = False,
) -> list[Row]:
    """Compute the difference in accuracy of two systems, paired by seed.

    Args:
        rows: one per run, as in `summarise`.
        first: the system to subtract from.
        second: the system to subtract; it has the same numbers of labels and seeds.
        interval: give the 95 % confidence interval in place of the standard deviation.

    Returns:
        One row per number of labels: `labels`, and mean, spread and number of seeds of the
        difference, named as in `summarise`.

    Raises:
        TypeError: rows of another kind.
        ValueError: a name that no row has, or a run of `first` that `second` has not.
        ValueError, ImportError: with `interval`, as `mean_interval`.

    Source: assignment Q4.3.
    """
    rows = check_rows(rows)
    systems = list(dict.fromkeys(row["system"] for row in rows))
    for argument, name in (("first", first), ("second", second)):
        check_choice(argument, name, systems or [name])
    accuracies = {(r["labels"], r["system"], r["seed"]): r["accuracy"] for r in rows}
    differences: dict[int, list[float]] = {}
    for (n, system, seed), accuracy in accuracies.items():
        if system == first:
            if (n, second, seed) not in accuracies:
                raise ValueError(f"rows must hold {second!r} at {n} labels, seed {seed}, got none")
            differences.setdefault(n, []).append(accuracy - accuracies[n, second, seed])
    return [{"labels": n, **_accuracy(d, interval)} for n, d in differences.items()]


def compare_with_base(rows: Sequence[Row], base: str) -> list[Row]:
    """Compare each system with a base, where each seed has several embedding tables.

    A seed counts once: its accuracy is the mean over the tables, so the interval is over seeds.

    Args:
        rows: one per run, as in `summarise`, with the settings of its `table`; as many tables for
            each system and seed.
        base: the system that all others are compared with.

    Returns:
        The rows of `summarise` with intervals, each with the paired difference from the base:
        `difference_mean`, `difference_low`, `difference_high`; and with `between_tables`, the
        sample standard deviation of the means of the tables.

    Source: assignment Q4.4.
    """
    by_seed: dict[tuple[int, str, int], list[float]] = {}
    by_table: dict[str, dict[int, list[float]]] = {}
    for row in rows:
        key = row["labels"], row["system"], row["seed"]
        by_seed.setdefault(key, []).append(row["accuracy"])
        tables = by_table.setdefault(row["system"], {})
        tables.setdefault(row["table"]["config"]["seed"], []).append(row["accuracy"])
    means = [
        {"labels": n, "system": system, "seed": seed, "accuracy": fmean(values)}
        for (n, system, seed), values in by_seed.items()
    ]
    compared = summarise(means, interval=True)
    for row in compared:
        (difference,) = paired_differences(means, row["system"], base, interval=True)
        row |= {
            f"difference_{end}": difference[f"accuracy_{end}"] for end in ("mean", "low", "high")
        }
        row["between_tables"] = stdev(fmean(v) for v in by_table[row["system"]].values())
    return compared


def epochs_needed(rows: Sequence[Row], first: str, second: str) -> list[Row]:
    """Count the epochs until one system first reaches the best epoch of another.

    Args:
        rows: one per run, as in `summarise`, with `valid_accuracy`, a number per epoch.
        first: the system whose epochs are counted.
        second: the system whose best validation accuracy must be reached, seed by seed.

    Returns:
        One row per number of labels and seed: `labels`, `seed`, `epochs` (None: never) and
        `best_epoch`, where the other reached it.

    Source: assignment Q4.3.
    """
    curves = {(r["labels"], r["system"], r["seed"]): r["valid_accuracy"] for r in rows}
    counted = []
    for (n, system, seed), curve in curves.items():
        if system == first:
            other = curves[n, second, seed]
            epochs = [epoch for epoch, value in enumerate(curve, 1) if value >= max(other)]
            best = other.index(max(other)) + 1
            row = {"labels": n, "seed": seed, "epochs": min(epochs, default=None)}
            counted.append({**row, "best_epoch": best})
    return counted


def ablation_rows(rows: Sequence[Row], tables: Sequence[Row]) -> list[Row]:
    """Put Word2Vec's own scores beside the accuracy of the classifier, point by point.

    Args:
        rows: one per run of the ablation, as in `summarise`, with the settings of its `table`.
        tables: finished embedding tables, as `run_study` returns them.

    Returns:
        The rows of `summarise` with intervals, each with the mean over seeds of every score of
        `systems.train_table`.

    Source: assignment Q4.4.
    """
    summary = summarise(rows, interval=True)
    for row in summary:
        settings = [run["table"] for run in rows if run["system"] == row["system"]]
        own = [table["result"] for table in tables if table["settings"] in settings]
        row |= {name: fmean(scores[name] for scores in own) for name in own[0]}
    return summary


def check_rows(rows: Iterable[Row], *names: str) -> list[Row]:
    """Refuse anything but rows of runs.

    Args:
        rows: one per run.
        names: what each must hold beside `labels`, `system`, `seed` and `accuracy`.

    Returns:
        The rows.

    Raises:
        TypeError: a row of another kind.
    """
    rows, wanted = list(rows), {"labels", "system", "seed", "accuracy", *names}
    for row in rows:
        if not isinstance(row, dict) or not wanted <= row.keys():
            raise TypeError(f"rows must be those of compare_pretraining, got {shown(row)}")
    return rows


def _accuracy(values: Sequence[float], interval: bool) -> Row:
    """Name mean and spread of some accuracies."""
    if interval:
        mean, low, high = mean_interval(values)
        return {
            "accuracy_mean": mean,
            "accuracy_low": low,
            "accuracy_high": high,
            "seeds": len(values),
        }
    deviation = stdev(values) if len(values) > 1 else math.nan
    return {"accuracy_mean": fmean(values), "accuracy_std": deviation, "seeds": len(values)}
