"""What notebooks print: source code, shapes of a batch, nearest words. And a gradient by hand."""

import ast
import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property

import numpy as np
from torch import Tensor

from w2v.checks import check_positive, checked, shown

_Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


class _Code:
    """Python code: highlighted in a notebook, plain text elsewhere."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return _printable(self.text)

    def _repr_markdown_(self) -> str:
        return f"```python\n{self.text}\n```"


def show_source(*things: Callable[..., object] | property | cached_property) -> None:
    """Show the code of functions, methods and classes, without their docstrings.

    The code is read from the file of the module. A notebook shows it highlighted; anywhere else
    it is printed.

    Args:
        things: what to show, in this order; each is shown whole, with its decorators.

    Raises:
        TypeError: something that is not a function, method, property or class of a Python file.
        ValueError: the file does not define a thing under its name exactly once.
    """
    try:
        from IPython.display import display  # prints where no notebook runs
    except ImportError:
        display = print
    for thing in things:
        display(_Code(_read_source(thing)))


def _read_source(thing: object) -> str:
    """Return the code of a definition, found by its name in the file of its module."""
    if isinstance(thing, property):
        thing = thing.fget
    elif isinstance(thing, cached_property):
        thing = thing.func
    module, name = getattr(thing, "__module__", ""), getattr(thing, "__qualname__", "")
    try:
        text = inspect.getsource(sys.modules[module])
    except (KeyError, OSError, TypeError):
        text = ""
    if not (name and text):
        raise TypeError(f"things must be a function or class of a Python file, got {shown(thing)}")
    found, body = [], ast.parse(text).body
    for part in name.split("."):
        found = [node for node in body if isinstance(node, _Definition) and node.name == part]
        if len(found) != 1:
            raise ValueError(
                f"things must be defined once as {name} in {module}, got {len(found)} definitions; "
                "a decorator must keep the name of its function (functools.wraps)"
            )
        body = found[0].body
    return _cut(found[0], text.split("\n"))


def _cut(definition: _Definition, lines: list[str]) -> str:
    """Cut a definition out of the lines of its file, without docstrings and indentation."""
    hidden: set[int] = set()
    for node in ast.walk(definition):
        if isinstance(node, _Definition) and ast.get_docstring(node) and len(node.body) > 1:
            docstring = _rows(node.body[0])
            hidden.update(docstring)
            row = docstring.stop
            while not lines[row].strip():  # the blank lines after it
                hidden.add(row)
                row += 1
    first = min(_rows(part).start for part in (definition, *definition.decorator_list))
    rows = [row for row in range(first, _rows(definition).stop) if row not in hidden]
    return "\n".join(lines[row].removeprefix(" " * definition.col_offset) for row in rows)


def _rows(node: ast.stmt | ast.expr) -> range:
    """Return the rows of a node, counted from 0."""
    return range(node.lineno - 1, node.end_lineno or node.lineno)


@checked
def describe_batch(batch: Mapping[str, Tensor]) -> None:
    """Print the name, shape and dtype of each tensor of a batch, on one line.

    Args:
        batch: tensors or arrays by name, as `collate_fn` makes them.

    Raises:
        TypeError: something in the batch is neither a tensor nor an array.
        ValueError: the batch is empty.

    Source: assignment Q3.8.
    """
    if not batch:
        raise ValueError("batch must hold at least one tensor, got none")
    for name, tensor in batch.items():
        if not (hasattr(tensor, "shape") and hasattr(tensor, "dtype")):
            raise TypeError(f"batch must hold tensors, got {type(tensor).__name__} for {name!r}")
    parts = (
        f"{name} {tuple(tensor.shape)} {str(tensor.dtype).removeprefix('torch.')}"
        for name, tensor in batch.items()
    )
    print(_printable(" | ".join(parts)))


@checked
def describe_neighbours(
    neighbours: Mapping[str, Sequence[tuple[str, float]]], title: str = ""
) -> None:
    """Print the nearest words of some words, one line for each word.

    Args:
        neighbours: for each word, pairs of a near word and its cosine, the nearest first.
        title: printed above, if given.

    Raises:
        ValueError: no word is given.
    """
    if not neighbours:
        raise ValueError("neighbours must hold at least one word, got none")
    if title:
        print(_printable(title))
    for word, nearest in neighbours.items():
        line = ", ".join(f"{near} {cosine:.2f}" for near, cosine in nearest)
        print(_printable(f"  {word:<12} {line}".rstrip()))


def _printable(text: str) -> str:
    """Write what the console has no character for as its code, such as \\u65e5."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)


def pair_loss(logits: np.ndarray, n_positive: int) -> tuple[float, np.ndarray]:
    """Compute equation (1) for the contexts of one center word, and its gradient by hand.

    Args:
        logits: x = c . w of each context, the positive ones first, shape (C,), float64.
        n_positive: how many of the contexts are positive.

    Returns:
        The sum of the losses in nats; and its gradient, shape (C,): sigma(x) - 1 for a positive
        context, sigma(x) for a negative one.

    Source: assignment eq. (1).
    """
    is_positive = np.arange(len(logits)) < n_positive  # (C,)
    losses = np.logaddexp(0, np.where(is_positive, -logits, logits))  # (C,): log(1 + e^-x), or e^x
    return float(losses.sum()), 1 / (1 + np.exp(-logits)) - is_positive  # (C,)


def check_gradient(
    function: Callable[[np.ndarray], tuple[float, np.ndarray]],
    x: np.ndarray,
    *,
    step: float = 1e-5,
    tolerance: float = 1e-6,
) -> float:
    """Compare a gradient with numeric differences, (f(x + h) - f(x - h)) / 2h for each element.

    An error is relative: the difference, divided by the larger of the two numbers or by 1.

    Args:
        function: returns the loss at x and its gradient, which has the shape of x.
        x: where to compare, any shape, float64; it is not changed.
        step: h.
        tolerance: the largest relative error allowed.

    Returns:
        The largest relative error.

    Raises:
        TypeError: x is not an array of float64; at lower precision rounding hides the result.
        ValueError: the gradient has another shape than x, or an element with a larger error
            than allowed; the message names the worst element.

    Source: CS224n assignment 2, the numeric gradient check.
    """
    if not callable(function):
        raise TypeError(f"function must be a function, got {shown(function)}")
    check_positive("step", step)
    check_positive("tolerance", tolerance)
    if getattr(x, "dtype", None) != np.float64:
        raise TypeError(f"x must be an array of float64, got {getattr(x, 'dtype', type(x))!r}")
    gradient = np.array(function(x)[1])
    if gradient.shape != x.shape:
        raise ValueError(f"gradient must have the shape of x, {x.shape}, got {gradient.shape}")
    numeric = np.empty_like(x)
    for place in np.ndindex(x.shape):
        shift = np.zeros_like(x)
        shift[place] = step
        numeric[place] = (function(x + shift)[0] - function(x - shift)[0]) / (2 * step)
    scale = np.maximum(1, np.maximum(abs(numeric), abs(gradient)))
    errors = np.asarray(abs(numeric - gradient) / scale)
    worst = np.unravel_index(errors.argmax(), x.shape)
    if not errors[worst] <= tolerance:  # nan is no number below the tolerance
        raise ValueError(
            f"gradient must be {numeric[worst]:.8g} at {tuple(map(int, worst))}, "
            f"got {gradient[worst]:.8g}"
        )
    return float(errors[worst])
