"""A trained classifier, kept in a file, and any labelled texts scored with it (Q4.2)."""

import math
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader

from w2v.classify.attention import ClassAttentionModel
from w2v.classify.texts import TextDataset, check_texts, collate_texts
from w2v.config import check_positive_int
from w2v.files import CheckpointError, read_sealed, write_sealed

FORMAT = "w2v classifier 1"
NORMAL = 1.959964  # the 97.5 % point of the normal distribution


@dataclass(frozen=True)
class Scores:
    """Hold what a classifier reaches on labelled texts.

    Args:
        accuracy: share of texts classified rightly.
        low: lower end of its 95 % interval.
        high: upper end.
        confusion: texts of class i that were called j, shape (n_classes, n_classes), int64.

    Source: assignment Q4.2; Wilson 1927.
    """

    accuracy: float
    low: float
    high: float
    confusion: Tensor


def save_classifier(
    classifier: ClassAttentionModel,
    path: str | os.PathLike,
    *,
    vocabulary: str,
    classes: list[str],
) -> Path:
    """Save a classifier with all that is needed to use it: whole or not at all.

    Args:
        classifier: the trained model.
        path: the file.
        vocabulary: which words its rows stand for, as `vocabulary_identity` gives it.
        classes: the name of each class.

    Returns:
        The path.

    Raises:
        ValueError: not one name for each class.
        CheckpointError: a parameter is not finite, or the file cannot be written.

    Source: assignment Q4.2.
    """
    if len(classes) != classifier.n_classes:
        raise ValueError(
            f"classes must name the {classifier.n_classes} classes, got {list(classes)!r}"
        )
    payload = {
        "format": FORMAT,
        "readout": classifier.readout,
        "vocabulary": vocabulary,
        "classes": list(classes),
        "parameters": dict(classifier.state_dict()),
    }
    return write_sealed(path, payload)


def load_classifier(
    path: str | os.PathLike, *, vocabulary: str | None = None
) -> tuple[ClassAttentionModel, list[str]]:
    """Make a saved classifier again; nothing of the file is run.

    Args:
        path: a file that `save_classifier` wrote.
        vocabulary: which words the rows should stand for; None leaves that unchecked.

    Returns:
        The model, and the name of each class.

    Raises:
        FileNotFoundError: there is no such file.
        CheckpointError: the file is damaged, hostile, of another vocabulary or no classifier.

    Source: assignment Q4.2.
    """
    saved = read_sealed(path)
    if saved.get("format") != FORMAT:
        raise CheckpointError(f"{str(path)!r} must hold a classifier, got {saved.get('format')!r}")
    if vocabulary is not None and saved.get("vocabulary") != vocabulary:
        raise CheckpointError(
            f"{str(path)!r} must hold vocabulary {vocabulary!r}, got {saved.get('vocabulary')!r}"
        )
    try:
        vocab_size, dim = saved["parameters"]["embeddings.weight"].shape
        classes = list(saved["classes"])
        generator = torch.Generator()
        classifier = ClassAttentionModel(
            vocab_size, dim, len(classes), readout=saved["readout"], generator=generator
        )
        classifier.load_state_dict(saved["parameters"])
    except (AttributeError, KeyError, RuntimeError, TypeError, ValueError) as error:
        reason = str(error).partition("\n")[0]
        raise CheckpointError(f"{str(path)!r} must hold a whole classifier: {reason}") from None
    return classifier, classes


def score_texts(classifier: ClassAttentionModel, texts: TextDataset) -> Scores:
    """Classify labelled texts.

    Args:
        classifier: the model.
        texts: the texts; their labels lie in [0, n_classes).

    Returns:
        Accuracy with its interval, and the table of confusions.

    Raises:
        ValueError: no text at all.

    Source: assignment Q4.2.
    """
    n_classes, device = classifier.n_classes, classifier.embeddings.weight.device
    confusion = torch.zeros(n_classes * n_classes, dtype=torch.int64)
    loader = DataLoader(texts, 256, collate_fn=collate_texts, generator=torch.Generator())
    was_training = classifier.training
    classifier.eval()
    try:
        with torch.inference_mode():
            for batch in loader:
                inputs = batch["input_ids"].to(device), batch["attention_mask"].to(device)
                found = classifier(*inputs).argmax(dim=1).cpu()  # (B,)
                places = batch["label"] * n_classes + found  # (B,)
                confusion += places.bincount(minlength=len(confusion))
    finally:
        classifier.train(was_training)
    confusion = confusion.view(n_classes, n_classes)  # (n_classes, n_classes)
    n_right = int(confusion.trace())
    low, high = wilson_interval(n_right, len(texts))
    return Scores(n_right / len(texts), low, high, confusion)


def wilson_interval(n_right: int, n: int) -> tuple[float, float]:
    """Give the 95 % interval of a share.

    Args:
        n_right: how often it came right.
        n: of how many, 1 or more.

    Returns:
        The lower and the upper end: the shares p whose own deviation, sqrt(p (1 - p) / n), puts
        what was seen no more than 1.96 deviations away.

    Raises:
        ValueError: a count outside 0 ... n, or n below 1.

    Source: Wilson 1927.
    """
    if n < 1 or not 0 <= n_right <= n:
        raise ValueError(f"n_right must lie in 0 ... n, n being 1 or more, got {n_right!r}, {n!r}")
    share, square = n_right / n, NORMAL**2 / n
    middle = (share + square / 2) / (1 + square)
    reach = NORMAL * math.sqrt(share * (1 - share) / n + square / (4 * n)) / (1 + square)
    return max(0.0, middle - reach), min(1.0, middle + reach)


def format_scores(scores: Scores, classes: list[str]) -> str:
    """Lay accuracy, interval and confusions out as text.

    Args:
        scores: of `score_texts`.
        classes: the name of each class.

    Returns:
        A line for the accuracy, and a table: a row for each true class, a column for each
        answer.

    Source: assignment Q4.2.
    """
    width = max(8, *(len(name) + 1 for name in classes))
    lines = [
        f"accuracy {scores.accuracy:.4f}, 95% interval {scores.low:.4f} to {scores.high:.4f}, "
        f"{int(scores.confusion.sum())} texts",
        "true class, then how often each class was the answer:",
        " " * width + "".join(name.rjust(width) for name in classes),
    ]
    for name, row in zip(classes, scores.confusion.tolist(), strict=True):
        lines.append(name.rjust(width) + "".join(str(count).rjust(width) for count in row))
    return "\n".join(lines)


def evaluate_classifier(
    classifier: nn.Module, dataset: Iterable[dict], *, batch_size: int = 256
) -> dict[str, float]:
    """Measure a classifier on labelled texts, leaving it in the mode it came in.

    Args:
        classifier: maps (input_ids, attention_mask) to logits, shape (B, n_classes), and has
            `embeddings` and `n_classes`.
        dataset: rows with `input_ids` (list of int) and `label` (int), or a `TextDataset`.
        batch_size: texts read at once; it changes the memory used, not the result.

    Returns:
        `loss`, the mean cross-entropy in nats; `accuracy`, the share classified rightly; and
        `majority_accuracy`, what naming the most frequent class every time would score.

    Raises:
        TypeError, ValueError: an empty set, a label outside the classes, an id outside the
            vocabulary, or a batch size that is no positive integer.

    Source: assignment Q4.2 and Q4.3.
    """
    check_positive_int("batch_size", batch_size)
    texts = check_texts("dataset", dataset, classifier)
    # A generator of its own: without one the loader would draw from PyTorch's global one.
    loader = DataLoader(texts, batch_size, collate_fn=collate_texts, generator=torch.Generator())
    was_training = classifier.training
    classifier.eval()
    try:
        with torch.inference_mode():
            scores = [_score_batch(classifier, batch) for batch in loader]
    finally:
        classifier.train(was_training)
    majority = texts.labels.bincount().max().item()
    return {
        "loss": sum(loss.item() for loss, _ in scores) / len(texts),
        "accuracy": sum(n_right for _, n_right in scores) / len(texts),
        "majority_accuracy": majority / len(texts),
    }


def _score_batch(classifier: nn.Module, batch: dict[str, Tensor]) -> tuple[Tensor, int]:
    """Give the summed cross-entropy of a batch, shape (), and how many texts it gets right."""
    device = classifier.embeddings.weight.device
    labels = batch["label"].to(device)  # (B,)
    logits = classifier(
        batch["input_ids"].to(device), batch["attention_mask"].to(device)
    )  # (B, n_classes)
    n_right = (logits.argmax(dim=1) == labels).sum().item()
    return F.cross_entropy(logits, labels, reduction="sum"), n_right
