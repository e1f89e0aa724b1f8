"""One epoch of the loader under another objective, or with rows of limited length (`max_norm`)."""

from functools import partial

import torch
from torch import Tensor
from torch.optim import Optimizer

from w2v.config import Word2VecConfig
from w2v.engines import loader
from w2v.engines.objectives_of_the_model import objective_loss
from w2v.model import Word2Vec
from w2v.windows import WindowDataset


def make_optimizers(model: Word2Vec, config: Word2VecConfig) -> list[Optimizer]:
    """Make the loader's optimisers, each of which shortens rows that grow too long.

    Args:
        model: the model; rows that are too long already are shortened here.
        config: gives the learning rate and `max_norm`, 0 for any length.

    Returns:
        The optimisers of `center_embeddings` and `context_embeddings`.

    Source: assignment Q3.10; `max_norm` as in `torch.nn.Embedding`.
    """
    optimizers = loader.make_optimizers(model, config)
    if config.max_norm:
        for table, optimizer in zip(model.parameters(), optimizers, strict=True):
            limit = partial(_limit_rows, table, config.max_norm)
            limit()
            optimizer.register_step_post_hook(limit)
    return optimizers


def train_epoch(
    model: Word2Vec,
    train_set: WindowDataset,
    config: Word2VecConfig,
    **options,
) -> float:
    """Visit every window once, as the loader does, and lower the loss of the config's objective.

    Args:
        model: the model; its two tables are updated in place.
        train_set: the windows.
        config: gives B, K, the objective, the learning rate and whether it falls.
        options: the rest of what `loader.train_epoch` takes.

    Returns:
        Mean loss over the epoch in nats, of what `objective_loss` averages.

    Raises:
        FloatingPointError: a loss that is not finite; its message names the step.

    Source: Mikolov et al. 2013a, section 3.
    """
    if config.objective != "sgns":
        options["loss_of"] = partial(_objective_loss, config)
    return loader.train_epoch(model, train_set, config, **options)


def _objective_loss(config, model, batch, train_set) -> tuple[Tensor, int]:
    """Take the contexts that are no words from the windows."""
    return objective_loss(model, batch, train_set.real(batch["positive_context_ids"]), config)


@torch.no_grad()
def _limit_rows(table: Tensor, max_norm: float, *_) -> None:
    """Shorten the rows of a table that are longer."""
    table.renorm_(2, 0, max_norm)
