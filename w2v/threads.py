"""How many threads PyTorch uses (Q3.10, Q4.2)."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

STAT = Path("/proc/stat")  # where Linux says what each core has done
SECONDS = 0.1  # how long the cores are watched


@contextmanager
def one_thread() -> Iterator[None]:
    """Let PyTorch use one CPU thread inside the block, and the caller's number after it.

    A small training step waits for its threads at every operation. On two idle cores a second
    thread made a step up to 1.9 times faster. Where other processes used the cores too, it made a
    step 2 to 6 times slower.
    """
    with _threads(1):
        yield


@contextmanager
def free_threads() -> Iterator[None]:
    """Let PyTorch use as many CPU threads as cores are idle, but not more than the caller's number.

    A step of the plain loop is large enough for two threads. But where another process uses one
    of two cores, the threads wait for each other: a step took 75 ms with two threads and 42 ms with
    one; beside four busy processes 220 to 300 ms and 40 to 100 ms; alone 27 ms and 45 ms.
    """
    with _threads(max(1, round(min(torch.get_num_threads(), idle_cores())))):
        yield


@contextmanager
def _threads(n: int) -> Iterator[None]:
    """Let PyTorch use n threads inside the block, and the caller's number after it."""
    before = torch.get_num_threads()
    torch.set_num_threads(n)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def idle_cores() -> float:
    """Watch for a moment how many of this process's cores are idle.

    Returns:
        The number of cores, of those that this process may use; infinity where the system does
        not say.
    """
    if not STAT.exists():
        return float("inf")
    before = _idle_time()
    time.sleep(SECONDS)
    after = _idle_time()
    shares = [
        (after[core][0] - idle) / max(after[core][1] - total, 1)
        for core, (idle, total) in before.items()
        if core in after
    ]
    return sum(shares)


def _idle_time() -> dict[int, tuple[int, int]]:
    """Read how long each core was idle, and how long it has run, in ticks of the system."""
    times = {}
    for line in STAT.read_text().splitlines():
        name, *numbers = line.split()
        core = name.removeprefix("cpu")
        if name != core and core.isdigit() and int(core) in os.sched_getaffinity(0):
            ticks = [int(number) for number in numbers[:8]]
            times[int(core)] = ticks[3] + ticks[4], sum(ticks)  # idle, and waiting for a disk
    return times
