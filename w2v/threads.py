"""The number of threads for small steps."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch compute with one thread for a while, then restore the caller's number.

    The steps of the plain training loops are small. Several threads make them hardly faster on a
    quiet machine, and several times slower where other processes use the cores: each step then
    waits for the slowest thread.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
