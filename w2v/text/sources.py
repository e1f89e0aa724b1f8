"""The places where text comes from: local files, the Hugging Face hub, the built-in docstrings.

The one room that may reach the network. Three sources, one interface: files in the directory that
the environment variable W2V_DATA names ("local"), the Hugging Face hub ("hub"), and the docstrings
of the installed packages ("builtin", see `w2v.builtin`).
"""

import contextlib
import gzip
import http.client
import os
import threading
import urllib.request
import warnings
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TextIO

from tqdm import TqdmWarning

from w2v.config import check_choice

with warnings.catch_warnings():  # on a page without widgets tqdm warns, at its first import only
    warnings.simplefilter("ignore", TqdmWarning)
    import tqdm.auto  # noqa: F401

SOURCES = ("auto", "local", "hub", "builtin")
BERT = "bert-base-uncased"
HUB_PATIENCE = 4.0  # seconds, name look-up included: a closed network costs less than 5
HUB = {  # for each corpus, where the hub has it: repository and configuration
    "wikitext-2": ("Salesforce/wikitext", "wikitext-2-raw-v1"),
    "wikitext-103": ("Salesforce/wikitext", "wikitext-103-raw-v1"),
    "imdb": ("stanfordnlp/imdb", "plain_text"),
    "novels": None,
    "ag_news": ("fancyzhx/ag_news", None),
    "sst": ("stanfordnlp/sst2", None),
}


def resolve_source(source: str = "auto", *, needs: tuple[str, ...] = ("wikitext-2",)) -> str:
    """Settle where this process takes its text from, and say so once if it was left open.

    Documents, labelled texts and tokenizer must come from one place, so "auto" is settled once
    for a process: the directory in W2V_DATA; else the hub, if it answers within 5 seconds or holds
    everything in its local cache; else the built-in corpus.

    Args:
        source: "auto", or "local", "hub" or "builtin", which are returned as they are.
        needs: the corpora that the hub's local cache must hold to be taken without a network.

    Returns:
        "local", "hub" or "builtin".

    Raises:
        ValueError: another source, or a name in `needs` that is unknown.
        FileNotFoundError: W2V_DATA is set but names no directory.

    Source: assignment Q3.1.
    """
    check_choice("source", source, SOURCES)
    for name in needs:
        check_choice("needs", name, tuple(HUB))
    if source == "auto":
        return _settle_source(os.environ.get("W2V_DATA", ""), tuple(needs))
    if source == "local":
        _data_directory()
    return source


_settled: dict[str, str] = {}


def _settle_source(directory: str, needs: tuple[str, ...]) -> str:
    """Settle "auto" for this value of W2V_DATA, the first time with a printed sentence."""
    if directory not in _settled:
        if directory:
            _data_directory()
            source, sentence = "local", "the directory in W2V_DATA"
        elif _hub_answers():
            source, sentence = "hub", "the Hugging Face hub"
        elif all(_is_cached(name) for name in (BERT, *needs)):
            source, sentence = "hub", "the hub's local cache, since the hub does not answer"
        else:
            source = "builtin"
            sentence = "the built-in docstrings, since W2V_DATA is not set and no hub answers"
        print(f"Text comes from {sentence}.")
        _settled[directory] = source
    return _settled[directory]


def found_file(name: str) -> Path | None:
    """Look for a file under W2V_DATA, plain or gzipped.

    Args:
        name: its path there, without .gz.

    Returns:
        Where it is; None where it is not.

    Raises:
        FileNotFoundError: W2V_DATA names no directory.

    Source: assignment Q3.1.
    """
    candidates = (_data_directory() / name, _data_directory() / f"{name}.gz")
    return next((path for path in candidates if path.is_file()), None)


def find_file(*names: str) -> Path:
    """Find the first of some files under W2V_DATA that is there, plain or gzipped.

    Args:
        names: paths there, without .gz, the one to be preferred first.

    Returns:
        Where it is.

    Raises:
        FileNotFoundError: none of them is there, or W2V_DATA names no directory.

    Source: assignment Q3.1.
    """
    for name in names:
        if (path := found_file(name)) is not None:
            return path
    raise FileNotFoundError(
        f"the directory in W2V_DATA must hold {' or '.join(names)} (or the same with .gz), got no"
        " such file; add it, or pass another source"
    )


def open_text(path: Path, newline: str | None = None) -> TextIO:
    """Open a UTF-8 text file, gzipped where its name ends in .gz; a mark at its start is no text.

    Args:
        path: the file.
        newline: as in `open`.

    Returns:
        The open file, to be read.

    Source: assignment Q3.1.
    """
    opener = gzip.open if path.suffix == ".gz" else open
    return opener(path, "rt", encoding="utf-8-sig", newline=newline)


@contextlib.contextmanager
def talking_to_hub(name: str) -> Iterator[bool]:
    """Talk to the hub; without a network keep to its local cache, and never retry.

    Args:
        name: what is asked for, for the message.

    Returns:
        A context that gives whether the hub is offline.

    Raises:
        ConnectionError: the hub neither answers nor has the thing in its local cache.

    Source: assignment Q3.1.
    """
    import datasets
    from huggingface_hub import constants

    offline = not _hub_answers()
    before = constants.HF_HUB_OFFLINE, datasets.config.HF_HUB_OFFLINE
    try:
        if offline:
            constants.HF_HUB_OFFLINE = datasets.config.HF_HUB_OFFLINE = True
        with quiet():
            yield offline
    except (OSError, ValueError) as error:
        if not offline:
            raise
        raise ConnectionError(
            f"the hub must answer, or its local cache must hold {name}, got neither; set W2V_DATA,"
            ' or pass source="builtin"'
        ) from error
    finally:
        constants.HF_HUB_OFFLINE, datasets.config.HF_HUB_OFFLINE = before


def from_hub(name: str, split: str):
    """Load one split of a corpus of the hub, or of its local cache.

    Args:
        name: one of `HUB`.
        split: as the hub calls it.

    Returns:
        A `datasets.Dataset` with the hub's own columns.

    Raises:
        ConnectionError: the hub neither answers nor has the corpus in its local cache.

    Source: assignment Q3.1.
    """
    from datasets import load_dataset

    repository, configuration = HUB[name]
    with talking_to_hub(repository):
        return load_dataset(repository, configuration, split=split)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep the progress bars and advice of the hub's clients off the page, for a while.

    Source: assignment Q3.1.
    """
    import datasets
    from huggingface_hub import utils

    modules = (datasets, utils)
    with_bars = [module for module in modules if not module.are_progress_bars_disabled()]
    levels = [module.logging.get_verbosity() for module in modules]
    for module in modules:
        module.logging.set_verbosity_error()
        module.disable_progress_bars()
    try:
        yield
    finally:
        for module, level in zip(modules, levels, strict=True):
            module.logging.set_verbosity(level)
        for module in with_bars:
            module.enable_progress_bars()


@cache
def _hub_answers() -> bool:
    """Ask the hub for one small file's head; once for a process, and for 5 seconds at most."""
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        return False
    answers = []

    def ask() -> None:
        request = urllib.request.Request(
            f"{constants.ENDPOINT}/{BERT}/resolve/main/vocab.txt", method="HEAD"
        )
        with contextlib.suppress(OSError, ValueError, http.client.HTTPException):
            urllib.request.urlopen(request, timeout=HUB_PATIENCE).close()
            answers.append(True)

    # A name look-up takes no timeout, hence the thread that may be left behind.
    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(HUB_PATIENCE)
    return bool(answers)


def _is_cached(name: str) -> bool:
    """Tell whether the hub's local cache holds a corpus, or the tokenizer."""
    if name == BERT:
        from huggingface_hub import try_to_load_from_cache

        files = ("tokenizer.json", "vocab.txt")
        return any(isinstance(try_to_load_from_cache(BERT, file), str) for file in files)
    from datasets import config

    repository, configuration = HUB[name] or ("", None)
    folder = Path(config.HF_DATASETS_CACHE) / repository.replace("/", "___")
    return any(folder.glob(f"{configuration or 'default'}/*/*/dataset_info.json"))


def _data_directory() -> Path:
    """Return the directory that W2V_DATA names."""
    directory = os.environ.get("W2V_DATA", "")
    if not directory:
        raise FileNotFoundError('W2V_DATA must name a directory for source="local", got nothing')
    if not Path(directory).is_dir():
        raise FileNotFoundError(f"W2V_DATA must name a directory, got {directory!r}; unset it")
    return Path(directory)
