"""Training with several processes, each on its shard of the text; `torchrun` starts them.

torchrun --nproc-per-node 2 -m w2v train --engine hogwild ...

Every process trains its own copy of both tables. From time to time all replace their tables by the
mean of all (local SGD). The mean moves only as far as one process does, so the learning rate is
multiplied by the number of processes.
"""

import atexit
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
import torch.distributed as dist

from w2v.batches import NoiseDistribution
from w2v.config import Word2VecConfig
from w2v.engines import Report, make_engine
from w2v.model import Word2Vec
from w2v.windows import WindowDataset

WORDS_PER_ROW = 16  # between two means: to exchange a row costs about as much as to train a word


def join() -> tuple[int, int]:
    """Join the processes that torchrun started, if it started this one.

    Returns:
        The rank of this process and their number; 0 and 1 without torchrun.
    """
    if not (dist.is_available() and dist.is_torchelastic_launched()):
        return 0, 1
    if not dist.is_initialized():
        dist.init_process_group("gloo")
        atexit.register(dist.destroy_process_group)
    return dist.get_rank(), dist.get_world_size()


def from_first(read: Callable[[], Any]) -> Any:
    """Let the first process read something, and give it to all: they may share no disk.

    Args:
        read: called in the first process only; returns tensors on the CPU and plain values.

    Returns:
        What it returned.

    Raises:
        Exception: what `read` raised, in every process.
    """
    if join()[1] == 1:
        return read()
    outcome: list[Any] = [None, None]
    if dist.get_rank() == 0:
        try:
            outcome[0] = read()
        except Exception as error:
            outcome[1] = error
    dist.broadcast_object_list(outcome)
    if outcome[1] is not None:
        raise outcome[1]
    return outcome[0]


def check_equal(name: str, value: Any) -> None:
    """Refuse a training whose processes were given something different.

    Args:
        name: of the value, for the message.
        value: plain values.

    Raises:
        ValueError: another process has another value; in every process.
    """
    if join()[1] == 1:
        return
    values: list[Any] = [None] * dist.get_world_size()
    dist.all_gather_object(values, value)
    if any(other != value for other in values):
        raise ValueError(f"{name} must be the same in all processes, got {values!r}")


class AveragedEngine:
    """Train on this process's shard of the text, and average the tables of all now and then.

    Args:
        model: the model, equal in all processes before and after each epoch.
        config: as `HogwildEngine` wants it.
        noise: the distribution of the negatives.

    Raises:
        ValueError: an engine other than "hogwild": an optimiser's state would have to be averaged
            as well.

    Source: McMahan et al. 2017 (averaging of models); Goyal et al. 2017 (the learning rate).
    """

    def __init__(self, model: Word2Vec, config: Word2VecConfig, noise: NoiseDistribution) -> None:
        if config.engine != "hogwild":
            raise ValueError(
                f'engine must be "hogwild" for several processes, got {config.engine!r}'
            )
        self.model, self.config, self.noise = model, config, noise

    def state_dict(self) -> list[dict[str, Any]]:
        """Give nothing: plain SGD keeps nothing from one step to the next."""
        return []

    def load_state_dict(self, state: list[dict[str, Any]]) -> None:
        """Go on from nothing; see `Engine`."""

    def train_epoch(
        self, windows: WindowDataset, epoch: int, generator: torch.Generator, report: Report
    ) -> float:
        """Train on the shards of this process and average after each of them; see `Engine`."""
        rank, n_ranks = join()
        shards = cut_into_shards(windows, n_ranks, WORDS_PER_ROW * self.noise.vocab_size)[rank]
        seeds = torch.randint(2**62, (n_ranks,), generator=generator)
        own = torch.Generator().manual_seed(int(seeds[rank]))
        local = replace(
            self.config,
            epochs=self.config.epochs * len(shards),  # each shard is an epoch to the engine
            learning_rate=self.config.learning_rate * n_ranks,
        )
        engine = make_engine(self.model, local, self.noise)
        total = torch.zeros(2, dtype=torch.float64)  # loss times windows, and windows
        for i, shard in enumerate(shards, start=1):
            loss = engine.train_epoch(
                shard,
                (epoch - 1) * len(shards) + i,
                own,
                lambda n_words, loss: report(n_words * n_ranks, loss),
            )
            total += torch.tensor([loss * len(shard), len(shard)], dtype=torch.float64)
            for table in self.model.parameters():  # in place: a copy of both costs as much again
                dist.all_reduce(table.data)
                table.data /= n_ranks
        dist.all_reduce(total)
        return (total[0] / total[1]).item()


def cut_into_shards(
    train_set: WindowDataset, n_ranks: int, n_words: int
) -> list[list[WindowDataset]]:
    """Cut a text between documents into shards, as many for each process.

    Args:
        train_set: all windows.
        n_ranks: the number of processes.
        n_words: about how many words a shard should have.

    Returns:
        For each process its shards, in text order: the first shards of all come first.

    Raises:
        ValueError: a process would get no window.

    Source: `datasets.distributed.split_dataset_by_node`, for a flat text.
    """
    n_tokens = len(train_set.tokens)
    n_shards = max(1, round(n_tokens / n_ranks / n_words))
    windows = _windows(train_set, cuts := _cuts(train_set, n_ranks * n_shards))
    if min(windows) == 0:  # long documents: one shard for each
        windows = _windows(train_set, cuts := _cuts(train_set, n_ranks))
    if min(windows) == 0:
        raise ValueError(
            f"train_set must hold a window for each of {n_ranks} processes, got {windows}; "
            "start fewer, or add documents"
        )
    shards = [_shard(train_set, *ends) for ends in zip(cuts, cuts[1:], strict=False)]
    return [shards[rank::n_ranks] for rank in range(n_ranks)]


def _cuts(train_set: WindowDataset, n_shards: int) -> list[int]:
    """Give the documents at which shards of about equal length begin, and the number of all."""
    places = torch.arange(n_shards + 1) * len(train_set.tokens) // n_shards  # (n_shards + 1,)
    cuts = torch.searchsorted(train_set.offsets, places).tolist()
    return [0, *cuts[1:-1], len(train_set.offsets) - 1]


def _windows(train_set: WindowDataset, cuts: list[int]) -> list[int]:
    """Count the windows of each shard."""
    until = [int(train_set.ends[cut - 1]) if cut else 0 for cut in cuts]
    return [end - start for start, end in zip(until, until[1:], strict=False)]


def _shard(train_set: WindowDataset, first: int, last: int) -> WindowDataset:
    """Take the documents first ... last - 1, without copying their tokens."""
    offsets = train_set.offsets[first : last + 1]
    start, stop = int(offsets[0]), int(offsets[-1])
    radii = None if train_set.radii is None else train_set.radii[start:stop]
    return train_set.over(train_set.tokens[start:stop], offsets - start, radii)
