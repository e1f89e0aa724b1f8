"""The training of a classifier (Q4.2)."""

import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn
from torch.optim.lr_scheduler import LinearLR, LRScheduler
from torch.utils.data import DataLoader
from tqdm import tqdm

from w2v.checks import check_gradients, check_switch, shown
from w2v.classify.scoring import score_texts
from w2v.classify.texts import TextDataset, check_texts, collate_texts
from w2v.config import ClassifierConfig
from w2v.threads import one_thread


@dataclass
class ClassifierHistory:
    """Hold one number per epoch of each measure; index 0 is epoch 1.

    Args:
        train_loss: mean cross-entropy in nats over the epoch, before each step.
        train_accuracy: share of training texts classified correctly, before each step.
        valid_loss: mean cross-entropy in nats on the validation texts, after the epoch.
        valid_accuracy: share of validation texts classified correctly, after the epoch.
    """

    train_loss: list[float] = field(default_factory=list)
    train_accuracy: list[float] = field(default_factory=list)
    valid_loss: list[float] = field(default_factory=list)
    valid_accuracy: list[float] = field(default_factory=list)

    @property
    def best_epoch(self) -> int:
        """The epoch, counted from 1, with the lowest validation loss."""
        return self.valid_loss.index(min(self.valid_loss)) + 1


def train_classifier(
    classifier: nn.Module,
    train_set: Iterable[Any] | TextDataset,
    valid_set: Iterable[Any] | TextDataset,
    config: ClassifierConfig,
    *,
    progress: bool | None = None,
) -> ClassifierHistory:
    """Train a classifier with Adam on the cross-entropy, and score it after every epoch.

    `config.seed` draws the order of the texts. The classifier ends with the weights of the last
    epoch, in the mode (training or evaluation) that it had before.

    Args:
        classifier: maps (input_ids, attention_mask) to logits, shape (B, n_classes), and has
            `embeddings` and `n_classes`; trained in place, on its own device.
        train_set: rows as `TextDataset.from_documents` takes them, or a `TextDataset`.
        valid_set: the same, to score the classifier on.
        config: every setting.
        progress: show a bar with the loss and texts per second on stderr; None: on a terminal only.

    Returns:
        Loss and accuracy on both sets, epoch by epoch.

    Raises:
        TypeError, ValueError: an empty set, a label outside the classes, an id outside the
            vocabulary, another kind of config, or a classifier with no parameter to train; nothing
            is trained then.
        FloatingPointError: a loss that is not finite; says the epoch, step and learning rate.

    Source: assignment Q4.2.
    """
    if not isinstance(config, ClassifierConfig):
        raise TypeError(f"config must be a ClassifierConfig, got {shown(config)}")
    if progress is not None:
        check_switch("progress", progress)
    train_texts = check_texts("train_set", train_set, classifier)
    valid_texts = check_texts("valid_set", valid_set, classifier)
    check_gradients("classifier", classifier.get_parameter("embeddings.weight"))
    loader = make_text_loader(train_texts, config)
    history = ClassifierHistory()
    n_texts = config.epochs * len(train_texts)
    disable = None if progress is None else not progress  # tqdm: None hides it off a terminal
    with (
        one_thread(),
        torch.enable_grad(),
        _training_mode(classifier, config.freeze),
        tqdm(total=n_texts, unit=" texts", disable=disable) as bar,
    ):
        optimizer, schedule = make_optimizer(classifier, config, config.epochs * len(loader))
        for epoch in range(1, config.epochs + 1):
            loss, accuracy = train_epoch(
                classifier, loader, optimizer, schedule, epoch=epoch, bar=bar
            )
            valid = score_texts(classifier, valid_texts)
            _check_finite("validation loss", valid.loss, epoch, len(loader), optimizer)
            history.train_loss.append(loss)
            history.train_accuracy.append(accuracy)
            history.valid_loss.append(valid.loss)
            history.valid_accuracy.append(valid.accuracy)
    return history


def train_epoch(
    classifier: nn.Module,
    loader: DataLoader,
    optimizer: torch.optim.Optimizer,
    schedule: LRScheduler | None = None,
    *,
    epoch: int = 1,
    bar: tqdm | None = None,
) -> tuple[float, float]:
    """Take one training step per batch.

    Args:
        classifier: in training mode.
        loader: batches, as `collate_texts` makes them.
        optimizer: takes the steps.
        schedule: sets the learning rate after each step; None leaves the optimiser's own.
        epoch: number of the epoch, for the message of an error.
        bar: shows the progress; None shows nothing.

    Returns:
        The mean loss in nats and the accuracy over the epoch, each text scored before its step.

    Raises:
        FloatingPointError: a loss that is not finite.

    Source: assignment Q4.2.
    """
    device = classifier.get_parameter("embeddings.weight").device
    total_loss, n_texts = 0.0, 0
    n_right = torch.zeros((), dtype=torch.int64, device=device)  # (): a GPU adds it up by itself
    for step, batch in enumerate(loader, start=1):
        input_ids = batch["input_ids"].to(device)  # (B, T)
        attention_mask = batch["attention_mask"].to(device)  # (B, T)
        labels = batch["label"].to(device)  # (B,)
        optimizer.zero_grad()
        logits = classifier(input_ids, attention_mask)  # (B, n_classes)
        loss = F.cross_entropy(logits, labels)  # ()
        value = loss.item()
        _check_finite("training loss", value, epoch, step, optimizer)
        loss.backward()
        optimizer.step()
        if schedule is not None:
            schedule.step()
        total_loss += value * len(labels)
        n_right += (logits.argmax(dim=1) == labels).sum()
        n_texts += len(labels)
        if bar is not None:
            bar.set_postfix(epoch=epoch, loss=f"{value:.3f}", refresh=False)
            bar.update(len(labels))
    return total_loss / n_texts, n_right.item() / n_texts


def make_text_loader(texts: TextDataset, config: ClassifierConfig) -> DataLoader:
    """Serve the training batches, in an order drawn anew for each epoch.

    Args:
        texts: n labelled texts.
        config: gives the batch size, the word dropout, and the seed of the order.

    Returns:
        A `DataLoader` of batches as `collate_texts` makes them; the last one may be shorter.

    Source: assignment Q4.2.
    """
    generator = torch.Generator().manual_seed(config.seed)
    return DataLoader(
        texts,
        batch_size=config.batch_size,
        shuffle=True,
        generator=generator,
        collate_fn=partial(collate_texts, word_dropout=config.word_dropout, generator=generator),
    )


def make_optimizer(
    classifier: nn.Module, config: ClassifierConfig, n_steps: int
) -> tuple[torch.optim.Optimizer, LRScheduler]:
    """Make Adam with a learning rate for each parameter, and the schedule of the rates.

    Args:
        classifier: as in `train_classifier`.
        config: gives the learning rate, the shares of it that the embeddings and the attention
            get, and whether the rate falls.
        n_steps: number of steps, over which a falling rate reaches zero.

    Returns:
        Adam, and its schedule: constant, or linear to zero.

    Raises:
        ValueError: a classifier with no parameter to train.

    Source: assignment Q4.2; Kingma and Ba 2015.
    """
    shares = {"embeddings": config.table_rate}
    shares |= dict.fromkeys(("q", "k", "v", "class_embeddings"), config.attention_rate)
    groups = []
    for name, parameter in classifier.named_parameters():
        part = name.removeprefix("_orig_mod.").partition(".")[0]  # `torch.compile` adds the prefix
        if parameter.requires_grad:
            groups.append({"params": [parameter], "lr": config.learning_rate * shares.get(part, 1)})
    device = classifier.get_parameter("embeddings.weight").device
    fused = device.type in ("cpu", "cuda")  # faster, where PyTorch has it
    if not groups:
        raise ValueError(
            "classifier must have a parameter to train, got none with requires_grad; "
            "call classifier.requires_grad_(True)"
        )
    optimizer = torch.optim.Adam(groups, lr=config.learning_rate, fused=fused)
    return optimizer, LinearLR(optimizer, 1.0, 0.0 if config.decay else 1.0, total_iters=n_steps)


@contextmanager
def _training_mode(classifier: nn.Module, freeze: bool) -> Iterator[None]:
    """Train inside the block, with the table frozen if asked; then restore mode and table."""
    table = classifier.get_parameter("embeddings.weight")  # (V, d)
    was_training, was_free = classifier.training, table.requires_grad
    classifier.train()
    table.requires_grad_(was_free and not freeze)
    try:
        yield
    finally:
        classifier.train(was_training)
        table.requires_grad_(was_free)


def _check_finite(
    name: str, loss: float, epoch: int, step: int, optimizer: torch.optim.Optimizer
) -> None:
    """Refuse a loss that is not finite."""
    if not math.isfinite(loss):
        raise FloatingPointError(
            f"{name} must be finite, got {loss!r} at epoch {epoch}, step {step}, learning rate "
            f"{optimizer.defaults['lr']!r}; lower the learning rate"
        )
