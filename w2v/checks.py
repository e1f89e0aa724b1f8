"""Arguments of the wrong type are refused by name, before anything runs."""

import functools
import inspect
import types
import typing
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

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
    "int": "__index__",
    "Path": "__fspath__",
    "PathLike": "__fspath__",
    "Sequence": "__len__",
    "Dataset": "__len__",
    "Mapping": "keys",
    "Callable": "__call__",
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
    return names if is_checked and not {"float", "Any", "_empty"} & {*names} else []


def _is_a(value: Any, name: str) -> bool:
    """Tell whether a value has a type of this name."""
    if name == "None":
        return value is None
    if name == "Iterable":
        return hasattr(value, "__iter__") or hasattr(value, "__getitem__")
    if name in METHODS:
        return hasattr(value, METHODS[name]) and not isinstance(value, bool)
    return name in {kind.__name__ for kind in type(value).__mro__}
