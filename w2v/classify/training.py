"""The training of a classifier (Q4.2)."""

import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial

import torch
from torch import nn
from torch.utils.data import DataLoader
from tqdm import tqdm

from w2v.classify.scoring import _score_batch, evaluate_classifier
from w2v.classify.texts import check_texts, collate_texts
from w2v.config import ClassifierConfig


@dataclass
class ClassifierHistory:
    """Hold one number per epoch of each measure.

    Args:
        train_loss: mean cross-entropy in nats over the epoch, while the weights moved.
        train_accuracy: share of training texts classified rightly, while the weights moved.
        valid_loss: mean cross-entropy in nats after the epoch.
        valid_accuracy: share of validation texts classified rightly after the epoch.

    Source: assignment Q4.2 and Q4.3.
    """

    train_loss: list[float] = field(default_factory=list)
    train_accuracy: list[float] = field(default_factory=list)
    valid_loss: list[float] = field(default_factory=list)
    valid_accuracy: list[float] = field(default_factory=list)

    @property
    def best_epoch(self) -> int:
        """Tell which epoch, counted from 1, has the lowest validation loss.

        Source: assignment Q4.2 (the last epoch is not always the best).
        """
        return self.valid_loss.index(min(self.valid_loss)) + 1


def train_classifier(
    classifier: nn.Module,
    train_set: Iterable[dict],
    valid_set: Iterable[dict],
    config: ClassifierConfig,
    *,
    progress: bool | None = None,
) -> ClassifierHistory:
    """Train a classifier with Adam on the cross-entropy, and measure it after every epoch.

    The order of the texts is drawn from `config.seed`. The classifier ends with the weights of
    the last epoch, in the mode it came in.

    Args:
        classifier: maps (input_ids, attention_mask) to logits, shape (B, n_classes), and has
            `embeddings` and `n_classes`; changed in place.
        train_set: rows with `input_ids` (list of int) and `label` (int), or a `TextDataset`.
        valid_set: the same, for the measures after every epoch.
        config: batch size, epochs, seed, how fast each part learns, and what is hidden.
        progress: show a bar with the loss and texts per second on stderr; None: on a terminal only.

    Returns:
        Loss and accuracy of both sets, epoch by epoch.

    Raises:
        TypeError, ValueError: an empty set, a label outside the classes, an id outside the
            vocabulary; nothing has been trained then.
        FloatingPointError: a loss that is not finite; says the epoch, step and learning rate.

    Source: assignment Q4.2.
    """
    train_texts = check_texts("train_set", train_set, classifier)
    valid_texts = check_texts("valid_set", valid_set, classifier)
    generator = torch.Generator().manual_seed(config.seed)
    hide = {"word_dropout": config.word_dropout, "generator": generator}
    loader = DataLoader(
        train_texts,
        batch_size=config.batch_size,
        shuffle=True,
        generator=generator,
        collate_fn=partial(collate_texts, **hide),
    )
    history = ClassifierHistory()
    n_texts = config.epochs * len(train_texts)
    disable = None if progress is None else not progress  # tqdm: None hides it off a terminal
    with (
        _training_mode(classifier, config.freeze) as trained,
        tqdm(total=n_texts, unit=" texts", disable=disable) as bar,
    ):
        optimizer = torch.optim.Adam(
            _at_their_rates(trained, config), lr=config.learning_rate, fused=True
        )
        schedule = torch.optim.lr_scheduler.LinearLR(
            optimizer, 1.0, 0.0 if config.decay else 1.0, total_iters=config.epochs * len(loader)
        )
        for epoch in range(1, config.epochs + 1):
            train = _train_epoch(classifier, loader, optimizer, schedule, epoch, bar)
            valid = evaluate_classifier(classifier, valid_texts)
            _check_finite("validation loss", valid["loss"], epoch, len(loader), optimizer)
            history.train_loss.append(train["loss"])
            history.train_accuracy.append(train["accuracy"])
            history.valid_loss.append(valid["loss"])
            history.valid_accuracy.append(valid["accuracy"])
    return history


def _at_their_rates(trained: dict[str, nn.Parameter], config: ClassifierConfig) -> list[dict]:
    """Give each parameter its share of the learning rate: table, attention, and all the rest."""
    shares = {"embeddings": config.table_rate}
    shares |= dict.fromkeys(("q", "k", "v", "class_embeddings"), config.attention_rate)
    return [
        {"params": [parameter], "lr": config.learning_rate * shares.get(name.partition(".")[0], 1)}
        for name, parameter in trained.items()
    ]


@contextmanager
def _training_mode(classifier: nn.Module, freeze: bool) -> Iterator[dict[str, nn.Parameter]]:
    """Give the parameters to train; leave mode and table as free or fixed as they were."""
    table = classifier.embeddings.weight
    was_training, was_free = classifier.training, table.requires_grad
    classifier.train()
    table.requires_grad_(not freeze)
    try:
        yield {name: p for name, p in classifier.named_parameters() if p.requires_grad}
    finally:
        classifier.train(was_training)
        table.requires_grad_(was_free)


def _train_epoch(
    classifier: nn.Module,
    loader: DataLoader,
    optimizer: torch.optim.Optimizer,
    schedule: torch.optim.lr_scheduler.LRScheduler,
    epoch: int,
    bar,
) -> dict[str, float]:
    """Take one step per batch; give the epoch's mean loss and accuracy."""
    total_loss, n_right, n_texts = 0.0, 0, 0
    for step, batch in enumerate(loader, start=1):
        n_batch = len(batch["label"])
        loss, n_batch_right = _score_batch(classifier, batch)
        mean_loss = loss.item() / n_batch
        _check_finite("training loss", mean_loss, epoch, step, optimizer)
        optimizer.zero_grad()
        (loss / n_batch).backward()
        optimizer.step()
        schedule.step()
        total_loss += loss.item()
        n_right += n_batch_right
        n_texts += n_batch
        bar.set_postfix(epoch=epoch, loss=f"{mean_loss:.3f}", refresh=False)
        bar.update(n_batch)
    return {"loss": total_loss / n_texts, "accuracy": n_right / n_texts}


def _check_finite(
    name: str, loss: float, epoch: int, step: int, optimizer: torch.optim.Optimizer
) -> None:
    """Stop a training whose loss has left the numbers."""
    if not math.isfinite(loss):
        raise FloatingPointError(
            f"{name} must be finite, got {loss!r} at epoch {epoch}, step {step}, learning rate "
            f"{optimizer.defaults['lr']!r}; lower the learning rate"
        )
