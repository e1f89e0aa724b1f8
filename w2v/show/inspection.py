"""What notebooks show: the library's own text, the shapes of a batch, nearest words, gradients."""

import inspect
from collections.abc import Callable, Mapping, Sequence

import numpy as np
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


def check_gradient(
    function: Callable[[np.ndarray], tuple[float, np.ndarray]],
    x: np.ndarray,
    *,
    step: float = 1e-5,
    tolerance: float = 1e-6,
) -> float:
    """Compare a gradient with the numeric one, (f(x + h) - f(x - h)) / 2h for each number of x.

    Args:
        function: gives the loss at x and its gradient, of the shape of x.
        x: where to compare, any shape, float64; it comes back as it was.
        step: h.
        tolerance: the difference allowed, as a share of the larger of the two, or of 1.

    Returns:
        The largest difference found, as such a share.

    Raises:
        TypeError: x is no array of float64: at less precision the difference is noise.
        ValueError: a gradient of another shape than x, or one that is wrong; the message names
            the place.

    Source: CS224n assignment 2, the numeric gradient check.
    """
    if getattr(x, "dtype", None) != np.float64:
        raise TypeError(f"x must be an array of float64, got {getattr(x, 'dtype', type(x))!r}")
    gradient = np.array(function(x)[1])
    if gradient.shape != x.shape:
        raise ValueError(f"gradient must have the shape of x, {x.shape}, got {gradient.shape}")
    worst = 0.0
    for place in np.ndindex(x.shape):
        before = x[place]
        losses = []
        for value in (before + step, before - step):
            x[place] = value
            losses.append(function(x)[0])
        x[place] = before
        numeric = (losses[0] - losses[1]) / (2 * step)
        found = gradient[place]
        share = abs(numeric - found) / max(1.0, abs(numeric), abs(found))
        if not share <= tolerance:
            raise ValueError(f"gradient must be {numeric:.8g} at {place}, got {found:.8g}")
        worst = max(worst, share)
    return float(worst)
