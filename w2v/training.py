"""The training loop: the plain epoch, validation, the best and the last, resuming (Q3.10)."""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.optim import Adagrad, Optimizer
from torch.utils.data import DataLoader
from tqdm import tqdm

from w2v.batches import NoiseDistribution, make_loader
from w2v.checkpoint import check_words, checkpoint_name, read_checkpoint, save_model
from w2v.checks import check_default_device, check_gradients, check_switch, check_weights, shown
from w2v.config import Word2VecConfig, learning_rate_at
from w2v.engines import Engine, Report, distributed, make_engine
from w2v.engines.objectives import objective_loss
from w2v.engines.thinning import thin
from w2v.evaluation import Word2VecScores, evaluate_word2vec
from w2v.files import (
    CheckpointError,
    check_writable,
    is_same,
    locked,
    read_sealed,
    user_path,
    write_sealed,
)
from w2v.model import Word2Vec, sgns_loss
from w2v.threads import free_threads
from w2v.windows import WindowDataset

OF_BEST = ("config", "vocabulary", "corpus", "epoch")  # what tells one training from another
VARYING = ("lr", "fused", "foreach")  # settings of an optimiser: by the epoch and the device
LossOf = Callable[[Word2Vec, dict[str, Tensor]], tuple[Tensor, int]]


def make_optimizers(model: Word2Vec, config: Word2VecConfig) -> list[Optimizer]:
    """Make the optimisers of the plain loop: one Adagrad for each table.

    Adagrad moves a row only where its gradient is not zero, so a row that no batch holds stays
    as it is. A rare word keeps a larger step than a frequent one. The context table is updated
    whole, in one fused pass. The center table has its own optimiser, so that its gradients may be
    sparse: a batch holds B of its rows.

    Args:
        model: the model.
        config: gives the learning rate.

    Returns:
        The optimisers of `center_embeddings` and `context_embeddings`.

    Source: assignment Q3.10; Duchi et al. 2011.
    """
    on_cpu = model.center_embeddings.weight.device.type == "cpu"
    return [
        Adagrad(model.center_embeddings.parameters(), lr=config.learning_rate),
        Adagrad(model.context_embeddings.parameters(), lr=config.learning_rate, fused=on_cpu),
    ]


def batch_loss(model: Word2Vec, batch: dict[str, Tensor]) -> tuple[Tensor, int]:
    """Compute equation (1) over the pairs of a batch.

    Args:
        model: the model.
        batch: as `collate_fn` makes it, on the device of the model.

    Returns:
        Mean loss per pair in nats, shape (), and the number of positive pairs.

    Source: assignment eq. (1).
    """
    positive_ids, negative_ids = batch["positive_context_ids"], batch["negative_context_ids"]
    context_ids = torch.cat([positive_ids, negative_ids], dim=1)  # (B, 2R + 2KR)
    logits = model(batch["word_id"], context_ids)  # (B, 2R + 2KR)
    n_positives = positive_ids.shape[1]  # 2R
    mask = batch.get("positive_mask")  # (B, 2R), where places are padded
    loss = sgns_loss(logits[:, :n_positives], logits[:, n_positives:], mask)
    return loss, positive_ids.numel() if mask is None else int(mask.sum())


def train_epoch(
    model: Word2Vec,
    loader: DataLoader,
    optimizers: Sequence[Optimizer],
    *,
    loss_of: LossOf = batch_loss,
    rate_at: Callable[[float], float] | None = None,
    report: Report | None = None,
) -> float:
    """Take one step of the optimisers for each batch of a loader.

    Args:
        model: the model; its two tables are updated in place.
        loader: batches as `collate_fn` makes them.
        optimizers: of the model's parameters, together.
        loss_of: the loss that a step lowers, and the number of terms that it averages.
        rate_at: gives the learning rate after a share of the epoch, in [0, 1]; None leaves the
            optimiser's own.
        report: called after each step with its number of words and its mean loss.

    Returns:
        Mean loss per pair over the epoch, in nats, each batch as it was before its step.

    Raises:
        FloatingPointError: a loss that is not finite; its message names the step.

    Source: assignment Q3.10.
    """
    device = model.center_embeddings.weight.device
    total, n_terms = 0.0, 0
    for step, batch in enumerate(loader, start=1):
        batch = {name: tensor.to(device) for name, tensor in batch.items()}
        if rate_at is not None:
            for optimizer in optimizers:
                optimizer.param_groups[0]["lr"] = rate_at((step - 1) / len(loader))

        for optimizer in optimizers:
            optimizer.zero_grad()
        loss, n = loss_of(model, batch)
        mean = loss.item()
        if not math.isfinite(mean):
            raise FloatingPointError(f"loss must be finite, got {mean} at step {step}")
        loss.backward()
        for optimizer in optimizers:
            optimizer.step()

        total, n_terms = total + mean * n, n_terms + n
        if report is not None:
            report(len(batch["word_id"]), mean)
    return total / max(n_terms, 1)


class LoaderEngine:
    """Train with the plain loop: DataLoader, autograd, optimiser.

    Args:
        model: the model; its two tables are updated in place.
        config: gives B, K, the objective, `max_norm`, the learning rate and whether it falls.
        noise: the distribution of the negatives.

    Source: assignment Q3.10; `max_norm` as in `torch.nn.Embedding`.
    """

    def __init__(self, model: Word2Vec, config: Word2VecConfig, noise: NoiseDistribution) -> None:
        self.model, self.config, self.noise = model, config, noise
        self.optimizers = make_optimizers(model, config)
        if config.max_norm:
            self._limit_rows()  # rows that are too long from the start
            self.optimizers[-1].register_step_post_hook(self._limit_rows)

    def train_epoch(
        self, windows: WindowDataset, epoch: int, generator: torch.Generator, report: Report
    ) -> float:
        """Visit every window once, in a new order, with new negatives; see `Engine`."""
        config, loss_of = self.config, batch_loss
        if config.objective != "sgns":
            loss_of = partial(objective_loss, config=config)
        loader = make_loader(
            windows,
            config,
            self.model.center_embeddings.num_embeddings,
            generator=generator,
            noise=self.noise,
        )
        rate_at = partial(learning_rate_at, config, epoch) if config.decay else None
        table = self.model.center_embeddings
        with free_threads(), torch.enable_grad(), _sparse_gradients(table):
            return train_epoch(
                self.model, loader, self.optimizers, loss_of=loss_of, rate_at=rate_at, report=report
            )

    def state_dict(self) -> list[dict[str, Any]]:
        """Give the states of both optimisers."""
        return [optimizer.state_dict() for optimizer in self.optimizers]

    def load_state_dict(self, state: list[dict[str, Any]]) -> None:
        """Go on from what `state_dict` gave; see `Engine`."""
        for optimizer, saved in zip(self.optimizers, state, strict=True):
            optimizer.load_state_dict(saved)

    @torch.no_grad()
    def _limit_rows(self, *_: Any) -> None:
        """Shorten the rows that are longer than `max_norm`."""
        for table in self.model.parameters():
            table.renorm_(2, 0, self.config.max_norm)


@contextmanager
def _sparse_gradients(embeddings: torch.nn.Embedding) -> Iterator[None]:
    """Let an embedding give sparse gradients for a while, then as before.

    Only B rows of the center table have a gradient. Sparse, a step took 21 ms instead of 29
    (one thread, V = 30,522, d = 128, B = 500, 50 contexts); the tests hold both forms equal.
    """
    before = embeddings.sparse
    embeddings.sparse = True
    try:
        with torch.sparse.check_sparse_tensor_invariants(enable=False):  # or torch warns
            yield
    finally:
        embeddings.sparse = before


@dataclass
class History:
    """Hold one number per epoch of a Word2Vec training; index 0 is epoch 1.

    Args:
        train_loss: mean loss per pair over the epoch, in nats (per predicted word where the
            objective has a softmax).
        valid_loss: the same on the validation set, after the epoch.
        valid_accuracy: share of validation pairs classified correctly.
        valid_balanced_accuracy: mean of the shares among positives and among negatives.
        valid_auc: probability that a positive pair scores above a negative one.

    Source: assignment Q3.10 and Q3.11.
    """

    train_loss: list[float] = field(default_factory=list)
    valid_loss: list[float] = field(default_factory=list)
    valid_accuracy: list[float] = field(default_factory=list)
    valid_balanced_accuracy: list[float] = field(default_factory=list)
    valid_auc: list[float] = field(default_factory=list)

    @property
    def n_epochs(self) -> int:
        """The number of finished epochs."""
        return len(self.train_loss)

    @property
    def best_epoch(self) -> int:
        """The epoch, counted from 1, with the lowest validation loss; the first if several."""
        return 1 + min(range(self.n_epochs), key=self.valid_loss.__getitem__)

    def add(self, train_loss: float, scores: Word2VecScores) -> None:
        """Append the numbers of one epoch.

        Args:
            train_loss: mean loss per pair over the epoch, in nats.
            scores: of the validation set, after the epoch.
        """
        self.train_loss.append(train_loss)
        self.valid_loss.append(scores.loss)
        self.valid_accuracy.append(scores.model.accuracy)
        self.valid_balanced_accuracy.append(scores.model.balanced_accuracy)
        self.valid_auc.append(scores.model.auc)


def train_word2vec(
    model: Word2Vec,
    train_set: WindowDataset,
    valid_set: WindowDataset,
    config: Word2VecConfig,
    *,
    directory: str | Path | None = None,
    vocabulary: str = "",
    words: Sequence[str] | None = None,
    progress: bool | None = None,
) -> History:
    """Train a model for E epochs of B center words a step, and validate it after each epoch.

    With a `directory`, its folder `best` keeps the model of the best epoch so far. A file that
    ends in `.last` keeps all that is needed to go on. A training that was cut off goes on
    from that file, to the same result bit for bit. `save_model` removes the file, once the final
    model is safe in the same directory.

    Args:
        model: the model, trained in place; it ends as the last epoch left it.
        train_set: the windows to learn from.
        valid_set: held-out windows.
        config: every setting.
        directory: where to keep both; None keeps nothing.
        vocabulary: identity of the ids' vocabulary (`vocabulary_identity`); kept in the files.
        words: the word of each id, where no tokenizer elsewhere knows them; kept in `best`.
        progress: show a bar with the loss and words per second; None: on a terminal only.

    Returns:
        The numbers of each epoch.

    Raises:
        ValueError: a model of another dim than the config's, windows of another radius or
            border, ids outside the vocabulary, or several processes with an engine that
            cannot average its tables or with different texts.
        TypeError: a set that is not a `WindowDataset`, or a `vocabulary` that is not a string.
        FloatingPointError: a loss that is not finite; the files of the last epoch stay.
        CheckpointError: a `.last` file that is damaged, or of other settings or texts; a directory
            that cannot be written, or in which another process trains the same. Nothing has been
            trained then.

    Source: assignment Q3.10.
    """
    options = {"directory": directory, "vocabulary": vocabulary, "words": words}
    *_, history = train_epochs(model, train_set, valid_set, config, **options, progress=progress)
    return history


def train_epochs(
    model: Word2Vec,
    train_set: WindowDataset,
    valid_set: WindowDataset,
    config: Word2VecConfig,
    *,
    directory: str | Path | None = None,
    vocabulary: str = "",
    words: Sequence[str] | None = None,
    progress: bool | None = None,
) -> Iterator[History]:
    """Train as `train_word2vec` does, and pause after each epoch, for example to print words.

    Args:
        model: the model, trained in place.
        train_set: the windows to learn from.
        valid_set: held-out windows.
        config: every setting.
        directory: where to keep the best and the last epoch; None keeps nothing.
        vocabulary: identity of the ids' vocabulary; kept in the files.
        words: the word of each id; kept in `best`.
        progress: show a bar; None: on a terminal only.

    Returns:
        An iterator over E epochs. It gives the numbers of all epochs so far, while the model is
        as the last of them left it. A training that goes on gives first those it found.

    Raises:
        ValueError, FloatingPointError, CheckpointError: as `train_word2vec`.

    Source: assignment Q3.10.
    """
    check_default_device()
    _check_agreement(model, train_set, valid_set, config)
    if not isinstance(vocabulary, str):
        raise TypeError(f"vocabulary must be a string, got {shown(vocabulary)}")
    vocab_size = model.center_embeddings.num_embeddings
    if progress is not None:
        check_switch("progress", progress)
    if words is not None:
        words = check_words(words, vocab_size, vocabulary)
    counts = train_set.counts(vocab_size)  # (V,)
    valid_set.counts(vocab_size)  # refuses ids outside the vocabulary
    rank, n_ranks = distributed.join()  # 0 and 1, unless torchrun started several processes
    choose = make_engine if n_ranks == 1 else distributed.AveragedEngine
    engine = choose(model, config, NoiseDistribution.from_name(config.noise, counts))
    progress = progress if rank == 0 else False
    made_from = {
        "config": asdict(config),
        "vocabulary": vocabulary,
        "train_set": train_set.identity(),
        "valid_set": valid_set.identity(),
    }
    distributed.check_equal("settings and texts", made_from)
    dtype = model.center_embeddings.weight.dtype
    if directory is not None and dtype != torch.float32:  # before the training, which would be lost
        raise TypeError(f"model must be float32 to be kept in a directory, got {dtype}")
    last = None if directory is None else _check_places(user_path(directory), made_from)
    history = History()
    with locked(last if rank == 0 else None):
        state = distributed.from_first(partial(_read_last, last))
        if state is not None:
            history = _resume(state, model, engine, config, made_from)
            yield history

        for epoch in range(history.n_epochs + 1, config.epochs + 1):
            with _explained(epoch, config, last):
                generator = epoch_generator(config.seed, epoch)
                windows = thin(train_set, counts, config, generator)
                with _progress_bar(len(windows), epoch, config, progress) as report:
                    train_loss = engine.train_epoch(windows, epoch, generator, report)
                model.zero_grad()  # no gradient is left for a loop of the user's own
                scores = evaluate_word2vec(model, valid_set, config, counts=counts)
                if not math.isfinite(scores.loss):
                    raise FloatingPointError(
                        f"validation loss must be finite, got {scores.loss} at the end"
                    )
            history.add(train_loss, scores)
            if last is not None and rank == 0:
                if history.best_epoch == epoch:
                    best, known = last.parent / "best", {"words": words, "counts": counts}
                    known |= {"vocabulary": vocabulary, "corpus": made_from["train_set"]}
                    save_model(model, best, config, epoch=epoch, **known)
                write_sealed(last, _state(model, engine, history) | made_from)
            yield history


def epoch_generator(seed: int, epoch: int) -> torch.Generator:
    """Make the generator of one epoch, so that a resumed training needs only its number.

    Args:
        seed: the config's.
        epoch: counted from 1; 0 is the making of the model.

    Returns:
        A generator that no other epoch of this seed shares.
    """
    return torch.Generator().manual_seed(int(seed) * 100_003 + epoch)


def _check_agreement(
    model: Word2Vec, train_set: WindowDataset, valid_set: WindowDataset, config: Word2VecConfig
) -> None:
    """Refuse a model or windows that were made for other settings."""
    if not hasattr(model, "context_embeddings"):
        raise TypeError(f"model must be a Word2Vec, got {shown(model)}")
    if not isinstance(config, Word2VecConfig):
        raise TypeError(f"config must be a Word2VecConfig, got {shown(config)}")
    weight = model.center_embeddings.weight
    check_weights("model", weight)
    check_gradients("model", weight)
    if weight is model.context_embeddings.weight:
        raise ValueError("model must have two tables, got one that is both; make a new Word2Vec")
    if config.engine != "loader" and isinstance(model, Word2Vec):
        if type(model).forward is not Word2Vec.forward:
            raise ValueError(
                f"model must have the forward of Word2Vec for engine {config.engine!r}, got one of "
                f"{type(model).__name__}; take engine='loader'"
            )
    shapes = [
        tuple(table.weight.shape) for table in (model.center_embeddings, model.context_embeddings)
    ]
    if shapes[0] != shapes[1]:  # compiled code would read beyond the smaller one
        raise ValueError(
            f"model must have two tables of one shape, got {shapes[0]} and {shapes[1]}"
        )
    frozen = [name for name, table in model.named_parameters() if not table.requires_grad]
    if frozen and (config.engine != "loader" or len(frozen) == 2):  # the loader trains the other
        raise ValueError(
            f"model must have tables to train, got requires_grad=False for {', '.join(frozen)}; "
            "call model.requires_grad_(True)"
        )
    dim = model.center_embeddings.embedding_dim
    if dim != config.dim:
        raise ValueError(f"model must have dim {config.dim} as the config says, got {dim}")
    for name, dataset in (("train_set", train_set), ("valid_set", valid_set)):
        if not isinstance(dataset, WindowDataset):
            raise TypeError(
                f"{name} must be a WindowDataset, got {type(dataset).__name__}; split the "
                "documents, and make one of each part"
            )
        only_pads = dataset.border == "pad" and bool((dataset.tokens == dataset.pad_id).all())
        if dataset.offsets.diff().max() < 2 or only_pads:
            raise ValueError(f"{name} must hold a document of 2 words or more, got none")
        wanted, found = (config.radius, config.border), (dataset.radius, dataset.border)
        if wanted != found:
            raise ValueError(
                f"{name} must have radius and border {wanted!r} as the config says, got {found!r}"
            )


@contextmanager
def _progress_bar(
    n_words: int, epoch: int, config: Word2VecConfig, progress: bool | None
) -> Iterator[Report]:
    """Show words per second and the mean loss so far of one epoch."""
    words, total = 0, 0.0
    with tqdm(
        total=n_words,
        desc=f"epoch {epoch}/{config.epochs}",
        unit=" words",
        unit_scale=True,
        mininterval=0.5,
        leave=False,
        disable=None if progress is None else not progress,  # tqdm: None hides it off a terminal
    ) as bar:

        def report(step_words: int, loss: float) -> None:
            nonlocal words, total
            words, total = words + step_words, total + loss * step_words
            bar.set_postfix(loss=f"{total / max(words, 1):.4f}", refresh=False)
            bar.update(step_words)

        yield report


@contextmanager
def _explained(epoch: int, config: Word2VecConfig, last: Path | None) -> Iterator[None]:
    """Say where a training diverged, what to do, and what is kept of it."""
    try:
        yield
    except FloatingPointError as error:
        kept = f"; epoch {epoch - 1} is kept in {last.name}" if last and last.exists() else ""
        raise FloatingPointError(
            f"{error} of epoch {epoch}, learning rate {config.learning_rate}; "
            f"lower the learning rate{kept}"
        ) from None


def _check_places(directory: Path, made_from: dict[str, Any]) -> Path:
    """Refuse places that cannot be written, and say what is replaced; give that of `.last`."""
    name = checkpoint_name(Word2VecConfig(**made_from["config"]))
    last = directory / f"{name}.last"
    check_writable(directory, name, last.name)
    if (directory / "best").exists():
        check_writable(directory / "best", name)
    for place in (name, f"best/{name}"):
        if (directory / place).exists() and not last.exists():
            saved = read_checkpoint(directory / place)
            found = saved["vocabulary"], saved.get("corpus", made_from["train_set"])
            if found != (made_from["vocabulary"], made_from["train_set"]):
                print(f"{place} was trained on other texts: the new training will replace it.")
            elif saved["config"] != made_from["config"]:
                print(f"{place} has other settings: the new training will replace it.")
    return last


def _read_last(last: Path | None) -> dict[str, Any] | None:
    """Read where a training was cut off, and what `best` holds; None where none was."""
    if last is None or not last.exists():
        return None
    try:
        best = read_checkpoint(last.parent / "best" / last.stem)
    except FileNotFoundError:
        best = None
    return read_sealed(last) | {"best": best and tuple(map(best.get, OF_BEST))}


def _state(model: Word2Vec, engine: Engine, history: History) -> dict[str, Any]:
    """Collect all that changes in a training."""
    return {
        "model": model.state_dict(),
        "optimizers": engine.state_dict(),
        "history": asdict(history),
    }


def _resume(
    state: dict[str, Any],
    model: Word2Vec,
    engine: Engine,
    config: Word2VecConfig,
    made_from: dict[str, Any],
) -> History:
    """Put model and engine back where the same training was cut off; check all of it before."""
    name = f"{checkpoint_name(config)}.last"
    for part, wanted in made_from.items():
        if not is_same(state.get(part), wanted):
            raise CheckpointError(
                f"{name} must hold a training with {part} {_difference(wanted, state.get(part))}; "
                "remove it to start again"
            )
    try:
        fresh = _state(model, engine, History())
        for part in ("model", "optimizers"):
            _check_alike(part, state[part], fresh[part])
        history = History(**state["history"])
        columns = list(vars(history).values())
        lengths = {len(column) for column in columns}
        if len(lengths) != 1 or not 1 <= history.n_epochs <= config.epochs:
            raise ValueError(f"history must have 1 ... {config.epochs} epochs, got {lengths}")
        if not all(
            isinstance(column, list)
            and all(isinstance(x, float) and math.isfinite(x) for x in column)
            for column in columns
        ):
            raise TypeError("history must hold lists of numbers")
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise CheckpointError(
            f"{name} must hold a training of engine {config.engine!r}, got {error!r:.300}; "
            "remove it to start again"
        ) from None
    parts = (made_from["config"], made_from["vocabulary"], made_from["train_set"])
    # A kill may come between the two files: `best` is then of the next epoch.
    epochs = history.best_epoch, history.n_epochs + 1
    if state["best"] not in (None, *((*parts, epoch) for epoch in epochs)):
        raise CheckpointError(
            f"the folder best must hold the model of the training that {name} goes on with, got "
            "another; remove both to start again"
        )
    for part, new in zip(state["optimizers"], fresh["optimizers"], strict=True):
        if "param_groups" in new:  # of a torch optimiser: config and device decide, not the file
            part["param_groups"] = new["param_groups"]
    engine.load_state_dict(state["optimizers"])
    model.load_state_dict(state["model"])
    return history


def _difference(wanted: Any, found: Any) -> str:
    """Say what is wanted and what was found; of two dicts, the first part that differs."""
    if isinstance(wanted, dict) and isinstance(found, dict):
        for key in wanted:
            if not is_same(found.get(key), wanted[key]):
                return f"{key} {shown(wanted[key])}, got {shown(found.get(key))}"
    return f"{shown(wanted)}, got {shown(found)}"


def _check_alike(where: str, found: Any, wanted: Any) -> None:
    """Refuse a state whose parts, shapes and settings are not those of a fresh state."""
    if isinstance(wanted, Tensor):
        signs = [(tuple(part.shape), part.dtype) for part in (wanted, found)]
        if signs[0] != signs[1]:
            raise ValueError(f"{where} must have shape and dtype {signs[0]}, got {signs[1]}")
    elif isinstance(wanted, (dict, list)):
        keys = list(wanted) if isinstance(wanted, dict) else range(len(wanted))
        if isinstance(found, dict) != isinstance(wanted, dict) or len(found) != len(wanted):
            raise ValueError(f"{where} must have {len(wanted)} parts, got {shown(found)}")
        for key in keys:
            if key not in VARYING:
                _check_alike(f"{where}[{key!r}]", found[key], wanted[key])
    elif not is_same(found, wanted):
        raise ValueError(f"{where} must be {wanted!r}, got {shown(found)}")
