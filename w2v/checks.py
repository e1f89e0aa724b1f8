"""Arguments of the wrong type or range are refused by name, before anything runs."""

import functools
import inspect
import itertools
import operator
import re
import reprlib
import sys
import types
import typing
from collections.abc import Callable, Iterable, Mapping, Set
from numbers import Real
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
    "Dataset": "__len__",
    "Mapping": "keys",
    "Callable": "__call__",
    "Word2Vec": "context_embeddings",  # or a model of the user's own with the same two tables
    "PreTrainedTokenizerFast": "backend_tokenizer",
    "PreTrainedTokenizerBase": "convert_ids_to_tokens",
}


class _Short(reprlib.Repr):
    """Write as much of a value as a message can show, in the order in which it stands."""

    def __init__(self) -> None:
        super().__init__()
        self.maxstring, self.maxother = 200, 10**6
        self.maxdict = self.maxlist = self.maxtuple = self.maxset = 40

    def repr_int(self, x: int, level: int) -> str:
        """Keep to what Python writes: it refuses more than 4,300 digits."""
        return repr(x) if abs(x) < 10**80 else hex(x)

    def repr_dict(self, x: dict, level: int) -> str:
        """Keep the order of the keys, which `reprlib` sorts."""
        if level <= 0:
            return "{...}"
        parts = [
            f"{self.repr1(key, level - 1)}: {self.repr1(x[key], level - 1)}"
            for key in itertools.islice(x, self.maxdict)
        ]
        return "{" + ", ".join(parts) + "}"


_SHORT = _Short()


def shown(value: Any) -> str:
    """Write a value for a message: on one line, and cut off.

    Args:
        value: anything.

    Returns:
        The first 80 characters of its `repr`, without the address of an object; of a long or deep
        value little more is computed.
    """
    text = re.sub(r" at 0x[0-9a-fA-F]+", "", _SHORT.repr(value))  # another address at every run
    return " ".join(f"{text:.80}".split())


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


def is_table(value: Any) -> bool:
    """Tell whether iterating over a value gives names of its parts: a dict, or a DataFrame.

    Args:
        value: anything.

    Returns:
        Whether it is one.
    """
    return isinstance(value, Mapping) or hasattr(value, "columns")


def check_int(name: str, value: Any) -> int:
    """Refuse anything but an integer, of any size; see `check_positive_int`."""
    number = as_int(value)
    if number is None:
        raise TypeError(f"{name} must be an integer, got {shown(value)}")
    return number


def check_strings(name: str, values: Any) -> list[str]:
    """Refuse anything but several strings in an order.

    Args:
        name: the argument's name, for the message.
        values: what the caller gave.

    Returns:
        The strings.

    Raises:
        TypeError: one string; a set or a dict, whose order is not that of the ids; or items that
            are not strings.
    """
    is_ordered = hasattr(values, "__iter__") and not isinstance(values, (str, Set))
    is_ordered = is_ordered and getattr(values, "shape", None) != ()  # an array of one number
    if not is_ordered or is_table(values):
        raise TypeError(f"{name} must be a list of strings, got {shown(values)}")
    strings = list(values)
    for value in strings:
        if not isinstance(value, str):
            raise TypeError(f"{name} must be strings, got {shown(value)}")
    return [str(value) for value in strings]  # those of numpy become plain


def check_text(name: str, text: Any, row: int) -> None:
    """Refuse what is no string of Unicode: None, a number, a list of words, half a character.

    Args:
        name: the argument's name, for the message.
        text: one of the texts that the caller gave.
        row: which one, counted from 0.

    Raises:
        TypeError: `text` is not a string.
        ValueError: it holds half of a surrogate pair, which no tokenizer takes.
    """
    if not isinstance(text, str):
        raise TypeError(f"{name} must be strings, got {shown(text)} in row {row} (from 0)")
    if not text.isprintable() and any("\ud800" <= letter <= "\udfff" for letter in text):
        raise ValueError(
            f"{name} must be Unicode, got {shown(text)} in row {row} (from 0); decode it first"
        )


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


def check_gradients(name: str, weight: "Tensor") -> None:
    """Refuse to train where PyTorch gives no gradients.

    Args:
        name: the model, for the message.
        weight: one of its parameters.

    Raises:
        ValueError: inside `torch.inference_mode`, or with a model that was made inside it.
    """
    from torch import is_inference_mode_enabled

    if is_inference_mode_enabled() or weight.is_inference():
        raise ValueError(
            f"{name} must be made and trained outside of torch.inference_mode, got one inside; "
            "leave that block first"
        )


def check_device(device: Any) -> None:
    """Refuse a device that PyTorch does not know or does not have here.

    Args:
        device: its name, or a `torch.device`.

    Raises:
        ValueError: no tensor can be made there.
    """
    import torch

    try:
        torch.empty(0, device=device)
    except (AssertionError, RuntimeError, UnicodeError) as error:
        reason = str(error).partition("\n")[0]
        raise ValueError(
            f"device must be one that PyTorch has here, got {shown(device)}; {reason:.100}"
        ) from None


def check_default_device() -> None:
    """Refuse to work where new tensors are made elsewhere than on the CPU.

    Texts and random draws live on the CPU, whatever the device of the model.

    Raises:
        ValueError: inside `torch.set_default_device` or `with torch.device`, with another one.
    """
    import torch

    if (device := torch.get_default_device()).type != "cpu":
        raise ValueError(
            f"torch.set_default_device must be 'cpu', got {str(device)!r}; move the model instead, "
            f"with model.to({str(device)!r})"
        )


def check_positive(name: str, value: float) -> float:
    """Refuse a number that is not above zero and finite.

    Args:
        name: the argument's name, for the message.
        value: what the caller gave; numbers of numpy are numbers too.

    Returns:
        The value as an `int` or a `float`.

    Raises:
        TypeError: `value` is not a number.
        ValueError: `value` is zero, negative, infinite or nan.
    """
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{name} must be a number above 0, got {shown(value)}")
    number = value if type(value) is int else float(value)
    if not 0 < number <= sys.float_info.max:
        raise ValueError(f"{name} must be a finite number above 0, got {shown(value)}")
    return number


def check_share(name: str, value: float) -> float:
    """Refuse a number outside [0, 1).

    Args:
        name: the argument's name, for the message.
        value: what the caller gave; numbers of numpy are numbers too.

    Returns:
        The value as a `float`.

    Raises:
        TypeError: `value` is not a number.
        ValueError: `value` is negative, 1 or more, or nan.
    """
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{name} must be a number in [0, 1), got {shown(value)}")
    if not 0 <= value < 1:
        raise ValueError(f"{name} must lie in [0, 1), got {shown(value)}")
    return float(value)


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
    number = check_int("seed", value)
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
    if getattr(value, "shape", None) == () and name in ("Iterable", "Sequence"):
        return False  # an array of one number, which has the methods of a longer one
    if name == "Iterable":
        return hasattr(value, "__iter__") or hasattr(value, "__getitem__")
    if name == "Sequence":
        is_sized = hasattr(value, "__len__") and hasattr(value, "__getitem__")
        return is_sized and not is_table(value)
    if name in METHODS:
        return hasattr(value, METHODS[name]) and not isinstance(value, bool)
    return name in {kind.__name__ for kind in type(value).__mro__}
