"""Experiments: settings in, rows of plain numbers out (Q4.3)."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, fields, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import nn

from w2v.checkpoint import checkpoint_name, save_model
from w2v.classify.texts import TextDataset
from w2v.classify.training import ClassifierHistory, train_classifier
from w2v.config import ClassifierConfig, Word2VecConfig, check_positive_int
from w2v.engines import distributed
from w2v.files import read_sealed
from w2v.model import Word2Vec
from w2v.text.corpus import load_documents, load_tokenizer, preprocess, vocabulary_identity
from w2v.training import History, train_word2vec
from w2v.windows import WindowDataset

Row = dict[str, Any]


def compare_pretraining(
    make_classifier: Callable[..., nn.Module],
    load_table: Callable[[nn.Module], Any],
    train_set: Iterable[dict],
    valid_set: Iterable[dict],
    *,
    config: ClassifierConfig,
    n_labels: Sequence[int],
    seeds: Sequence[int],
    prepare: Callable[[nn.Module], Any] | None = None,
    progress: bool | None = None,
) -> list[Row]:
    """Train the classifier with and without a pretrained table, all else being equal.

    Both runs of a seed share the texts, their order, the layers, the class embeddings and every
    setting, `freeze` among them: only the embedding table differs. The random table is the
    model's own initialisation. The texts of a seed are the first of one shuffle, so that
    500 labels are among the 5,000 of the same seed.

    Args:
        make_classifier: called with `generator=`; gives a new classifier, for example
            `partial(ClassAttentionModel, vocab_size, d, n_classes)`.
        load_table: called with a classifier; fills its embedding table, for example
            `partial(load_model, path)`.
        train_set: rows with `input_ids` (list of int) and `label` (int), to draw texts from.
        valid_set: the same, for the measures; must share no text with `train_set`.
        config: the settings of every run; its seed is replaced by each of `seeds`.
        n_labels: numbers of labelled texts to train on.
        seeds: seeds to repeat the comparison with.
        prepare: called with each classifier once its table is in place, random or pretrained;
            for example `ClassAttentionModel.align_values`.
        progress: show a bar for each run on stderr; None: on a terminal only.

    Returns:
        One row per run: `n_labels`, `seed`, `table` ("random" or "pretrained"), and the lists of
        `ClassifierHistory`, one number per epoch.

    Raises:
        TypeError, ValueError: no seed, a number of labels that is no positive integer or that
            `train_set` cannot give, and what `train_classifier` refuses.

    Source: assignment Q4.3.
    """
    train_texts, valid_texts = _texts(train_set), _texts(valid_set)
    _check_grid(n_labels, seeds, len(train_texts))
    rows = []
    for seed in seeds:
        order = torch.randperm(len(train_texts), generator=_seeded(seed))  # (n_texts,)
        for n in n_labels:
            for table in ("random", "pretrained"):
                classifier = make_classifier(generator=_seeded(seed))
                if table == "pretrained":
                    load_table(classifier)
                if prepare is not None:
                    prepare(classifier)
                history = train_classifier(
                    classifier,
                    train_texts.select(order[:n]),
                    valid_texts,
                    replace(config, seed=seed),
                    progress=progress,
                )
                rows.append({"n_labels": n, "seed": seed, "table": table, **asdict(history)})
    return rows


def summarise(rows: Iterable[Row]) -> list[Row]:
    """Give mean and spread over seeds of the last validation accuracy.

    Args:
        rows: what `compare_pretraining` gives.

    Returns:
        One row per number of labels and table, in the order met: `n_labels`, `table`, `n_seeds`,
        `mean_accuracy` and `std_accuracy` (sample standard deviation; nan for a single seed).

    Source: assignment Q4.3.
    """
    groups: dict[tuple[int, str], list[float]] = {}
    for row in rows:
        accuracies = groups.setdefault((row["n_labels"], row["table"]), [])
        accuracies.append(row["valid_accuracy"][-1])
    return [
        {"n_labels": n, "table": table, **_mean_and_spread(accuracies)}
        for (n, table), accuracies in groups.items()
    ]


def paired_gains(rows: Iterable[Row]) -> list[Row]:
    """Give what the pretrained table adds to the accuracy, seed by seed against the random one.

    Args:
        rows: what `compare_pretraining` gives.

    Returns:
        One row per number of labels: `n_labels`, `n_seeds`, and `mean_accuracy` and
        `std_accuracy` of the difference "pretrained" minus "random" over the seeds.

    Source: assignment Q4.3.
    """
    final = {(r["n_labels"], r["table"], r["seed"]): r["valid_accuracy"][-1] for r in rows}
    gains: dict[int, list[float]] = {}
    for (n, table, seed), accuracy in final.items():
        if table == "pretrained":
            gains.setdefault(n, []).append(accuracy - final[n, "random", seed])
    return [{"n_labels": n, **_mean_and_spread(values)} for n, values in gains.items()]


def learning_curves(rows: Iterable[Row], n_labels: int) -> dict[str, dict[str, list]]:
    """Arrange the runs of one number of labels for `plots.plot_comparison`.

    Args:
        rows: what `compare_pretraining` gives.
        n_labels: which runs to take.

    Returns:
        For each table, the lists of `ClassifierHistory` by name, shape (seeds, epochs) each.

    Source: assignment Q4.3.
    """
    curves: dict[str, dict[str, list]] = {}
    for row in rows:
        if row["n_labels"] == n_labels:
            of_table = curves.setdefault(row["table"], {})
            for field in fields(ClassifierHistory):
                of_table.setdefault(field.name, []).append(row[field.name])
    return curves


def fastest_engine() -> dict[str, Any]:
    """Name the quickest engine that is installed here, as settings of a `Word2VecConfig`.

    Returns:
        "hogwild" with shared negatives and a falling rate where numba is installed; else
        "loader", after a sentence that says what to install.

    Source: assignment Q3.13 (if it does not take too much time).
    """
    if find_spec("numba"):
        return {"engine": "hogwild", "shared_negatives": True, "decay": True}
    print("numba is not installed (pip install 'w2v[fast]'): going on with the slower loader.")
    return {"engine": "loader"}


def find_or_train(
    config: Word2VecConfig,
    directory: str | Path,
    *,
    source: str = "auto",
) -> Path:
    """Find the checkpoint of a training on all of WikiText-2, or train it now, and say which.

    Args:
        config: every setting; it names the file.
        directory: where the checkpoint is, or goes.
        source: where text comes from, as in `resolve_source`.

    Returns:
        The path of a checkpoint of exactly these settings, for the vocabulary of this source.

    Raises:
        CheckpointError: the checkpoint found is damaged.

    Source: assignment Q3.13 and Q4.1.
    """
    vocabulary = vocabulary_identity(load_tokenizer(source))
    path = Path(directory) / checkpoint_name(config)
    if path.exists():
        saved = read_sealed(path)
        if (saved["config"], saved["vocabulary"]) == (asdict(config), vocabulary):
            print(f"Found {path.name}.")
            return path
        print(f"{path.name} has other settings or another vocabulary: training it again.")
    else:
        print(f"There is no {path.name}: training it now.")
    return pretrain(config, directory, source=source)[0]


def pretrain(
    config: Word2VecConfig,
    directory: str | Path,
    *,
    source: str = "auto",
    corpus: str = "wikitext-2",
    n_samples: int | None = None,
    progress: bool | None = None,
) -> tuple[Path, History]:
    """Train Word2Vec from text to checkpoint, in one call.

    Only one document in fifty is held out, to watch the loss: the rest is to be learned from.

    Args:
        config: every setting; it names the file.
        directory: where the checkpoint goes.
        source: where text comes from, as in `resolve_source`.
        corpus: as in `load_documents`: "wikitext-2", say.
        n_samples: documents to train on; None takes all.
        progress: show a bar with the loss and words per second; None: on a terminal only.

    Returns:
        The path of the checkpoint, and the numbers of each epoch.

    Source: assignment Q3.1 to Q3.13.
    """
    documents = load_documents(corpus, source, n_samples=n_samples, seed=config.seed)
    tokenizer = load_tokenizer(source)
    train_set, valid_set = (
        WindowDataset.from_documents(part, config.radius, config.border, tokenizer.pad_token_id)
        for part in preprocess(documents, tokenizer, valid_fraction=0.02, seed=config.seed)
    )
    model = Word2Vec(len(tokenizer), config.dim, generator=_seeded(config.seed))
    vocabulary = vocabulary_identity(tokenizer)
    history = train_word2vec(
        model,
        train_set,
        valid_set,
        config,
        directory=directory,
        vocabulary=vocabulary,
        progress=progress,
    )
    if distributed.join()[0] == 0:  # of several processes the first writes
        save_model(model, directory, config, vocabulary=vocabulary)
    return Path(directory) / checkpoint_name(config), history


def _mean_and_spread(values: Sequence[float]) -> Row:
    """Give the number, mean and sample standard deviation of some accuracies."""
    n_seeds = len(values)
    mean = sum(values) / n_seeds
    squares = sum((value - mean) ** 2 for value in values)
    spread = math.sqrt(squares / (n_seeds - 1)) if n_seeds > 1 else math.nan
    return {"n_seeds": n_seeds, "mean_accuracy": mean, "std_accuracy": spread}


def _check_grid(n_labels: Sequence[int], seeds: Sequence[int], n_texts: int) -> None:
    """Refuse a comparison that could only fail halfway."""
    if not seeds:
        raise ValueError(f"seeds must hold at least one seed, got {seeds!r}")
    for n in n_labels:
        check_positive_int("n_labels", n)
        if n > n_texts:
            raise ValueError(
                f"n_labels must be at most the {n_texts} texts of train_set, got {n!r}"
            )


def _texts(dataset: Iterable[dict]) -> TextDataset:
    """Read the rows once, however many runs follow."""
    return dataset if isinstance(dataset, TextDataset) else TextDataset.from_documents(dataset)


def _seeded(seed: int) -> torch.Generator:
    """Make the generator of a seed."""
    return torch.Generator().manual_seed(seed)
