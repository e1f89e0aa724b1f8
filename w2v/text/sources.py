"""The places where text comes from: local files, the Hugging Face hub, the built-in docstrings.

No other module reaches the network. There are three sources. "local" is the directory that the
environment variable W2V_DATA names. "hub" is the Hugging Face hub. "builtin" is the docstrings of
the installed packages (see `w2v.text.builtin`).
"""

import contextlib
import gzip
import http.client
import io
import os
import threading
import urllib.request
import warnings
import zlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from tqdm import TqdmWarning

from w2v.checks import check_choice, checked
from w2v.files import check_packed, user_path
from w2v.text.catalogue import DOCUMENTS, LABELLED, HubSet

if TYPE_CHECKING:
    from datasets import Dataset

with warnings.catch_warnings():  # its first import in a notebook without widgets warns
    warnings.simplefilter("ignore", TqdmWarning)
    import tqdm.auto  # noqa: F401

SOURCES = ("auto", "local", "hub", "builtin")
BERT = "bert-base-uncased"
OFFLINE = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_DATASETS_OFFLINE")  # of the hub's clients
HUB_TIMEOUT = 4.0  # seconds: offline, it falls back to other text within 5, imports included


@checked
def resolve_source(source: str = "auto", *, needs: tuple[str, ...] = ("wikitext-2",)) -> str:
    """Choose where this process takes its text from; print the choice once.

    Documents, labelled texts and tokenizer must come from one source. So "auto" is decided once
    in a process: the directory in W2V_DATA if it is set; else the hub, if it answers within 5
    seconds or its local cache holds everything; else the built-in corpus.

    Args:
        source: "auto"; or "local", "hub" or "builtin", which are returned unchanged.
        needs: the data sets that the hub's local cache must hold if the hub does not answer.

    Returns:
        "local", "hub" or "builtin".

    Raises:
        ValueError: another source, or a name in `needs` that is unknown.
        FileNotFoundError: W2V_DATA is set but names no directory.

    Source: assignment Q3.1.
    """
    check_choice("source", source, SOURCES)
    for name in needs:
        check_choice("needs", name, tuple(DOCUMENTS | LABELLED))
    if source == "auto":
        return _settle_source(os.environ.get("W2V_DATA", ""), tuple(needs))
    if source == "local":
        _data_directory()
    return source


_settled: dict[str, str] = {}


def _settle_source(directory: str, needs: tuple[str, ...]) -> str:
    """Decide "auto" for this value of W2V_DATA; the first time, print the decision."""
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


def found_file(path: str) -> Path | None:
    """Look for a file under W2V_DATA, plain or gzipped.

    Args:
        path: its path there, without .gz.

    Returns:
        Where it is; None where it is not.

    Raises:
        FileNotFoundError: W2V_DATA names no directory.
    """
    candidates = (_data_directory() / path, _data_directory() / f"{path}.gz")
    return next((found for found in candidates if found.is_file()), None)


def find_file(*paths: str) -> Path:
    """Find the first of some files under W2V_DATA that is there, plain or gzipped.

    Args:
        paths: paths there, without .gz, the preferred one first.

    Returns:
        Where it is.

    Raises:
        FileNotFoundError: none of them is there, or W2V_DATA names no directory.
    """
    for path in paths:
        if (found := found_file(path)) is not None:
            return found
    raise FileNotFoundError(
        f"the directory in W2V_DATA must hold {' or '.join(paths)} (or the same with .gz), got no"
        " such file; add it, or pass another source"
    )


def read_lines(path: Path) -> Iterator[str]:
    """Read the lines of a UTF-8 text file, packed by gzip or not; a byte order mark is skipped.

    Args:
        path: the file.

    Returns:
        Its lines, with their line ends.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: a .gz file that is cut or damaged, or text that is not UTF-8; says the line.
    """
    if not path.is_file():
        found = "a directory" if path.is_dir() else "no file"
        raise FileNotFoundError(f"path must be an existing file, got {str(path)!r}: {found}")
    number = 0
    try:
        try:
            with _opened(path) as raw, io.TextIOWrapper(raw, "utf-8-sig", newline="") as file:
                for number, line in enumerate(file, start=1):
                    if "\0" in line:
                        raise ValueError(
                            f"line {number} of {path.name} must be UTF-8 text, got a NUL byte; "
                            "save the file as UTF-8"
                        )
                    yield line
        except ValueError:  # what a damaged .gz holds is often no text either
            with _opened(path) as file:
                while file.read(1 << 20):
                    pass
            raise
    except UnicodeDecodeError as error:
        raise ValueError(
            f"line {_line_of_the_fault(path)} of {path.name} must be UTF-8 text, got "
            f"{error.object[error.start : error.end]!r}; save the file as UTF-8"
        ) from None
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise ValueError(
            f"{path.name} must be a complete .gz file, got one that is cut or damaged after line "
            f"{number} ({error}); download or pack it again"
        ) from None


def _opened(path: Path) -> BinaryIO:
    """Open a file to read its bytes, unpacked; what it holds decides, not its name."""
    with open(path, "rb") as file:
        start = file.read(3)
    if start in (b"PK\x03", b"BZh", b"\xfd7z"):
        raise ValueError(f"{path.name} must be plain text or a .gz file, got an archive; unpack it")
    is_packed = start[:2] in (b"\x1f\x8b", b"\x1f")
    if is_packed:
        check_packed(path)
    return cast(BinaryIO, gzip.open(path) if is_packed else open(path, "rb"))


def _line_of_the_fault(path: Path) -> int:
    """Find the first line that is not UTF-8."""
    with _opened(path) as file:
        for number, line in enumerate(file, start=1):
            try:
                line.decode()
            except UnicodeDecodeError:
                return number
    return 1


@contextlib.contextmanager
def talking_to_hub(name: str) -> Iterator[bool]:
    """Let the hub's clients load something; offline, from their local cache without retries.

    Args:
        name: the repository, for the message.

    Returns:
        A context that gives True if the hub is offline.

    Raises:
        ConnectionError: the hub does not answer, and its local cache does not hold the repository.
        ValueError: a folder here has the name of the repository. It would be read in its place.
    """
    from datasets import config
    from huggingface_hub import constants

    if os.path.exists(name):
        raise ValueError(
            f"the current directory must hold no {name!r}, which would be read in place of the "
            "hub's; rename it, or work in another directory"
        )

    offline = not _hub_answers()
    before = constants.HF_HUB_OFFLINE, config.HF_HUB_OFFLINE
    try:
        if offline:
            constants.HF_HUB_OFFLINE = config.HF_HUB_OFFLINE = True
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
        constants.HF_HUB_OFFLINE, config.HF_HUB_OFFLINE = before


def from_hub(hub: HubSet, split: str) -> "Dataset":
    """Load one split of a data set from the hub, or from its local cache.

    Args:
        hub: where the hub has the data set.
        split: one of `hub.splits`.

    Returns:
        A `datasets.Dataset` with the columns that the hub has.

    Raises:
        ConnectionError: the hub does not answer, and its local cache does not hold the data set.
    """
    from datasets import load_dataset

    with talking_to_hub(hub.repository):
        return load_dataset(hub.repository, hub.configuration, split=hub.splits[split])


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Switch off the progress bars and log messages of `datasets` and the hub inside a `with`."""
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
    """Tell whether the hub answers a request within HUB_TIMEOUT; one request in a process."""
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE or any(map(_is_set, OFFLINE)):
        return False
    answers = []

    def request_a_file() -> None:
        request = urllib.request.Request(
            f"{constants.ENDPOINT}/{BERT}/resolve/main/vocab.txt", method="HEAD"
        )
        with contextlib.suppress(OSError, ValueError, http.client.HTTPException):
            urllib.request.urlopen(request, timeout=HUB_TIMEOUT).close()
            answers.append(True)

    # A name look-up has no timeout, hence a thread, which is left behind if it hangs.
    thread = threading.Thread(target=request_a_file, daemon=True)
    thread.start()
    thread.join(HUB_TIMEOUT)
    return bool(answers)


def _is_set(variable: str) -> bool:
    """Tell whether an environment variable is switched on, as the hub's clients read it."""
    return os.environ.get(variable, "").upper() in ("1", "ON", "YES", "TRUE")


def _is_cached(name: str) -> bool:
    """Tell whether the hub's local cache holds a data set, or the tokenizer."""
    if name == BERT:
        from huggingface_hub import try_to_load_from_cache

        files = ("tokenizer.json", "vocab.txt")
        return any(isinstance(try_to_load_from_cache(BERT, file), str) for file in files)
    from datasets import config

    hub = (DOCUMENTS | LABELLED)[name].hub
    if hub is None:
        return False
    folder = Path(config.HF_DATASETS_CACHE) / hub.repository.replace("/", "___")
    return any(folder.glob(f"{hub.configuration or 'default'}/*/*/dataset_info.json"))


def _data_directory() -> Path:
    """Return the directory that W2V_DATA names."""
    directory = os.environ.get("W2V_DATA", "")
    if not directory:
        raise FileNotFoundError('W2V_DATA must name a directory for source="local", got nothing')
    path = user_path(directory)
    if not path.is_dir():
        raise FileNotFoundError(f"W2V_DATA must name a directory, got {directory!r}; unset it")
    return path
