"""What notebooks print: the library's own text, the shapes of a batch, nearest words."""

import inspect
from collections.abc import Callable, Mapping, Sequence

from torch import Tensor


def show_source(thing: Callable) -> None:
    """Print the library's own text of a function or class.

    There is one copy of it: what the page shows is what runs, and a check of the notebook's
    outputs fails as soon as the two differ.

    Args:
        thing: a function, method or class.

    Raises:
        TypeError: something that has no Python source.

    Source: assignment section 1.1 (readable code, intermediate results).
    """
    print(inspect.getsource(thing).rstrip())


def describe_batch(batch: Mapping[str, Tensor]) -> None:
    """Print the name, shape and dtype of each tensor of a batch, on one line.

    Args:
        batch: tensors by name, as `collate_fn` makes them.

    Source: assignment Q3.8.
    """
    parts = [
        f"{name} {tuple(tensor.shape)} {str(tensor.dtype).removeprefix('torch.')}"
        for name, tensor in batch.items()
    ]
    print(" | ".join(parts))


def describe_neighbours(
    neighbours: Mapping[str, Sequence[tuple[str, float]]], title: str = ""
) -> None:
    """Print the nearest words of some words, a line each.

    Args:
        neighbours: for each word, pairs of a word and its cosine, nearest first.
        title: printed above.

    Source: assignment section 1.1 (intermediate results).
    """
    if title:
        print(title)
    for word, nearest in neighbours.items():
        print(f"  {word:<12} " + ", ".join(f"{near} {cosine:.2f}" for near, cosine in nearest))
