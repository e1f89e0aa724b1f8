"""Save Word2Vec under the assignment's name (Q3.12), load it into a classifier (Q4.1)."""

import contextlib
import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from w2v.checks import check_choice, check_positive_int, check_strings, checked, shown
from w2v.config import Word2VecConfig
from w2v.files import (
    CheckpointError,
    identity_of_words,
    is_same,
    read_sealed,
    user_path,
    write_sealed,
)
from w2v.model import Word2Vec

FORMAT = 1
TABLES = ("center_embeddings", "context_embeddings")
TABLE_CHOICES = ("center", "context", "sum")


@checked
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


@checked
def save_model(
    model: Word2Vec,
    directory: str | os.PathLike,
    config: Word2VecConfig,
    *,
    vocabulary: str,
    epoch: int | None = None,
    words: Sequence[str] | None = None,
    counts: Tensor | None = None,
    corpus: dict[str, Any] | None = None,
) -> Path:
    """Save both embedding tables, the settings and the vocabulary's identity.

    With `words` and `counts` the file also says which words the rows stand for, and which rows
    were trained: `WordVectors.from_checkpoint` then needs nothing but the file. After the last
    epoch, the `.last` file of this training is removed from the directory.

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
        corpus: the training text, as `WindowDataset.identity` gives it; None where unknown.

    Returns:
        The path of the file.

    Raises:
        TypeError, ValueError: the tables disagree with `config.dim` or are not float32, `words`
            or `counts` disagree with V, `vocabulary` is no string, `epoch` is no number of
            1 ... `config.epochs`, or `corpus` comes from elsewhere.
        CheckpointError: a table is not finite, or the file cannot be written; a file that was
            there before is then still there, whole.

    Source: assignment Q3.12.
    """
    epoch = config.epochs if epoch is None else check_positive_int("epoch", epoch)
    if epoch > config.epochs:
        raise ValueError(f"epoch must be at most config.epochs = {config.epochs}, got {epoch}")
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
        if table.dtype != torch.float32:
            raise TypeError(f"model.{name} must be float32, got {table.dtype}; save model.float()")
        payload[name] = table
    vocab_size = len(payload[TABLES[0]])
    if words is not None:
        payload["words"] = check_words(words, vocab_size, vocabulary)
    if counts is not None:
        payload["counts"] = _check_counts(counts, vocab_size)
    if corpus is not None:
        payload["corpus"] = _check_corpus(corpus, counts)
    path = write_sealed(user_path(directory) / checkpoint_name(config), payload)
    _remove_last(path, model, config)
    return path


@checked
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
    embeddings = getattr(classifier, "embeddings", None)
    if not isinstance(embeddings, nn.Embedding):
        raise TypeError(
            "classifier must have an nn.Embedding as its embeddings, got "
            f"{type(classifier).__name__}; load_word2vec makes a Word2Vec again"
        )
    weight = embeddings.weight  # (V, d)
    if weight.shape != rows.shape:
        raise CheckpointError(
            f"classifier.embeddings must have shape {tuple(rows.shape)}, as in {str(path)!r}, "
            f"got {tuple(weight.shape)}"
        )
    with torch.no_grad():
        weight.copy_(rows)
    return saved["config"]


@checked
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
        "config", "vocabulary", "epoch", "center_embeddings" and "context_embeddings"; "words",
        "counts" and "corpus" if they were given to `save_model`.

    Raises:
        FileNotFoundError: there is no such file.
        CheckpointError: the file is damaged, hostile, or of another vocabulary.

    Source: assignment Q3.12.
    """
    saved = read_sealed(path)
    if not is_same(saved.get("format"), FORMAT):
        raise _refusal(path, f"a Word2Vec of format {FORMAT}", saved.get("format"))
    try:
        config = Word2VecConfig(**saved["config"])
        if missing := asdict(config).keys() - saved["config"].keys():
            raise KeyError(*missing)
        center, context = (saved[name] for name in TABLES)  # (V, d) each
        shapes = tuple(center.shape), tuple(context.shape)
    except (AttributeError, KeyError, RuntimeError, TypeError, ValueError) as error:
        raise _refusal(path, "settings and two tables", error) from None
    expected = (len(center) if center.dim() else 0, config.dim)
    if shapes != (expected, expected):
        raise _refusal(path, f"two tables of {config.dim} columns", shapes)
    if not len(center) or (center.dtype, context.dtype) != (torch.float32, torch.float32):
        raise _refusal(path, "two tables of rows in float32", (shapes, center.dtype, context.dtype))
    if not isinstance(saved.get("vocabulary"), str) or vocabulary not in (
        None,
        saved["vocabulary"],
    ):
        wanted = "a vocabulary" if vocabulary is None else f"vocabulary {vocabulary!r}"
        raise _refusal(path, wanted, saved.get("vocabulary"))
    epoch = saved.get("epoch")
    if type(epoch) is not int or not 1 <= epoch <= config.epochs:
        raise _refusal(path, f"an epoch of 1 ... {config.epochs}", epoch)
    try:
        if "words" in saved:
            check_words(saved["words"], len(center), saved["vocabulary"])
        if "counts" in saved:
            _check_counts(saved["counts"], len(center))
        if "corpus" in saved:
            _check_corpus(saved["corpus"], saved.get("counts"))
    except (TypeError, ValueError) as error:
        raise _refusal(path, "words and counts of its rows", error) from None
    return saved


def check_words(words: Sequence[str], vocab_size: int, vocabulary: str = "") -> list[str]:
    """Refuse anything but a different string for each id.

    Args:
        words: the word of each id.
        vocab_size: V, the number of ids.
        vocabulary: which words they should be; what `vocabulary_identity` gave is compared.

    Returns:
        The words.

    Raises:
        TypeError: anything but strings.
        ValueError: another number than V, a word twice, or words of another vocabulary.
    """
    words = check_strings("words", words)
    if len(words) != vocab_size or len(set(words)) != vocab_size:
        raise ValueError(
            f"words must be {vocab_size} different ones, one for each id, got {len(words)}, "
            f"of which {len(set(words))} differ"
        )
    if vocabulary.startswith("vocabulary-") and vocabulary != (found := identity_of_words(words)):
        raise ValueError(f"words must be those of {vocabulary}, got words of {found}")
    return words


def _check_counts(counts: Tensor, vocab_size: int) -> Tensor:
    """Refuse anything but a number of occurrences for each id."""
    if not isinstance(counts, Tensor):
        raise TypeError(f"counts must be a tensor of {vocab_size} numbers, got {shown(counts)}")
    if counts.dtype != torch.int64:
        raise TypeError(f"counts must be int64, got {counts.dtype}")
    if tuple(counts.shape) != (vocab_size,) or (counts < 0).any():
        raise ValueError(
            f"counts must be {vocab_size} numbers of 0 or more, one for each id, got {counts!r}"
        )
    return counts


def _check_corpus(corpus: dict[str, Any], counts: Tensor | None) -> dict[str, Any]:
    """Refuse anything but what `WindowDataset.identity` gives, of the text that was counted."""
    kinds = {"digest": str, "documents": int, "tokens": int}
    if not isinstance(corpus, dict) or {name: type(part) for name, part in corpus.items()} != kinds:
        raise TypeError(
            f"corpus must be an identity of WindowDataset.identity, got {shown(corpus)}"
        )
    if counts is not None and int(counts.sum()) != corpus["tokens"]:
        raise ValueError(
            f"counts must add up to the {corpus['tokens']} tokens of corpus, got "
            f"{int(counts.sum())}"
        )
    return corpus


def _remove_last(path: Path, model: Word2Vec, config: Word2VecConfig) -> None:
    """Remove the `.last` file beside a model if it holds this very model after its last epoch."""
    last = path.with_name(f"{path.name}.last")
    with contextlib.suppress(OSError, CheckpointError, AttributeError, KeyError, TypeError):
        state = read_sealed(last)
        is_last = len(state["history"]["train_loss"]) == config.epochs
        tables = model.state_dict().items()
        if is_last and all(torch.equal(state["model"][name], rows.cpu()) for name, rows in tables):
            last.unlink()


def _refusal(path: str | os.PathLike, expected: str, found: object) -> CheckpointError:
    """Word the refusal of a whole file that holds something else than wanted."""
    what = f"{found!r:.300}" if isinstance(found, Exception) else shown(found)
    return CheckpointError(f"{str(path)!r} must hold {expected}, got {what}")
