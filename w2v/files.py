"""Files that are written whole or not at all, sealed by a digest, and checked when they are read.

A sealed file is an ordinary `torch.save` archive of tensors and plain values. Its archive comment
holds the SHA-256 of every byte before it, because torch and zip readers do not notice a changed
bit in a tensor. `torch.load(path, weights_only=True)` and `zipfile` can open it, too.

Everything that the package writes goes through `replaced`: checkpoints, corpora, caches, vectors
and results. `read_sealed` reads sealed files. This module does not depend on any model.
"""

import contextlib
import gzip
import hashlib
import json
import os
import secrets
import stat
import sys
import tempfile
import threading
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import torch
from torch import Tensor

from w2v.archive import DTYPES, load_archive
from w2v.checks import shown

try:
    import fcntl
except ImportError:  # Windows, where an open file cannot be removed
    fcntl = None

SMALL = 2**22  # bytes of a .gz file that is looked through whole before it is read
LONGEST = 4096  # bytes of a path: a longer one is a text, given in place of its file
UNPACKED = 2**26  # bytes that it may hold, however small it is
_LOCKED: dict[tuple[int, str], tuple[BinaryIO, int]] = {}  # lock files, and how often each is used
_LOCKING = threading.Lock()
MARK = b"w2v-sha256:"
SEAL_LENGTH = len(MARK) + 2 * hashlib.sha256().digest_size


class CheckpointError(ValueError):
    """Say which file cannot be used or written, and why."""


def write_sealed(path: str | os.PathLike, payload: dict[str, Any]) -> Path:
    """Write tensors and plain values to a file, whole or not at all.

    The bytes are written to a temporary file in the same directory and flushed to the disk; then
    the file is renamed. A kill at any moment leaves the old file or the new one. Equal payloads
    give equal bytes.

    Args:
        path: the file; its directory is made if it is missing.
        payload: dicts, lists and tuples of tensors, strings, numbers, booleans and None.

    Returns:
        The path.

    Raises:
        TypeError: the payload holds anything else.
        CheckpointError: a tensor is not finite, or the file cannot be written (a full disk,
            say). What was there before is then untouched, and no temporary is left.
    """
    path = user_path(path)
    try:
        plain = _plain(payload)
    except ValueError as error:
        raise CheckpointError(f"{error}; nothing was written to {str(path)!r}") from None
    try:
        with replaced(path) as file:
            torch.save(plain, file)  # to a file object: the archive does not repeat its name
            _seal(file)
    except (OSError, RuntimeError) as error:
        # torch turns the error of a full disk into a RuntimeError at some lengths
        reason = error if isinstance(error, OSError) else error.__context__ or error
        raise CheckpointError(
            f"path must be a file that can be written, got {str(path)!r}; {reason}"
        ) from error
    return path


def read_sealed(path: str | os.PathLike, *, mmap: bool = False) -> dict[str, Any]:
    """Read what `write_sealed` wrote, if it is complete. No code in the file is run.

    What the file declares (the size of a tensor, say) must agree with the bytes that it holds. So
    a damaged or hostile file is refused in about the time and memory that its size allows.

    Args:
        path: the file.
        mmap: leave the tensors in the file; only the parts that are used are read into memory.
            Whether they are finite is then not checked. The file is never changed.

    Returns:
        The payload, its tensors on the CPU.

    Raises:
        FileNotFoundError: there is no such file.
        CheckpointError: the file is truncated, has a changed bit, was written by another
            program, holds a number that is not finite, or something that could run code.
    """
    try:
        if not stat.S_ISREG(user_path(path).stat().st_mode):
            raise ValueError("Is a directory or a special file")
        with open(user_path(path), "rb") as file:
            _check_seal(file)
            payload = load_archive(file)
        if not isinstance(payload, dict):
            raise ValueError(f"it must hold a dict, got {type(payload).__name__}")
        return payload if mmap else _plain(payload)
    except FileNotFoundError:
        raise FileNotFoundError(f"path must be an existing file, got {str(path)!r}") from None
    except Exception as error:  # a damaged or hostile file may cause any error
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise CheckpointError(
            f"path must be a complete w2v file, got {str(path)!r}; {reason}"
        ) from None


def identity_of_words(words: Sequence[str]) -> str:
    """Name a vocabulary by its size and a digest of its words; see `vocabulary_identity`.

    Args:
        words: the word of each id.

    Returns:
        For example "vocabulary-30522-1f3c0b5a9d2e4f68".
    """
    has_lines = any("\n" in word for word in words)
    content = json.dumps(list(words)) if has_lines else "\n".join(words)
    digest = hashlib.sha256(content.encode(errors="surrogatepass")).hexdigest()[:16]
    return f"vocabulary-{len(words)}-{digest}"


def is_same(found: Any, wanted: Any) -> bool:
    """Compare a part of a file with what it should be; a large part of a small file takes no time.

    Args:
        found: of the file.
        wanted: plain numbers, strings, lists, tuples and dicts.

    Returns:
        Whether they have the same types and values: 1, 1.0 and True are three things.
    """
    if type(found) is not type(wanted):
        return False
    if isinstance(wanted, (list, tuple, dict)):
        keys = list(wanted) if isinstance(wanted, dict) else range(len(wanted))
        return len(found) == len(wanted) and all(
            (key in found or not isinstance(found, dict)) and is_same(found[key], wanted[key])
            for key in keys
        )
    return found == wanted


@contextlib.contextmanager
def replaced(path: str | os.PathLike) -> Iterator[BinaryIO]:
    """Open a new file that replaces `path` in one step after it is written.

    Args:
        path: the file, whose permissions stay; or a link to it, which stays. Its directory is made
            if it is missing.

    Returns:
        A context that gives the new file, to be written and read. After an error inside, the old
        file is still at `path`, and no temporary is left.

    Raises:
        OSError: the file cannot be written; or it is a folder, a device or a pipe.
    """
    _check_ordinary(user_path(path))
    path = Path(os.path.realpath(user_path(path)))
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove_abandoned(path.parent)
    file = _new_temporary(path)
    temporary = Path(file.name)
    try:
        with file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(OSError):  # there was no file
            temporary.chmod(stat.S_IMODE(path.stat().st_mode))
        os.replace(temporary, path)
        _flush_directory(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def check_writable(directory: str | os.PathLike, *names: str) -> None:
    """Refuse a directory that cannot be written, before any work is done for it.

    Args:
        directory: it is made if it is missing.
        names: of the files that are to be written there.

    Raises:
        CheckpointError: it cannot be made, or a file in it cannot be written.
    """
    directory = user_path(directory)
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=directory):
            pass
    except OSError as error:
        raise CheckpointError(
            f"directory must be one that can be written, got {str(directory)!r}; {error}"
        ) from None
    for path in (directory / name for name in names):
        try:
            _check_ordinary(path)
        except OSError as error:
            raise CheckpointError(str(error)) from None


@contextlib.contextmanager
def locked(path: str | os.PathLike | None) -> Iterator[None]:
    """Keep other processes away from a file for a while; a kill ends that, too.

    A process that locks a file twice keeps it until it has left both contexts.

    Args:
        path: the file, which need not exist; a lock file lies beside it. None locks nothing.

    Returns:
        A context.

    Raises:
        CheckpointError: another process has locked it.
    """
    if path is None:
        yield
        return
    path = user_path(path)
    name = path.with_name(f".{Path(path.stem).stem}.lock")
    if name.exists() and not name.is_file():  # a pipe would wait for ever
        raise CheckpointError(f"{str(name)!r} must be an ordinary file; remove it")
    owner = os.getpid(), os.path.realpath(name)  # a forked process holds no lock of its parent
    with _LOCKING:  # to close the file a second time would free the lock of the first
        file, n_users = _LOCKED.get(owner) or (_open_locked(name, path), 0)
        _LOCKED[owner] = file, n_users + 1
    try:
        yield
    finally:
        with _LOCKING:
            file, n_users = _LOCKED.pop(owner)
            if n_users > 1:
                _LOCKED[owner] = file, n_users - 1
            else:
                with file, contextlib.suppress(OSError):
                    name.unlink()


def _open_locked(name: Path, path: Path) -> BinaryIO:
    """Open the lock file of a path, locked."""
    file = open(name, "ab")  # nothing is written: the name may be a link
    try:
        if fcntl is not None:  # a lock of the process: a cell that is run again goes on
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if not (name.exists() and os.path.samestat(name.stat(), os.fstat(file.fileno()))):
            raise BlockingIOError
    except BlockingIOError:
        file.close()
        raise CheckpointError(
            f"{str(path)!r} must be used by one process at a time, got another that is still "
            "training; wait for it, or name another directory"
        ) from None
    except OSError:
        pass  # a file system without locks
    return file


def write_json(path: str | os.PathLike, payload: dict[str, Any]) -> Path:
    """Write a JSON file, whole or not at all.

    Args:
        path: the file; its directory is made if it is missing.
        payload: plain numbers, strings, lists and dicts.

    Returns:
        The path.

    Raises:
        ValueError: a number that is not finite, which JSON cannot hold.
    """
    text = json.dumps(payload, indent=1, allow_nan=False)
    with replaced(path) as file:
        file.write(text.encode() + b"\n")
    return user_path(path)


def read_json(path: str | os.PathLike) -> dict[str, Any]:
    """Read a JSON file that holds an object.

    Args:
        path: the file.

    Returns:
        What it holds.

    Raises:
        FileNotFoundError: there is no such file.
        CheckpointError: the file is damaged, or holds something else.
    """
    path = user_path(path)
    try:
        if path.exists() and not path.is_file():
            raise ValueError("Is a directory or a special file")
        payload = json.loads(path.read_text("utf-8"))
        if not isinstance(payload, dict):
            raise ValueError(f"it holds a {type(payload).__name__}")
    except (ValueError, RecursionError) as error:
        raise CheckpointError(
            f"path must be a complete JSON file with an object, got {str(path)!r}; {error}"
        ) from None
    return payload


def cache_directory() -> Path:
    """Return the directory in W2V_CACHE, else the usual one for caches on this platform.

    Returns:
        The directory; it may not exist yet.

    Raises:
        CheckpointError: the user has no home directory, and no variable names another.
    """
    if chosen := os.environ.get("W2V_CACHE"):
        return user_path(chosen)
    if sys.platform == "darwin":
        base = "~/Library/Caches"
    elif sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or "~/AppData/Local"
    else:
        base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return user_path(base) / "w2v"


def user_path(path: str | os.PathLike) -> Path:
    """Replace a leading "~" by the user's home directory.

    Args:
        path: any path; a shell leaves the "~" of `--output=~/file`.

    Returns:
        The path.

    Raises:
        CheckpointError: an address of the web, or a path with "~" where the user has no home
            directory.
        TypeError: anything but a string or a path.
    """
    if not isinstance(path, (str, os.PathLike)):
        raise TypeError(f"path must be a string or a path, got {shown(path)}")
    try:
        is_name = b"\0" not in os.fsencode(path)
    except UnicodeEncodeError:  # half a character
        is_name = False
    if not is_name or len(os.fsencode(path)) > LONGEST:
        raise CheckpointError(f"path must be the name of a file, got {shown(path)}")
    if str(path).startswith(("http://", "https://")):
        raise CheckpointError(f"path must be a file here, got {shown(path)}; download it first")
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise CheckpointError(
            f"path must begin in a directory that exists, got {str(path)!r}; "
            "there is no such user, or HOME is not set"
        ) from None


def check_packed(path: Path) -> None:
    """Refuse a .gz file that unpacks to far more than text does, and could fill the memory.

    Args:
        path: the file. One above `SMALL` bytes is judged by its beginning, since to unpack all of
            it would take time; a damaged one is left to its reader.

    Raises:
        ValueError: more than `UNPACKED` bytes are a hundred times what they are packed in.
    """
    packed, size = path.stat().st_size, 0
    with (
        contextlib.suppress(EOFError, OSError, zlib.error),
        open(path, "rb") as source,
        gzip.open(source) as file,
    ):
        while part := file.read(1 << 20):
            size += len(part)
            if size > max(UNPACKED, 100 * source.tell()):
                raise ValueError(
                    f"{path.name} must be packed text, got {packed} bytes that unpack to more than "
                    f"{size}; unpack it first"
                )
            if size > UNPACKED and packed > SMALL:
                return


def _check_ordinary(path: Path) -> None:
    """Refuse to put a file in the place of a folder, a device or a pipe."""
    if path.is_dir():
        raise IsADirectoryError(f"path must be a file, got the directory {str(path)!r}")
    if path.exists() and not path.is_file():  # renaming a file to /dev/null would end the device
        raise OSError(f"path must be an ordinary file, got the special file {str(path)!r}")


def _new_temporary(path: Path) -> BinaryIO:
    """Open a new file beside `path`, locked until it is closed: no other writer removes it."""
    while True:
        file = open(path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp"), "x+b")
        with contextlib.suppress(OSError):  # a file system without locks
            if fcntl is not None:
                fcntl.flock(file, fcntl.LOCK_SH)
        if os.path.exists(file.name):  # else it was taken for abandoned before it was locked
            return file
        file.close()


def _remove_abandoned(directory: Path) -> None:
    """Remove the temporary files of killed processes, whatever they were to become."""
    for temporary in directory.glob(f".*.{'[0-9a-f]' * 8}.tmp"):
        with contextlib.suppress(OSError):  # in use
            if fcntl is not None:
                with open(temporary, "rb") as file:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            temporary.unlink()


def _flush_directory(directory: Path) -> None:
    """Flush the new name of the file to the disk, where the system can."""
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
    """Refuse a file that does not end in the digest of its other bytes."""
    size = file.seek(0, os.SEEK_END)
    body = max(size - SEAL_LENGTH, 0)
    file.seek(body)
    seal = file.read()
    if not seal.startswith(MARK):
        raise ValueError("it does not end in a digest: truncated, or not written by w2v")
    if seal != MARK + _digest(file, body):
        raise ValueError("its content does not match its digest: damaged")
    file.seek(0)


def _digest(file: BinaryIO, size: int) -> bytes:
    """Give the SHA-256 of the first `size` bytes in hex; the next byte is read or written next."""
    digest = hashlib.sha256()
    file.seek(0)
    while chunk := file.read(min(size - file.tell(), 1 << 20)):
        digest.update(chunk)
    return digest.hexdigest().encode()


def _plain(value: Any, *path: Any) -> Any:
    """Copy a tree of tensors and plain values; refuse anything else.

    The path of keys leads to the value, for messages. The copy of a tensor has no larger storage
    behind it. Equal strings become one object: pickle
    writes equal but distinct strings twice, so the bytes of equal payloads would differ.
    """
    if isinstance(value, Tensor):
        return _plain_tensor(value, path)
    if isinstance(value, dict):
        for key in value:
            if not isinstance(key, (str, int)):
                raise TypeError(f"{_place(path)} must have strings as its keys, got {shown(key)}")
        return {_plain(key, *path): _plain(item, *path, key) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        items = [_plain(item, *path, index) for index, item in enumerate(value)]
        return tuple(items) if isinstance(value, tuple) else items
    if isinstance(value, str):
        return sys.intern(str(value))
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, (int, float)):
        return int(value) if isinstance(value, int) else float(value)
    raise TypeError(f"{_place(path)} must be a tensor or a plain value, got {type(value).__name__}")


def _place(path: tuple[Any, ...]) -> str:
    """Write the keys that lead to a part of a payload."""
    return "payload" + "".join(f"[{shown(key)}]" for key in path)


def _plain_tensor(tensor: Tensor, path: tuple[Any, ...]) -> Tensor:
    """Copy the elements of a finite tensor to the CPU."""
    where = _place(path)
    if tensor.layout != torch.strided:
        raise TypeError(f"{where} must be a dense tensor, got layout {tensor.layout}")
    if tensor.dtype not in DTYPES.values():
        raise TypeError(f"{where} must be of a common dtype, got {tensor.dtype}")
    if not torch.isfinite(tensor).all():
        raise ValueError(f"{where} must be finite, got nan or inf in shape {tuple(tensor.shape)}")
    return tensor.detach().cpu().clone(memory_format=torch.contiguous_format)
