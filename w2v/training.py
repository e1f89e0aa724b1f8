"""The training loop: epochs, validation, the best and the last, resuming (Q3.10)."""

import contextlib
import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from types import ModuleType

import torch
from tqdm import tqdm

from w2v.checkpoint import checkpoint_name, save_model
from w2v.config import Word2VecConfig
from w2v.engines import blocks, distributed, loader
from w2v.evaluation import evaluate_word2vec
from w2v.files import CheckpointError, read_sealed, write_sealed
from w2v.model import Word2Vec
from w2v.text.vocabulary import NoiseDistribution
from w2v.windows import WindowDataset, subsample, vary_radii


@dataclass
class History:
    """Hold one number per epoch of a Word2Vec training; index 0 is epoch 1.

    Args:
        train_loss: mean loss per pair over the epoch, in nats (per predicted word where the
            objective has a softmax).
        valid_loss: the same on the validation set, after the epoch.
        valid_accuracy: share of validation pairs called right.
        valid_balanced_accuracy: the same, positives and negatives weighing alike.
        valid_auc: probability that a positive scores above a negative.

    Source: assignment Q3.10 and Q3.11.
    """

    train_loss: list[float] = field(default_factory=list)
    valid_loss: list[float] = field(default_factory=list)
    valid_accuracy: list[float] = field(default_factory=list)
    valid_balanced_accuracy: list[float] = field(default_factory=list)
    valid_auc: list[float] = field(default_factory=list)

    @property
    def n_epochs(self) -> int:
        """Epochs finished."""
        return len(self.train_loss)

    @property
    def best_epoch(self) -> int:
        """The epoch, counted from 1, with the lowest validation loss; the first if several."""
        return 1 + min(range(self.n_epochs), key=self.valid_loss.__getitem__)


def train_word2vec(
    model: Word2Vec,
    train_set: WindowDataset,
    valid_set: WindowDataset,
    config: Word2VecConfig,
    *,
    directory: str | Path | None = None,
    vocabulary: str = "",
    progress: bool | None = None,
) -> History:
    """Train a model for E epochs of B center words a step, and validate it after each.

    With a `directory`, its folder `best` keeps the model of the best epoch so far, and a file
    that ends in `.last` keeps all that is needed to go on. That file goes once the training is
    complete; where it is found, a training that was cut off goes on from there, to the same bits.

    Args:
        model: the model, trained in place; it ends as the last epoch left it.
        train_set: the windows to learn from.
        valid_set: held-out windows.
        config: every setting.
        directory: where to keep both; None keeps nothing.
        vocabulary: what `corpus.vocabulary_identity` says of the ids; kept in the files.
        progress: show a bar with the loss and words per second; None: on a terminal only.

    Returns:
        The numbers of each epoch.

    Raises:
        ValueError: a model of another dim than the config's, windows of another radius or
            border, ids outside the vocabulary, or several processes with an engine that
            cannot average its tables.
        FloatingPointError: a loss that is not finite; the files of the last epoch stay.
        CheckpointError: a `.last` file that is damaged, or of other settings.

    Source: assignment Q3.10.
    """
    options = {"directory": directory, "vocabulary": vocabulary, "progress": progress}
    *_, history = train_epochs(model, train_set, valid_set, config, **options)
    return history


def train_epochs(
    model: Word2Vec,
    train_set: WindowDataset,
    valid_set: WindowDataset,
    config: Word2VecConfig,
    *,
    directory: str | Path | None = None,
    vocabulary: str = "",
    progress: bool | None = None,
) -> Iterator[History]:
    """Train as `train_word2vec` does, and pause after each epoch: to print nearest words, say.

    It takes what `train_word2vec` takes, and trains only as far as it is asked to.

    Returns:
        An iterator over E epochs, which gives the numbers of all epochs so far while the model
        is as the last of them left it; a training that goes on gives those it found first.

    Source: assignment Q3.10.
    """
    _check_agreement(model, train_set, valid_set, config)
    counts = train_set.counts(model.center_embeddings.num_embeddings)  # (V,)
    valid_set.counts(model.center_embeddings.num_embeddings)
    noise = NoiseDistribution.from_name(config.noise, counts)
    engine = engine_of(config)
    optimizers = engine.make_optimizers(model, config)
    history = History()
    rank, n_ranks = distributed.join()  # 0 and 1, unless torchrun started several processes
    if n_ranks > 1 and config.engine != "hogwild":
        raise ValueError(f'engine must be "hogwild" for several processes, got {config.engine!r}')
    train_epoch = engine.train_epoch
    if n_ranks > 1:
        train_epoch = partial(distributed.train_epoch, train_epoch)
    progress = progress if rank == 0 else False
    last = None
    if directory is not None:
        last = Path(directory) / (checkpoint_name(config) + ".last")
        if last.exists():
            history = _resume(last, model, optimizers, config, vocabulary)
            yield history

    for epoch in range(history.n_epochs + 1, config.epochs + 1):
        generator = epoch_generator(config.seed, epoch)
        windows = train_set
        if config.subsample:
            rule = config.subsample_rule
            windows = subsample(windows, counts, config.subsample, generator, rule=rule)
        if config.dynamic_window:
            windows = vary_radii(windows, generator)
        with _progress_bar(len(windows), epoch, config, progress) as report:
            try:
                train_loss = train_epoch(
                    model,
                    windows,
                    config,
                    optimizers=optimizers,
                    noise=noise,
                    epoch=epoch,
                    generator=generator,
                    report=report,
                )
            except FloatingPointError as error:
                raise FloatingPointError(_diverged(error, epoch, config, last)) from None
        scores = evaluate_word2vec(model, valid_set, config, counts=counts)
        if not math.isfinite(scores.loss):
            error = f"validation loss must be finite, got {scores.loss} at the end"
            raise FloatingPointError(_diverged(error, epoch, config, last))
        history.train_loss.append(train_loss)
        history.valid_loss.append(scores.loss)
        history.valid_accuracy.append(scores.model.accuracy)
        history.valid_balanced_accuracy.append(scores.model.balanced_accuracy)
        history.valid_auc.append(scores.model.auc)
        if directory is not None and rank == 0:
            if history.best_epoch == epoch:
                best = Path(directory) / "best"
                save_model(model, best, config, vocabulary=vocabulary, epoch=epoch)
            write_sealed(last, _state(model, optimizers, history, config, vocabulary))
        yield history
    if last is not None and rank == 0:
        last.unlink(missing_ok=True)


def epoch_generator(seed: int, epoch: int) -> torch.Generator:
    """Give the randomness of one epoch: a resumed training needs no more than its number.

    Args:
        seed: the config's.
        epoch: counted from 1; 0 is the making of the model.

    Returns:
        A generator that no other epoch of this seed shares.

    Source: assignment Q3.10.
    """
    return torch.Generator().manual_seed(seed * 100_003 + epoch)


def engine_of(config: Word2VecConfig) -> ModuleType:
    """Give the room that trains an epoch.

    Args:
        config: names the engine.

    Returns:
        A module with `make_optimizers` and `train_epoch`.

    Raises:
        ImportError: the engine needs an extra that is not installed; it says which.

    Source: assignment Q3.10 and Q3.13.
    """
    if config.objective != "sgns" or config.max_norm:
        from w2v.engines import objectives  # beside the assignment's

        return objectives
    if config.engine == "hogwild":
        from w2v.engines import hogwild  # compiled by numba, an extra

        return hogwild
    return {"loader": loader, "blocks": blocks}[config.engine]


def _check_agreement(model, train_set, valid_set, config) -> None:
    """Refuse a model or windows that were made for other settings."""
    dim = model.center_embeddings.embedding_dim
    if dim != config.dim:
        raise ValueError(f"model must have dim {config.dim} as the config says, got {dim}")
    for name, dataset in (("train_set", train_set), ("valid_set", valid_set)):
        if dataset.offsets.diff().max() < 2:
            raise ValueError(f"{name} must hold a document of 2 words or more, got none")
        wanted, found = (config.radius, config.border), (dataset.radius, dataset.border)
        if wanted != found:
            raise ValueError(
                f"{name} must have radius and border {wanted!r} as the config says, got {found!r}"
            )


@contextlib.contextmanager
def _progress_bar(
    n_words: int, epoch: int, config: Word2VecConfig, progress: bool | None
) -> Iterator:
    """Show words per second and the mean loss so far of one epoch."""
    disable = None if progress is None else not progress  # tqdm: None hides it off a terminal
    words, total = 0, 0.0
    with tqdm(
        total=n_words,
        desc=f"epoch {epoch}/{config.epochs}",
        unit=" words",
        unit_scale=True,
        mininterval=0.5,
        leave=False,
        disable=disable,
    ) as bar:

        def report(step_words: int, loss: float) -> None:
            nonlocal words, total
            words, total = words + step_words, total + loss * step_words
            bar.set_postfix(loss=f"{total / max(words, 1):.4f}", refresh=False)
            bar.update(step_words)

        yield report


def _diverged(error, epoch, config, last) -> str:
    """Say where a training broke off and what is left of it."""
    kept = f"; epoch {epoch - 1} is kept in {last.name}" if last and last.exists() else ""
    return (
        f"{error} of epoch {epoch}, learning rate {config.learning_rate}; "
        f"lower the learning rate{kept}"
    )


def _state(model, optimizers, history, config, vocabulary) -> dict:
    """Collect all that a resumed training needs."""
    return {
        "model": model.state_dict(),
        "optimizers": [optimizer.state_dict() for optimizer in optimizers],
        "history": asdict(history),
        "config": asdict(config),
        "vocabulary": vocabulary,
    }


def _resume(path, model, optimizers, config, vocabulary) -> History:
    """Put model and optimisers back where a training of the same settings was cut off."""
    state = read_sealed(path)
    for name, wanted in (("config", asdict(config)), ("vocabulary", vocabulary)):
        if state.get(name) != wanted:
            raise CheckpointError(
                f"{path.name} must hold a training with {name} {wanted!r}, "
                f"got {state.get(name)!r}; remove it to start again"
            )
    for name, table in model.state_dict().items():
        wanted, found = tuple(table.shape), tuple(state["model"][name].shape)
        if wanted != found:
            raise CheckpointError(f"{path.name} must hold {name} of shape {wanted}, got {found}")
    model.load_state_dict(state["model"])
    for optimizer, saved in zip(optimizers, state["optimizers"], strict=True):
        optimizer.load_state_dict(saved)
    return History(**state["history"])
