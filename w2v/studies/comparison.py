"""The classifier with and without pretrained embeddings, on the same texts and seeds (Q4.3)."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, fields, replace
from typing import Any

import torch
from torch import nn

from w2v.checks import check_device, check_positive_int, check_seed, checked
from w2v.classify.texts import TextDataset
from w2v.classify.training import ClassifierHistory, train_classifier
from w2v.config import ClassifierConfig
from w2v.studies import Row
from w2v.studies.statistics import check_rows


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
        One row per run: `labels` (their number), `system` ("random" or "pretrained", or a name
        of `load_table`), `seed`, `accuracy` (on the validation texts, after the last epoch), and
        the lists of `ClassifierHistory`, one number per epoch.

    Raises:
        TypeError, ValueError: no seed, a number of labels that is no positive integer or exceeds
            the texts of `train_set`, and what `train_classifier` refuses.

    Source: assignment Q4.3.
    """
    train_texts, valid_texts = _texts(train_set), _texts(valid_set)
    _check_grid(n_labels, seeds, len(train_texts))
    check_device(device)
    systems: Mapping[str, Any] = {"random": None, "pretrained": load_table}
    if isinstance(load_table, Mapping):
        systems = load_table
        if not systems:
            raise ValueError(f"load_table must hold at least one system, got {load_table!r}")
    rows = []
    for seed in seeds:
        order = torch.randperm(len(train_texts), generator=_seeded(seed))  # (n_texts,)
        for n in n_labels:
            for system, load in systems.items():
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
                run = {"labels": n, "system": system, "seed": seed}
                rows.append({**run, "accuracy": history.valid_accuracy[-1], **asdict(history)})
    return rows


@checked
def learning_curves(rows: Iterable[Row], n_labels: int) -> dict[str, dict[str, list]]:
    """Arrange the runs of one number of labels for `plots.plot_comparison`.

    Args:
        rows: what `compare_pretraining` returns.
        n_labels: the number of labels whose runs are taken.

    Returns:
        For each system, the lists of `ClassifierHistory` by name, shape (seeds, epochs) each.

    Source: assignment Q4.3.
    """
    curves: dict[str, dict[str, list]] = {}
    check_positive_int("n_labels", n_labels)
    names = [field.name for field in fields(ClassifierHistory)]
    for row in check_rows(rows, *names):
        if row["labels"] == n_labels:
            of_system = curves.setdefault(row["system"], {})
            for name in names:
                of_system.setdefault(name, []).append(row[name])
    return curves


def _check_grid(n_labels: Sequence[int], seeds: Sequence[int], n_texts: int) -> None:
    """Check seeds and numbers of labels before the first run."""
    if not len(seeds):
        raise ValueError(f"seeds must hold at least one seed, got {seeds!r}")
    for seed in seeds:
        check_seed(seed)
    if not len(n_labels):
        raise ValueError(f"n_labels must hold at least one number, got {n_labels!r}")
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
    return torch.Generator().manual_seed(int(seed))
