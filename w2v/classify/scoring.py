"""The scores of a classifier on labelled texts, and its file (Q4.2)."""

import math
import os
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import NormalDist
from typing import TYPE_CHECKING, Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader

from w2v.checkpoint import check_words
from w2v.checks import (
    check_positive_int,
    check_strings,
    check_text,
    checked,
    is_table,
    shown,
)
from w2v.classify.attention import ClassAttentionModel
from w2v.classify.texts import TextDataset, check_texts, check_tokenizer, collate_texts
from w2v.files import CheckpointError, read_sealed, write_sealed
from w2v.threads import one_thread

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

FORMAT = "w2v classifier 1"
NORMAL = NormalDist().inv_cdf(0.975)  # 1.96
MAX_LENGTH = 256  # ids of a text that are read, as in `tokenize`


@dataclass(frozen=True)
class ClassifierScores:
    """Hold the scores of a classifier on labelled texts.

    Args:
        n_texts: number of texts.
        loss: mean cross-entropy in nats.
        accuracy: share of texts classified correctly.
        low: lower end of the 95 % confidence interval of the accuracy.
        high: its upper end.
        majority_accuracy: accuracy of always naming the most frequent class.
        confusion: number of texts of class i classified as j, shape (n_classes, n_classes), int64.
    """

    n_texts: int
    loss: float
    accuracy: float
    low: float
    high: float
    majority_accuracy: float
    confusion: Tensor = field(compare=False)  # two tensors are not equal or unequal as one


@checked
def score_texts(
    classifier: nn.Module, texts: Iterable[Any] | TextDataset, *, batch_size: int = 256
) -> ClassifierScores:
    """Score a classifier on labelled texts; its mode (training or evaluation) stays as it was.

    Args:
        classifier: maps (input_ids, attention_mask) to logits, shape (B, n_classes), and has
            `embeddings` and `n_classes`.
        texts: rows as `TextDataset.from_documents` takes them, or a `TextDataset`.
        batch_size: texts classified at once; it changes the memory used, not the scores.

    Returns:
        Loss, accuracy with its interval, majority accuracy and confusion matrix.

    Raises:
        TypeError, ValueError: no text, a label outside the classes, an id outside the
            vocabulary, or a batch size that is no positive integer.

    Source: assignment Q4.2 and Q4.3.
    """
    batch_size = check_positive_int("batch_size", batch_size)
    texts = check_texts("texts", texts, classifier)
    logits = text_logits(classifier, texts, batch_size)  # (n_texts, n_classes)
    n_texts, n_classes = logits.shape
    places = texts.labels * n_classes + logits.argmax(dim=1)  # (n_texts,)
    confusion = places.bincount(minlength=n_classes**2).view(n_classes, n_classes)
    n_right = int(confusion.trace())
    low, high = wilson_interval(n_right, n_texts)
    return ClassifierScores(
        n_texts=n_texts,
        loss=F.cross_entropy(logits, texts.labels).item(),
        accuracy=n_right / n_texts,
        low=low,
        high=high,
        majority_accuracy=int(confusion.sum(dim=1).max()) / n_texts,
        confusion=confusion,
    )


@checked
def predict_texts(
    classifier: nn.Module,
    tokenizer: "PreTrainedTokenizerBase",
    texts: Iterable[str],
    *,
    batch_size: int = 256,
) -> Tensor:
    """Compute the probability of each class for each of some texts.

    Args:
        classifier: as in `score_texts`; its mode stays as it was.
        tokenizer: a `transformers` tokenizer, of the classifier's vocabulary.
        texts: n strings. Of each the first 256 tokens are read, as in training. Where a string
            holds no known word, its class is a guess, and a line on stderr says so.
        batch_size: texts classified at once; it changes the memory used, not the result.

    Returns:
        Probabilities, shape (n, n_classes), float32, on the CPU; each row sums to one.

    Raises:
        TypeError: a text that is no string, or one string in place of several.
        ValueError: a tokenizer of another vocabulary.
    """
    batch_size = check_positive_int("batch_size", batch_size)
    if isinstance(texts, str) or is_table(texts) or getattr(texts, "ndim", 1) != 1:
        raise TypeError(
            f"texts must be a list of strings, got {shown(texts)}; pass a list, or one column"
        )
    if isinstance(embeddings := getattr(classifier, "embeddings", None), nn.Embedding):
        check_tokenizer(tokenizer, embeddings.num_embeddings)
    rows, guesses = [], []
    unknown = {getattr(tokenizer, "unk_token_id", None)}
    for i, text in enumerate(texts):
        check_text("texts", text, i)
        encoded = tokenizer(text, add_special_tokens=False, truncation=True, max_length=MAX_LENGTH)
        rows.append({"input_ids": encoded["input_ids"], "label": 0})
        if unknown.issuperset(encoded["input_ids"]):
            guesses.append(repr(text[:40]))
    if not rows:
        return torch.empty(0, cast(int, classifier.n_classes))
    dataset = check_texts("texts", rows, classifier)
    if guesses:
        print(f"no known word, so the class is a guess: {', '.join(guesses):.200}", file=sys.stderr)
    return text_logits(classifier, dataset, batch_size).softmax(dim=1).float()  # (n, n_classes)


def text_logits(classifier: nn.Module, texts: TextDataset, batch_size: int) -> Tensor:
    """Compute the logits of all texts in evaluation mode, some texts at a time.

    Args:
        classifier: as in `score_texts`; its mode stays as it was.
        texts: n texts.
        batch_size: texts classified at once.

    Returns:
        Logits, shape (n, n_classes), float64, on the CPU, in the order of the texts.

    Source: assignment Q4.2.
    """
    order = (texts.ends - texts.starts).argsort()  # (n_texts,): equal lengths, little padding
    # With a generator of its own the loader leaves PyTorch's global one as it was.
    loader = DataLoader(
        texts.select(order), batch_size, collate_fn=collate_texts, generator=torch.Generator()
    )
    device = classifier.get_parameter("embeddings.weight").device
    was_training = classifier.training
    classifier.eval()
    try:
        with torch.inference_mode(), one_thread():
            parts = [
                classifier(batch["input_ids"].to(device), batch["attention_mask"].to(device))
                for batch in loader
            ]  # (B, n_classes) each
            logits = torch.cat(parts).cpu().double()  # (n_texts, n_classes)
    finally:
        classifier.train(was_training)
    return logits[order.argsort()]  # (n_texts, n_classes)


def wilson_interval(n_right: int, n: int) -> tuple[float, float]:
    """Compute the 95 % confidence interval of a share.

    Args:
        n_right: number of successes.
        n: number of trials, 1 or more.

    Returns:
        The lower and the upper end: the shares p from which `n_right / n` lies 1.96 standard
        deviations, sqrt(p (1 - p) / n), away.

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


@checked
def format_scores(scores: ClassifierScores, classes: Sequence[str]) -> str:
    """Format accuracy, interval and confusion matrix as text.

    Args:
        scores: of `score_texts`.
        classes: the name of each class.

    Returns:
        A line for the accuracy, and a table with a row for each true class and a column for
        each predicted class.

    Raises:
        ValueError: not one name for each class.
    """
    classes = _check_names(classes, len(scores.confusion))
    width = max(8, *(len(name) + 1 for name in classes))
    lines = [
        f"accuracy {scores.accuracy:.4f}, 95% interval {scores.low:.4f} to {scores.high:.4f}, "
        f"{scores.n_texts} texts",
        "rows: true class; columns: predicted class",
        " " * width + "".join(name.rjust(width) for name in classes),
    ]
    for name, row in zip(classes, scores.confusion.tolist(), strict=True):
        lines.append(name.rjust(width) + "".join(str(count).rjust(width) for count in row))
    return "\n".join(lines)


def save_classifier(
    classifier: ClassAttentionModel,
    path: str | os.PathLike,
    *,
    vocabulary: str,
    classes: Sequence[str],
    words: Sequence[str] | None = None,
) -> Path:
    """Save a classifier with its vocabulary and the names of its classes.

    Args:
        classifier: the trained model.
        path: the file.
        vocabulary: which words its rows stand for, as `vocabulary_identity` gives it.
        classes: the name of each class.
        words: the word of each id, where the vocabulary is a text's own (`Vocabulary.words`);
            `classifier_words` reads them back. None keeps only the identity.

    Returns:
        The path.

    Raises:
        TypeError: another kind of classifier.
        ValueError: not one name for each class, or not one word for each id.
        CheckpointError: a parameter is not finite, or the file cannot be written; a file that
            was there before is then still there, complete.

    Source: assignment Q4.2.
    """
    if not isinstance(classifier, ClassAttentionModel):
        raise TypeError(
            f"classifier must be a ClassAttentionModel, got {type(classifier).__name__}; "
            "keep another model with torch.save(classifier.state_dict(), path)"
        )
    classes = _check_names(classes, classifier.n_classes)
    if not isinstance(vocabulary, str):
        raise TypeError(f"vocabulary must be a string, got {shown(vocabulary)}")
    dtype = classifier.embeddings.weight.dtype
    if dtype != torch.float32:
        raise TypeError(f"classifier must be float32, got {dtype}; save classifier.float()")
    vocab_size = classifier.embeddings.num_embeddings
    if words is not None:
        words = check_words(words, vocab_size, vocabulary)
    payload = {
        "format": FORMAT,
        "readout": classifier.readout,
        "vocabulary": vocabulary,
        "classes": classes,
        "parameters": dict(classifier.state_dict()),
        "words": words,
    }
    return write_sealed(path, payload)


@checked
def load_classifier(
    path: str | os.PathLike, *, vocabulary: str | None = None
) -> tuple[ClassAttentionModel, list[str]]:
    """Load a saved classifier; no code in the file is run.

    Args:
        path: a file that `save_classifier` wrote.
        vocabulary: which words the rows should stand for; None leaves that unchecked.

    Returns:
        The model, and the name of each class.

    Raises:
        FileNotFoundError: there is no such file.
        CheckpointError: the file is damaged, is unsafe, has another vocabulary or holds no
            classifier.

    Source: assignment Q4.2.
    """
    saved = _read(path)
    if vocabulary is not None and saved["vocabulary"] != vocabulary:
        raise CheckpointError(
            f"{str(path)!r} must hold vocabulary {vocabulary!r}, got {shown(saved['vocabulary'])}"
        )
    try:
        vocab_size, dim = dict(saved["parameters"])["embeddings.weight"].shape
        classes = list(saved["classes"])
        if isinstance(saved["classes"], str) or not all(isinstance(name, str) for name in classes):
            raise TypeError(f"classes must be names, got {shown(saved['classes'])}")
        for name, shape in (("q.weight", (dim, dim)), ("class_embeddings", (len(classes), dim))):
            if tuple(saved["parameters"][name].shape) != shape:  # the file bounds what is made
                raise ValueError(f"{name} must have shape {shape}")
        generator = torch.Generator()
        classifier = ClassAttentionModel(
            vocab_size, dim, len(classes), readout=saved["readout"], generator=generator
        )
        classifier.load_state_dict(saved["parameters"])
    except (AttributeError, LookupError, RuntimeError, TypeError, ValueError) as error:
        reason = str(error).partition("\n")[0]
        raise CheckpointError(f"{str(path)!r} must hold a whole classifier: {reason}") from None
    return classifier, classes


@checked
def classifier_words(path: str | os.PathLike) -> list[str] | None:
    """Read the words that `save_classifier` kept beside a classifier.

    Args:
        path: a file that `save_classifier` wrote.

    Returns:
        The word of each id, or None if the file keeps none: its vocabulary is then one that a
        tokenizer brings along, such as that of BERT.

    Raises:
        FileNotFoundError, CheckpointError: as `load_classifier`.
    """
    return _read(path)["words"]


def _check_names(classes: Sequence[str], n_classes: int) -> list[str]:
    """Refuse names that are not one for each class."""
    names = check_strings("classes", classes)
    if len(names) != n_classes or len(set(names)) != n_classes:
        raise ValueError(f"classes must name the {n_classes} classes, got {shown(classes)}")
    return names


def _read(path: str | os.PathLike) -> dict[str, Any]:
    """Read a file that `save_classifier` wrote."""
    saved = read_sealed(path)
    if saved.get("format") != FORMAT:
        found = "Word2Vec" if "center_embeddings" in saved else shown(saved.get("format"))
        raise CheckpointError(
            f"{str(path)!r} must hold a classifier, got {found}; pass a file that save_classifier, "
            "or classify --output, has written"
        )
    try:
        vocab_size = len(saved["parameters"].get("embeddings.weight"))
        if not isinstance(saved["vocabulary"], str):
            raise TypeError(f"vocabulary must be a string, got {shown(saved['vocabulary'])}")
        saved.setdefault("words", None)  # older files keep none
        if saved["words"] is not None:
            check_words(saved["words"], vocab_size, saved["vocabulary"])
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise CheckpointError(f"{str(path)!r} must hold a whole classifier: {error}") from None
    return saved
