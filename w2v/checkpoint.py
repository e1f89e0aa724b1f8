"""Save Word2Vec under the assignment's name (Q3.12), load it into a classifier (Q4.1)."""

import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from w2v.config import Word2VecConfig, check_choice, check_positive_int
from w2v.files import CheckpointError, read_sealed, write_sealed
from w2v.model import Word2Vec

FORMAT = 1
TABLES = ("center_embeddings", "context_embeddings")
TABLE_CHOICES = ("center", "context", "sum")


def checkpoint_name(config: Word2VecConfig) -> str:
    """Give the file name that the assignment asks for.

    Args:
        config: the settings of the training.

    Returns:
        "model_dim-<d>_radius-<R>_ratio-<K>-batch-<B>-epoch-<E>.ckpt".

    Source: assignment Q3.12.
    """
    return (
        f"model_dim-{config.dim}_radius-{config.radius}_ratio-{config.ratio}"
        f"-batch-{config.batch_size}-epoch-{config.epochs}.ckpt"
    )


def save_model(
    model: Word2Vec,
    directory: str | os.PathLike,
    config: Word2VecConfig,
    *,
    vocabulary: str,
    epoch: int | None = None,
    words: Sequence[str] | None = None,
    counts: Tensor | None = None,
) -> Path:
    """Save both embedding tables, the settings and the vocabulary's identity.

    With `words` and `counts` the file also says which words the rows stand for, and which rows
    were trained: `WordVectors.from_checkpoint` then needs nothing but the file.

    Args:
        model: the model; its tables have shape (V, d), float32.
        directory: where the file goes; made if it is missing.
        config: the settings of the training; they name the file.
        vocabulary: which words the rows stand for, as `vocabulary_identity` gives it.
        epoch: the epoch that the tables come from; None means the last, `config.epochs`.
        words: the word of each id, V different strings, as `Vocabulary.words` has them; None
            where a tokenizer knows them.
        counts: occurrences of each id in the training text, shape (V,), int64, as
            `WindowDataset.counts` gives them; None where they are unknown.

    Returns:
        The path of the file.

    Raises:
        TypeError, ValueError: the tables disagree with `config.dim`, `words` or `counts` with
            V, `vocabulary` is no string, or `epoch` no positive integer.
        CheckpointError: a table is not finite, or the file cannot be written; a file that was
            there before is then still there, whole.

    Source: assignment Q3.12.
    """
    epoch = config.epochs if epoch is None else epoch
    check_positive_int("epoch", epoch)
    if not isinstance(vocabulary, str):
        raise TypeError(f"vocabulary must be a string, got {vocabulary!r}")
    payload = {
        "format": FORMAT,
        "config": asdict(config),
        "vocabulary": vocabulary,
        "epoch": epoch,
    }
    for name in TABLES:
        table = getattr(model, name).weight  # (V, d)
        if table.shape[1] != config.dim:
            raise ValueError(
                f"model.{name} must have config.dim = {config.dim} columns, "
                f"got shape {tuple(table.shape)}"
            )
        payload[name] = table
    vocab_size = len(payload[TABLES[0]])
    if words is not None:
        payload["words"] = _check_words(words, vocab_size)
    if counts is not None:
        payload["counts"] = _check_counts(counts, vocab_size)
    return write_sealed(Path(directory) / checkpoint_name(config), payload)


def load_model(
    path: str | os.PathLike,
    classifier: nn.Module,
    *,
    table: str = "center",
    standardise: bool = False,
    vocabulary: str | None = None,
) -> dict[str, Any]:
    """Copy a saved table straight into the embedding table of a classifier.

    Args:
        path: a file that `save_model` wrote.
        classifier: any module whose `embeddings` is an `nn.Embedding` of V rows of length d.
        table: "center" (E^w), "context" (E^C), or "sum" of the two.
        standardise: shift and scale each column to mean 0 and variance 1 over the rows.
        vocabulary: which words the classifier's rows stand for; None leaves that unchecked.

    Returns:
        The settings that the table was trained with.

    Raises:
        ValueError: `table` is none of the three.
        FileNotFoundError: there is no such file.
        CheckpointError: the file is damaged, hostile, or of another shape or vocabulary. The
            classifier is then unchanged, and nothing of the file was run.

    Source: assignment Q4.1.
    """
    check_choice("table", table, TABLE_CHOICES)
    saved = read_checkpoint(path, vocabulary=vocabulary)
    center, context = (saved[name] for name in TABLES)  # (V, d) each
    rows = {"center": center, "context": context, "sum": center + context}[table]  # (V, d)
    if standardise:
        spread = rows.std(dim=0, correction=0)  # (d,)
        rows = (rows - rows.mean(dim=0)) / spread.clamp(min=1e-12)  # (V, d)
    embeddings = classifier.embeddings
    if not isinstance(embeddings, nn.Embedding):
        raise TypeError(f"classifier must have embeddings of nn.Embedding, got {embeddings!r}")
    weight = embeddings.weight  # (V, d)
    if weight.shape != rows.shape:
        raise CheckpointError(
            f"classifier.embeddings must have shape {tuple(rows.shape)}, as in {str(path)!r}, "
            f"got {tuple(weight.shape)}"
        )
    with torch.no_grad():
        weight.copy_(rows)
    return saved["config"]


def load_word2vec(
    path: str | os.PathLike, *, vocabulary: str | None = None
) -> tuple[Word2Vec, Word2VecConfig]:
    """Make the saved model again, to use it or to train it further.

    Args:
        path: a file that `save_model` wrote.
        vocabulary: which words the rows should stand for; None leaves that unchecked.

    Returns:
        The model with both tables as saved, and the settings it was trained with.

    Raises:
        FileNotFoundError: there is no such file.
        CheckpointError: the file is damaged, hostile, or of another vocabulary.

    Source: assignment Q3.12.
    """
    saved = read_checkpoint(path, vocabulary=vocabulary)
    vocab_size, dim = saved[TABLES[0]].shape
    model = Word2Vec(vocab_size, dim, generator=torch.Generator())
    with torch.no_grad():
        for name in TABLES:
            getattr(model, name).weight.copy_(saved[name])
    return model, Word2VecConfig(**saved["config"])


def read_checkpoint(path: str | os.PathLike, *, vocabulary: str | None = None) -> dict[str, Any]:
    """Read all that `save_model` wrote, and check that its parts agree with each other.

    Args:
        path: a file that `save_model` wrote.
        vocabulary: which words the rows should stand for; None leaves that unchecked.

    Returns:
        "config", "vocabulary", "epoch", "center_embeddings" and "context_embeddings"; "words"
        and "counts" if they were given to `save_model`.

    Raises:
        FileNotFoundError: there is no such file.
        CheckpointError: the file is damaged, hostile, or of another vocabulary.

    Source: assignment Q3.12.
    """
    saved = read_sealed(path)
    if saved.get("format") != FORMAT:
        raise _refusal(path, f"format {FORMAT}", saved.get("format"))
    try:
        config = Word2VecConfig(**saved["config"])
        center, context = (saved[name] for name in TABLES)  # (V, d) each
        shapes = tuple(center.shape), tuple(context.shape)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise _refusal(path, "settings and two tables", error) from None
    expected = (len(center) if center.dim() else 0, config.dim)
    if shapes != (expected, expected):
        raise _refusal(path, f"two tables of {config.dim} columns", shapes)
    if vocabulary is not None and saved.get("vocabulary") != vocabulary:
        raise _refusal(path, f"vocabulary {vocabulary!r}", saved.get("vocabulary"))
    try:
        for name, check in (("words", _check_words), ("counts", _check_counts)):
            if name in saved:
                check(saved[name], len(center))
    except (TypeError, ValueError) as error:
        raise _refusal(path, "words and counts of its rows", error) from None
    return saved


def _check_words(words: Sequence[str], vocab_size: int) -> list[str]:
    """Refuse anything but a different string for each id."""
    if isinstance(words, str) or not all(isinstance(word, str) for word in words):
        raise TypeError(f"words must be {vocab_size} strings, got {words!r:.80}")
    if len(words) != vocab_size or len(set(words)) != vocab_size:
        raise ValueError(
            f"words must be {vocab_size} different ones, one for each id, got {len(words)}, "
            f"of which {len(set(words))} differ"
        )
    return list(words)


def _check_counts(counts: Tensor, vocab_size: int) -> Tensor:
    """Refuse anything but a number of occurrences for each id."""
    counts = torch.as_tensor(counts)
    if counts.dtype != torch.int64:
        raise TypeError(f"counts must be int64, got {counts.dtype}")
    if tuple(counts.shape) != (vocab_size,) or (counts < 0).any():
        raise ValueError(
            f"counts must be {vocab_size} numbers of 0 or more, one for each id, got {counts!r}"
        )
    return counts


def _refusal(path: str | os.PathLike, expected: str, found: object) -> CheckpointError:
    """Word the refusal of a whole file that holds something else than wanted."""
    return CheckpointError(f"{str(path)!r} must hold {expected}, got {found!r}")
