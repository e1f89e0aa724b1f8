"""One epoch the assignment's own way: DataLoader, autograd, optimiser (Q3.10)."""

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.optim import Adagrad, Optimizer

from w2v.batches import make_loader
from w2v.config import Word2VecConfig, learning_rate_at
from w2v.model import Word2Vec, sgns_loss
from w2v.objectives import objective_loss
from w2v.vocabulary import NoiseDistribution
from w2v.windows import WindowDataset


def make_optimizers(model: Word2Vec, config: Word2VecConfig) -> list[Optimizer]:
    """Make one Adagrad for each table.

    Adagrad moves a row only where its gradient is not zero, so a row that no batch holds stays
    as it is; and a word seen rarely keeps a larger step than a frequent one. The center table
    has sparse gradients: B rows a step. About half of the context table is drawn at each step,
    so its gradient is dense, and updated in one fused pass.

    Args:
        model: the model.
        config: gives the learning rate.

    Returns:
        The optimisers of `center_embeddings` and `context_embeddings`.

    Source: assignment Q3.10; Duchi et al. 2011.
    """
    return [
        Adagrad(model.center_embeddings.parameters(), lr=config.learning_rate),
        Adagrad(model.context_embeddings.parameters(), lr=config.learning_rate, fused=True),
    ]


@torch.sparse.check_sparse_tensor_invariants(enable=False)  # said, so that torch need not warn
def train_epoch(
    model: Word2Vec,
    train_set: WindowDataset,
    config: Word2VecConfig,
    *,
    optimizers: list[Optimizer],
    noise: NoiseDistribution,
    epoch: int,
    generator: torch.Generator,
    report: Callable[[int, float], None],
) -> float:
    """Visit every window once, in a new order, with new negatives.

    Args:
        model: the model; its two tables are updated in place.
        train_set: the windows.
        config: gives B, K, the objective, `max_norm`, the learning rate and whether it falls.
        optimizers: as `make_optimizers` makes them.
        noise: where negatives come from.
        epoch: counted from 1.
        generator: of the order and the negatives.
        report: called after each step with its number of words and its mean loss.

    Returns:
        Mean loss over the epoch, in nats, each batch as it was before its step: per pair, or as
        `objective_loss` has it.

    Raises:
        FloatingPointError: a loss that is not finite; its message names the step.

    Source: assignment eq. (1) and Q3.10.
    """
    total, n_positives = 0.0, 0
    vocab_size = model.center_embeddings.num_embeddings
    loader = make_loader(train_set, config, vocab_size, generator=generator, noise=noise)
    _limit_rows(model, config)
    for step, batch in enumerate(loader, start=1):
        positive_ids, real = _positives(batch, train_set)  # (B, 2R) each
        if config.objective == "sgns":
            ids = torch.cat([positive_ids, batch["negative_context_ids"]], dim=1)  # (B, C)
            logits = model(batch["word_id"], ids)  # (B, C)
            n_positive = positive_ids.shape[1]
            loss = sgns_loss(logits[:, :n_positive], logits[:, n_positive:], real)
            weight = positive_ids.numel() if real is None else int(real.sum())
        else:  # not the assignment's
            loss, weight = objective_loss(model, batch, real, config)
        mean = loss.item()
        if not math.isfinite(mean):
            raise FloatingPointError(f"loss must be finite, got {mean} at step {step}")

        for optimizer in optimizers:
            optimizer.zero_grad()
        loss.backward()
        for optimizer in optimizers:
            if config.decay:
                done = (step - 1) / len(loader)
                optimizer.param_groups[0]["lr"] = learning_rate_at(config, epoch, done)
            optimizer.step()
        _limit_rows(model, config)

        total, n_positives = total + mean * weight, n_positives + weight
        report(len(batch["word_id"]), mean)
    return total / n_positives


@torch.no_grad()
def _limit_rows(model: Word2Vec, config: Word2VecConfig) -> None:
    """Shorten the rows of both tables that are longer than `max_norm`, where there is one."""
    if config.max_norm:
        for table in model.parameters():
            table.renorm_(2, 0, config.max_norm)


def _positives(batch: dict[str, Tensor], train_set: WindowDataset) -> tuple[Tensor, Tensor | None]:
    """Give the positive contexts, and a mask of those that count; None where all do."""
    ids = batch["positive_context_ids"]  # (B, 2R)
    if train_set.border != "pad" and train_set.radii is None:
        return ids, None
    return ids.clamp(min=0), train_set.real(ids)  # (B, 2R) each
