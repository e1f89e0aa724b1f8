"""How many threads PyTorch uses (Q3.10, Q4.2)."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def one_thread() -> Iterator[None]:
    """Let PyTorch use one CPU thread inside the block, and the caller's number after it.

    A small training step takes a few milliseconds and waits for its threads at every operation.
    On a machine whose cores are busy, two threads were 2 to 6 times slower than one.
    """
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(n_threads)
