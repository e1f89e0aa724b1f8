"""Arguments of the wrong type or range are refused by name, before anything runs."""

import functools
import inspect
import operator
import types
import typing
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

if TYPE_CHECKING:
    from torch import Tensor

P = ParamSpec("P")
T = TypeVar("T")
WORDS = {  # how a message names a type
    "None": "None",
    "str": "a string",
    "bool": "True or False",
    "int": "an integer",
    "Path": "a path",
    "PathLike": "a path",
    "Iterable": "an iterable",
    "Sequence": "a sequence",
    "Mapping": "a mapping",
    "Callable": "a function",
    "PreTrainedTokenizerFast": "a fast tokenizer of transformers",
    "PreTrainedTokenizerBase": "a tokenizer of transformers",
}
METHODS = {  # what tells that a value has one of these types
    "Path": "__fspath__",
    "PathLike": "__fspath__",
    "Sequence": "__len__",
    "Dataset": "__len__",
    "Mapping": "keys",
    "Callable": "__call__",
    "Word2Vec": "context_embeddings",  # or a model of the user's own with the same two tables
    "PreTrainedTokenizerFast": "backend_tokenizer",
    "PreTrainedTokenizerBase": "__call__",
}


def shown(value: Any) -> str:
    """Write a value for a message: on one line, and cut off.

    Args:
        value: anything.

    Returns:
        The first 80 characters of its `repr`.
    """
    return " ".join(f"{value!r:.80}".split())


def as_int(value: Any) -> int | None:
    """Give an integer of Python, numpy or torch as an `int`.

    Args:
        value: anything.

    Returns:
        The number; None for anything else, True and 3.0 among them.
    """
    is_bool = isinstance(value, bool) or "bool" in str(getattr(value, "dtype", ""))
    if is_bool or getattr(value, "shape", ()) != ():  # an array of one number has a shape
        return None
    try:
        return operator.index(value)
    except TypeError:
        return None


def check_positive_int(name: str, value: Any) -> int:
    """Refuse anything but an integer of 1 or more.

    Args:
        name: the argument's name, for the message.
        value: what the caller gave; integers of numpy and torch are integers too.

    Returns:
        The value as an `int`.

    Raises:
        TypeError: `value` is not an integer (True and 3.0 are rejected).
        ValueError: `value` is below 1 or above 2**31 - 1.

    Source: assignment section 1.2 (R, K) and Q3.10 (B, E).
    """
    number = as_int(value)
    if number is None:
        raise TypeError(f"{name} must be a positive integer, got {shown(value)}")
    if number < 1:
        raise ValueError(f"{name} must be a positive integer, got {shown(value)}")
    if number >= 2**31:
        raise ValueError(f"{name} must be below 2**31, got {shown(value)}")
    return number


def check_weights(name: str, weight: "Tensor") -> None:
    """Refuse weights with too few digits to be trained.

    Args:
        name: the model, for the message.
        weight: one of its parameters.

    Raises:
        TypeError: another type than float32, float64 or bfloat16.
    """
    if str(weight.dtype) not in ("torch.float32", "torch.float64", "torch.bfloat16"):
        raise TypeError(f"{name} must be float32, got {weight.dtype}; call {name}.float()")


def check_choice(name: str, value: str, choices: Iterable[str]) -> None:
    """Refuse a value that is not one of the named choices.

    Args:
        name: the argument's name, for the message.
        value: what the caller gave.
        choices: the values allowed.

    Raises:
        ValueError: `value` is not among `choices`.
    """
    if not isinstance(value, str) or value not in choices:
        names = ", ".join(map(repr, choices))
        raise ValueError(f"{name} must be one of {names}, got {shown(value)}")


def check_positive(name: str, value: float) -> None:
    """Refuse a number that is not above zero and finite.

    Args:
        name: the argument's name, for the message.
        value: what the caller gave.

    Raises:
        TypeError: `value` is not a number.
        ValueError: `value` is zero, negative, infinite or nan.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{name} must be a number above 0, got {shown(value)}")
    if not 0 < value < float("inf"):
        raise ValueError(f"{name} must be a finite number above 0, got {shown(value)}")


def check_share(name: str, value: float) -> None:
    """Refuse a number outside [0, 1).

    Args:
        name: the argument's name, for the message.
        value: what the caller gave.

    Raises:
        TypeError: `value` is not a number.
        ValueError: `value` is negative, 1 or more, or nan.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{name} must be a number in [0, 1), got {shown(value)}")
    if not 0 <= value < 1:
        raise ValueError(f"{name} must lie in [0, 1), got {shown(value)}")


def check_switch(name: str, value: Any) -> None:
    """Refuse anything but True or False: the string "False" counts as true.

    Args:
        name: the argument's name, for the message.
        value: what the caller gave.

    Raises:
        TypeError: `value` is no `bool`; one of numpy could not be saved with the settings.
    """
    if not isinstance(value, bool):
        raise TypeError(f"{name} must be True or False, got {shown(value)}")


def check_seed(value: Any) -> int:
    """Refuse a seed that `torch.Generator.manual_seed` does not take as it is.

    Args:
        value: what the caller gave.

    Returns:
        The seed as an `int`.

    Raises:
        TypeError: `value` is not an integer.
        ValueError: `value` is negative or above 2**31 - 1.
    """
    number = as_int(value)
    if number is None:
        raise TypeError(f"seed must be an integer, got {shown(value)}")
    if not 0 <= number < 2**31:
        raise ValueError(f"seed must lie in 0 ... 2**31 - 1, got {shown(value)}")
    return number


def checked(function: Callable[P, T]) -> Callable[P, T]:
    """Let a function refuse arguments whose type is none of those that their annotation names.

    Numbers are left to the function, which knows their range. A class is known by its name, so
    nothing is imported for an annotation in quotes.

    Args:
        function: the function; its annotations are those of the types that it takes.

    Returns:
        The function. It raises a `TypeError` that names the argument.
    """
    parameters = inspect.signature(function).parameters
    wanted = {name: _types(parameter.annotation) for name, parameter in parameters.items()}

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        for name, value in (*zip(parameters, args, strict=False), *kwargs.items()):
            names = wanted.get(name, ())
            if names and not any(_is_a(value, one) for one in names):
                kinds = " or ".join(dict.fromkeys(WORDS.get(one, f"a {one}") for one in names))
                raise TypeError(f"{name} must be {kinds}, got {shown(value)}")
        return function(*args, **kwargs)

    return call


def _types(annotation: Any) -> list[str]:
    """List the names of the types that an annotation allows; none where it may be a number."""
    if isinstance(annotation, str):
        names = [part.strip().partition("[")[0] for part in annotation.split("|")]
    else:
        is_union = typing.get_origin(annotation) in (typing.Union, types.UnionType)
        parts = typing.get_args(annotation) if is_union else [annotation]
        found = [typing.get_origin(part) or part for part in parts]
        names = ["None" if one is type(None) else getattr(one, "__name__", "Any") for one in found]
    is_checked = "int" not in names or "None" in names
    return (
        names
        if is_checked and not {"float", "complex", "ArrayLike", "Any", "_empty"} & {*names}
        else []
    )


def _is_a(value: Any, name: str) -> bool:
    """Tell whether a value has a type of this name."""
    if name == "None":
        return value is None
    if name == "int":
        return as_int(value) is not None
    if name == "Iterable":
        return hasattr(value, "__iter__") or hasattr(value, "__getitem__")
    if name in METHODS:
        return hasattr(value, METHODS[name]) and not isinstance(value, bool)
    return name in {kind.__name__ for kind in type(value).__mro__}
