"""The classifier with and without pretrained embeddings, on the same texts and seeds (Q4.3)."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, fields, replace
from statistics import fmean, stdev
from typing import Any

import torch
from torch import nn

from w2v.checks import check_choice, check_positive_int, check_seed, checked, shown
from w2v.classify.texts import TextDataset
from w2v.classify.training import ClassifierHistory, train_classifier
from w2v.config import ClassifierConfig
from w2v.studies import Row
from w2v.studies.statistics import seed_differences


@checked
def compare_pretraining(
    make_classifier: Callable[..., nn.Module],
    load_table: Callable[..., Any] | Mapping[str, Callable[..., Any]],
    train_set: Iterable[Any] | TextDataset,
    valid_set: Iterable[Any] | TextDataset,
    *,
    config: ClassifierConfig,
    n_labels: Sequence[int],
    seeds: Sequence[int],
    prepare: Callable[..., Any] | None = None,
    device: torch.device | str = "cpu",
    progress: bool | None = None,
) -> list[Row]:
    """Train the classifier with a random and with a pretrained embedding table, all else equal.

    Both runs of a seed share the texts, their order, the layers, the class embeddings and every
    setting, `freeze` among them: only the embedding table differs. The random table is the
    model's own initialisation. Each seed shuffles the texts once and takes the first of them, so
    the 500 texts of a seed are among its 5,000.

    Args:
        make_classifier: called with `generator=`; returns a new classifier, for example
            `partial(ClassAttentionModel, vocab_size, d, n_classes)`.
        load_table: called with a classifier; fills its embedding table, for example
            `partial(load_model, path)`. Or several of these by name: then they are compared with
            each other instead of with random embeddings.
        train_set: rows with `input_ids` (list of int) and `label` (int), to draw texts from.
        valid_set: the same, to measure on; it must share no text with `train_set`.
        config: the settings of every run; its seed is replaced by each of `seeds`.
        n_labels: numbers of labelled texts to train on.
        seeds: seeds to repeat the comparison with.
        prepare: called with each classifier once its embedding table is in place, random or
            pretrained; for example `ClassAttentionModel.align_values`.
        device: where the classifiers are trained.
        progress: show a bar for each run on stderr; None: on a terminal only.

    Returns:
        One row per run: `n_labels`, `seed`, `table` ("random" or "pretrained", or a name of
        `load_table`), and the lists of `ClassifierHistory`, one number per epoch.

    Raises:
        TypeError, ValueError: no seed, a number of labels that is no positive integer or exceeds
            the texts of `train_set`, and what `train_classifier` refuses.

    Source: assignment Q4.3.
    """
    train_texts, valid_texts = _texts(train_set), _texts(valid_set)
    _check_grid(n_labels, seeds, len(train_texts))
    tables: Mapping[str, Any] = {"random": None, "pretrained": load_table}
    if isinstance(load_table, Mapping):
        tables = load_table
    rows = []
    for seed in seeds:
        order = torch.randperm(len(train_texts), generator=_seeded(seed))  # (n_texts,)
        for n in n_labels:
            for table, load in tables.items():
                classifier = make_classifier(generator=_seeded(seed))
                if load is not None:
                    load(classifier)
                if prepare is not None:
                    prepare(classifier)
                history = train_classifier(
                    classifier.to(device),
                    train_texts.select(order[:n]),
                    valid_texts,
                    replace(config, seed=seed),
                    progress=progress,
                )
                rows.append({"n_labels": n, "seed": seed, "table": table, **asdict(history)})
    return rows


@checked
def summarise(rows: Iterable[Row]) -> list[Row]:
    """Compute mean and spread over seeds of the last validation accuracy.

    Args:
        rows: what `compare_pretraining` returns.

    Returns:
        One row per number of labels and table, in the order met: `n_labels`, `table`, `n_seeds`,
        `mean_accuracy` and `std_accuracy` (sample standard deviation; nan for a single seed).

    Source: assignment Q4.3.
    """
    groups: dict[tuple[int, str], list[float]] = {}
    for row in _check_rows(rows):
        key = row["n_labels"], row["table"]
        groups.setdefault(key, []).append(row["valid_accuracy"][-1])
    return [
        {"n_labels": n, "table": table, **_accuracy(values)}
        for (n, table), values in groups.items()
    ]


@checked
def paired_gains(rows: Iterable[Row], table: str = "pretrained", base: str = "random") -> list[Row]:
    """Compute how much accuracy one embedding table adds to another, paired by seed.

    Args:
        rows: what `compare_pretraining` returns.
        table: the name of the table, as the rows have it.
        base: the name of the table that it is compared with.

    Returns:
        One row per number of labels: `n_labels`, `n_seeds`, and `mean_accuracy` and
        `std_accuracy` of the difference `table` minus `base` over the seeds.

    Raises:
        ValueError: a name that no row has.

    Source: assignment Q4.3.
    """
    rows = _check_rows(rows)
    tables = list(dict.fromkeys(row["table"] for row in rows))
    for argument, name in (("table", table), ("base", base)):
        check_choice(argument, name, tables or [name])
    last = {(r["n_labels"], r["table"], r["seed"]): r["valid_accuracy"][-1] for r in rows}
    differences = seed_differences(last, table, base)
    return [{"n_labels": n, **_accuracy(values)} for n, values in differences.items()]


@checked
def learning_curves(rows: Iterable[Row], n_labels: int) -> dict[str, dict[str, list]]:
    """Arrange the runs of one number of labels for `plots.plot_comparison`.

    Args:
        rows: what `compare_pretraining` returns.
        n_labels: the number of labels whose runs are taken.

    Returns:
        For each table, the lists of `ClassifierHistory` by name, shape (seeds, epochs) each.

    Source: assignment Q4.3.
    """
    curves: dict[str, dict[str, list]] = {}
    check_positive_int("n_labels", n_labels)
    for row in _check_rows(rows):
        if row["n_labels"] == n_labels:
            of_table = curves.setdefault(row["table"], {})
            for field in fields(ClassifierHistory):
                of_table.setdefault(field.name, []).append(row[field.name])
    return curves


def _accuracy(values: Sequence[float]) -> Row:
    """Name the number, mean and sample standard deviation of some accuracies."""
    n, deviation = len(values), stdev(values) if len(values) > 1 else math.nan
    return {"n_seeds": n, "mean_accuracy": fmean(values), "std_accuracy": deviation}


def _check_rows(rows: Iterable[Row]) -> list[Row]:
    """Refuse anything but rows of `compare_pretraining`."""
    rows = list(rows)
    for row in rows:
        if not isinstance(row, dict) or "valid_accuracy" not in row:
            raise TypeError(f"rows must be those of compare_pretraining, got {shown(row)}")
    return rows


def _check_grid(n_labels: Sequence[int], seeds: Sequence[int], n_texts: int) -> None:
    """Check seeds and numbers of labels before the first run."""
    if not len(seeds):
        raise ValueError(f"seeds must hold at least one seed, got {seeds!r}")
    for seed in seeds:
        check_seed(seed)
    for n in n_labels:
        check_positive_int("n_labels", n)
        if n > n_texts:
            raise ValueError(
                f"n_labels must be at most the {n_texts} texts of train_set, got {n!r}"
            )


def _texts(dataset: Iterable[Any] | TextDataset) -> TextDataset:
    """Read the rows once for all runs."""
    return dataset if isinstance(dataset, TextDataset) else TextDataset.from_documents(dataset)


def _seeded(seed: int) -> torch.Generator:
    """Make a generator of this seed."""
    return torch.Generator().manual_seed(seed)
