"""One epoch the assignment's own way: DataLoader, autograd, optimiser (Q3.10)."""

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.optim import Adagrad, Optimizer

from w2v.batches import make_loader
from w2v.config import Word2VecConfig, learning_rate_at
from w2v.model import Word2Vec, sgns_loss
from w2v.text.vocabulary import NoiseDistribution
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


def batch_loss(
    model: Word2Vec, batch: dict[str, Tensor], train_set: WindowDataset
) -> tuple[Tensor, int]:
    """Give equation (1) over the pairs of a batch.

    Args:
        model: the model.
        batch: as `collate_fn` makes it, from windows of `train_set`.
        train_set: says which contexts are no words (`WindowDataset.real`).

    Returns:
        Mean loss per pair in nats, shape (), and the number of positive pairs.

    Source: assignment eq. (1).
    """
    positive_ids, real = batch["positive_context_ids"], None  # (B, 2R)
    if train_set.border == "pad" or train_set.radii is not None:
        real = train_set.real(positive_ids)  # (B, 2R)
        positive_ids = positive_ids.clamp(min=0)  # (B, 2R)
    ids = torch.cat([positive_ids, batch["negative_context_ids"]], dim=1)  # (B, C)
    logits = model(batch["word_id"], ids)  # (B, C)
    n_positive = positive_ids.shape[1]
    loss = sgns_loss(logits[:, :n_positive], logits[:, n_positive:], real)
    return loss, positive_ids.numel() if real is None else int(real.sum())


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
    loss_of: Callable[..., tuple[Tensor, int]] = batch_loss,
) -> float:
    """Visit every window once, in a new order, with new negatives.

    Args:
        model: the model; its two tables are updated in place.
        train_set: the windows.
        config: gives B, K, the learning rate and whether it falls.
        optimizers: as `make_optimizers` makes them.
        noise: where negatives come from.
        epoch: counted from 1.
        generator: of the order and the negatives.
        report: called after each step with its number of words and its mean loss.
        loss_of: what a step lowers, and of how many positives it is the mean.

    Returns:
        Mean loss per pair over the epoch, in nats, each batch as it was before its step.

    Raises:
        FloatingPointError: a loss that is not finite; its message names the step.

    Source: assignment eq. (1) and Q3.10.
    """
    total, n_positives = 0.0, 0
    vocab_size = model.center_embeddings.num_embeddings
    loader = make_loader(train_set, config, vocab_size, generator=generator, noise=noise)
    for step, batch in enumerate(loader, start=1):
        loss, weight = loss_of(model, batch, train_set)
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

        total, n_positives = total + mean * weight, n_positives + weight
        report(len(batch["word_id"]), mean)
    return total / n_positives
