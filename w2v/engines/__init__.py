"""Engines: different ways to train for one epoch. This module holds their contract and the choice.

An engine is a class. `make_engine` makes one for each training, of the class that `config.engine`
names in `ENGINES`. To add an engine, write a class with the methods of `Engine` in a module of
its own, and add a line to `ENGINES`; the settings, the command line and the checks follow.

All engines train the same pairs: those of the `WindowDataset` they are given, each positive with
K negatives drawn from the noise distribution, once an epoch, at the rate of `learning_rate_at`.
"""

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol

import torch

if TYPE_CHECKING:
    from w2v.batches import NoiseDistribution
    from w2v.config import Word2VecConfig
    from w2v.model import Word2Vec
    from w2v.windows import WindowDataset

ENGINES = {  # the name in the settings, and the class
    "loader": "w2v.training:LoaderEngine",
    "hogwild": "w2v.engines.hogwild:HogwildEngine",
    "blocks": "w2v.engines.blocks:BlocksEngine",
}
OBJECTIVES = {  # the name in the settings; what is given, and against what the rest is predicted
    "sgns": ("center", "negatives"),  # the assignment's
    "skipgram": ("center", "vocabulary"),
    "cbow": ("contexts", "vocabulary"),
    "cbow_ns": ("contexts", "negatives"),
}
Report = Callable[[int, float], None]  # called with the words and the mean loss of a step


class Engine(Protocol):
    """Train a model for one epoch at a time; keep what is needed from one epoch to the next.

    Args:
        model: the model; its two tables are updated in place.
        config: the settings of the training.
        noise: the distribution of the negatives.
    """

    def __init__(
        self, model: "Word2Vec", config: "Word2VecConfig", noise: "NoiseDistribution"
    ) -> None: ...

    def train_epoch(
        self, windows: "WindowDataset", epoch: int, generator: torch.Generator, report: Report
    ) -> float:
        """Visit every window once, with new negatives.

        Args:
            windows: what to train on in this epoch.
            epoch: counted from 1; the learning rate may depend on it.
            generator: draws the order and the negatives of this epoch.
            report: called now and then with a number of center words and their mean loss.

        Returns:
            Mean loss per pair over the epoch, in nats, each step as it was before its update.

        Raises:
            FloatingPointError: a loss that is not finite; its message names the step.
        """
        ...

    def state_dict(self) -> list[dict[str, Any]]:
        """Give the states of the optimisers, which a resumed training needs."""
        ...

    def load_state_dict(self, state: list[dict[str, Any]]) -> None:
        """Go on from what `state_dict` gave.

        Args:
            state: the states of the optimisers.

        Raises:
            KeyError, TypeError, ValueError: the state of another engine.
        """
        ...


@contextmanager
def uncollected() -> Iterator[None]:
    """Collect no garbage meanwhile: looking through all of torch takes a third of a first step."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def make_engine(model: "Word2Vec", config: "Word2VecConfig", noise: "NoiseDistribution") -> Engine:
    """Make the engine that the settings name.

    Args:
        model: the model to train.
        config: the settings; they name the engine.
        noise: the distribution of the negatives.

    Returns:
        The engine.

    Raises:
        ValueError: noise of another vocabulary.
        ImportError: the engine needs an extra that is not installed; the message names it.
    """
    vocab_size = model.center_embeddings.num_embeddings
    if noise.vocab_size != vocab_size:  # compiled code would read beyond the tables
        raise ValueError(f"noise must be of {vocab_size} ids, got {noise.vocab_size}")
    module, name = ENGINES[config.engine].split(":")
    with uncollected():
        return getattr(import_module(module), name)(model, config, noise)
