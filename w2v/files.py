"""Files that are written whole or not at all, sealed by a digest, and read without trust.

A sealed file is an ordinary `torch.save` archive of tensors and plain values. Its archive comment
holds the SHA-256 of every byte before it, because torch and zip readers do not notice a changed
bit in a tensor. `torch.load(path, weights_only=True)` and `zipfile` open it as it stands.

This module knows no model: checkpoints, corpora, caches, vectors and results are all written by
`replaced`, and read back by `read_sealed` where they are sealed.
"""

import contextlib
import glob
import hashlib
import json
import os
import pickle
import secrets
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import torch
from torch import Tensor

MARK = b"w2v-sha256:"
SEAL_LENGTH = len(MARK) + 2 * hashlib.sha256().digest_size
STALE_SECONDS = 3600


class CheckpointError(ValueError):
    """Say which checkpoint cannot be used, or not be written, and why.

    Source: assignment Q3.12 and Q4.1.
    """


def write_sealed(path: str | os.PathLike, payload: dict[str, Any]) -> Path:
    """Write tensors and plain values to a file, whole or not at all.

    The bytes go to a temporary file in the same directory, are flushed to the disk, and take
    the old file's place in one step: a kill at any moment leaves the old or the new one.
    Equal payloads give equal bytes.

    Args:
        path: the file; its directory is made if it is missing.
        payload: dicts, lists and tuples of tensors, strings, numbers, booleans and None.

    Returns:
        The path.

    Raises:
        TypeError: the payload holds anything else.
        CheckpointError: a tensor is not finite, or the file cannot be written (a full disk,
            say). What was there before is then untouched, and no temporary is left.

    Source: assignment Q3.12.
    """
    path = Path(path)
    try:
        plain = _plain(payload, "payload")
    except ValueError as error:
        raise CheckpointError(f"{error}; nothing was written to {str(path)!r}") from None
    try:
        with replaced(path) as file:
            torch.save(plain, file)  # to a file object: the archive does not repeat its name
            _seal(file)
    except (OSError, RuntimeError) as error:
        # torch wraps the error of a full disk, at some lengths, into a RuntimeError of its own
        reason = error if isinstance(error, OSError) else error.__context__ or error
        raise CheckpointError(
            f"path must be a file that can be written, got {str(path)!r}; {reason}"
        ) from error
    return path


def read_sealed(path: str | os.PathLike, *, mmap: bool = False) -> dict[str, Any]:
    """Read what `write_sealed` wrote, if it is whole; run nothing.

    Args:
        path: the file.
        mmap: leave the tensors in the file, to be read where they are looked at; whether they
            are finite is then not looked at. The file itself never changes.

    Returns:
        The payload, its tensors on the CPU.

    Raises:
        FileNotFoundError: there is no such file.
        CheckpointError: the file is truncated, changed by as much as a bit, written by another
            program, not finite, or holds something that could run code.

    Source: assignment Q4.1.
    """
    try:
        with open(path, "rb") as file, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            _check_seal(file)
            return _load(file, mmap=True) if mmap else _plain(_load(file), "payload")
    except FileNotFoundError:
        raise FileNotFoundError(f"path must be an existing file, got {str(path)!r}") from None
    except Exception as error:  # whatever a damaged or hostile file brings about is one error
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise CheckpointError(
            f"path must be a whole file of w2v, got {str(path)!r}; {reason}"
        ) from None


@contextlib.contextmanager
def replaced(path: Path) -> Iterator[BinaryIO]:
    """Open an empty file that takes the place of `path`, in one step, once it is written.

    Args:
        path: the file; its directory is made if it is missing.

    Returns:
        A context that gives the new file, to be written and read. An error inside leaves what
        was at `path`, and no temporary.

    Raises:
        OSError: the file cannot be written.

    Source: assignment Q3.12.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove_stale_temporaries(path)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        with open(temporary, "x+b") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
        _flush_directory(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def check_writable(directory: str | os.PathLike) -> None:
    """Refuse a directory that cannot be written, before any work is done for it.

    Args:
        directory: it is made if it is missing.

    Raises:
        CheckpointError: it cannot be made, or a file in it cannot be written.
    """
    try:
        Path(directory).mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=directory):
            pass
    except OSError as error:
        raise CheckpointError(
            f"directory must be one that can be written, got {str(directory)!r}; {error}"
        ) from None


def write_json(path: str | Path, payload: dict[str, Any]) -> Path:
    """Write a file whole or not at all.

    Args:
        path: the file; its directory is made if it is missing.
        payload: plain numbers, strings, lists and dicts.

    Returns:
        The path.

    Raises:
        ValueError: a number that is not finite, which JSON cannot hold.

    Source: the package's own convention for files.
    """
    path = Path(path)
    text = json.dumps(payload, indent=1, allow_nan=False)
    with replaced(path) as file:
        file.write(text.encode() + b"\n")
    return path


def cache_directory() -> Path:
    """Return where this platform keeps caches; W2V_CACHE overrules it.

    Returns:
        The directory; it may not be there yet.

    Source: assignment Q3.1 (what is slow to make is made once).
    """
    if chosen := os.environ.get("W2V_CACHE"):
        return Path(chosen)
    if sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    elif sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "w2v"


def _remove_stale_temporaries(path: Path) -> None:
    """Remove what a killed save left; another process may be writing the recent ones."""
    for temporary in path.parent.glob(f".{glob.escape(path.name)}.*.tmp"):
        with contextlib.suppress(FileNotFoundError):
            if time.time() - temporary.stat().st_mtime > STALE_SECONDS:
                temporary.unlink()


def _flush_directory(directory: Path) -> None:
    """Flush the new name itself to the disk, where the system can."""
    if os.name == "posix":
        descriptor = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _seal(file: BinaryIO) -> None:
    """Give a zip archive a comment: the digest of every byte before it."""
    file.seek(-2, os.SEEK_END)  # the last field of an archive is the length of its comment
    file.write(SEAL_LENGTH.to_bytes(2, "little"))
    file.write(MARK + _digest(file, file.tell()))


def _check_seal(file: BinaryIO) -> None:
    """Refuse a file whose last bytes are not the digest of all the others."""
    size = file.seek(0, os.SEEK_END)
    body = max(size - SEAL_LENGTH, 0)
    file.seek(body)
    seal = file.read()
    if not seal.startswith(MARK):
        raise ValueError("it does not end in a digest: truncated, or of another program")
    if seal != MARK + _digest(file, body):
        raise ValueError("its content does not match its digest: damaged")
    file.seek(0)


def _digest(file: BinaryIO, size: int) -> bytes:
    """Give the SHA-256 of the first `size` bytes in hex, and stay behind them."""
    digest = hashlib.sha256()
    file.seek(0)
    while chunk := file.read(min(size - file.tell(), 1 << 20)):
        digest.update(chunk)
    return digest.hexdigest().encode()


def _load(file: BinaryIO, mmap: bool = False) -> dict[str, Any]:
    """Unpickle tensors and plain values only."""
    try:
        source = file.name if mmap else file  # torch maps files by their name only
        payload = torch.load(source, map_location="cpu", weights_only=True, mmap=mmap)
    except pickle.UnpicklingError:  # torch's message advises an unsafe load: not repeated
        raise ValueError(
            "it holds more than tensors and plain values, which could run code; nothing was run"
        ) from None
    if not isinstance(payload, dict):
        raise ValueError(f"it holds no dict but {type(payload).__name__}")
    return payload


def _plain(value: Any, where: str) -> Any:
    """Copy a tree of tensors and plain values; refuse anything else.

    A copied tensor brings no larger storage along, and equal strings become one object:
    pickle would write an equal but distinct one in full, and bytes would differ.
    """
    if isinstance(value, Tensor):
        return _plain_tensor(value, where)
    if isinstance(value, dict):
        return {
            _plain(key, where): _plain(item, f"{where}[{key!r}]") for key, item in value.items()
        }
    if isinstance(value, (list, tuple)):
        items = [_plain(item, f"{where}[{index}]") for index, item in enumerate(value)]
        return tuple(items) if isinstance(value, tuple) else items
    if isinstance(value, str):
        return sys.intern(str(value))
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, (int, float)):
        return int(value) if isinstance(value, int) else float(value)
    raise TypeError(f"{where} must be a tensor or a plain value, got {type(value).__name__}")


def _plain_tensor(tensor: Tensor, where: str) -> Tensor:
    """Copy the elements of a finite tensor to the CPU."""
    if tensor.layout != torch.strided:
        raise TypeError(f"{where} must be a dense tensor, got layout {tensor.layout}")
    if not torch.isfinite(tensor).all():
        raise ValueError(f"{where} must be finite, got nan or inf in shape {tuple(tensor.shape)}")
    return tensor.detach().cpu().clone(memory_format=torch.contiguous_format)
