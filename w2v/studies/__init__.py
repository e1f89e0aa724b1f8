"""Many runs, paired, with intervals (Q4.3 and Q4.4)."""

from importlib import import_module
from types import ModuleType
from typing import Any

Row = dict[str, Any]  # a run or a line of a table: plain numbers, strings, lists and dicts by name


def import_extra(name: str) -> ModuleType:
    """Import a module that only the studies need.

    Args:
        name: the full name of the module, "scipy.stats" for example.

    Returns:
        The module.

    Raises:
        ImportError: it is not installed; the message says what to install.
    """
    try:
        return import_module(name)
    except ImportError as error:
        package = name.partition(".")[0]
        raise ImportError(
            f"the studies need {package}, which is not installed; pip install 'w2v[studies]'"
        ) from error
