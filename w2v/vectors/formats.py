"""Files that other tools use too: word vectors in the word2vec formats, and test questions.

Both word2vec formats begin with a line "n d". In the text format a line for each word follows: the
word and its d numbers, with spaces between. In the binary format each word is followed by one space
and d numbers, float32 and little-endian. GloVe's files are the text format without the first line.
A file may be gzipped. None of them holds a digest as checkpoints do, so a damaged number that is
still a number is not detected.
"""

import codecs
import contextlib
import gzip
import io
import math
import os
import sys
import warnings
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np

from w2v.checks import check_positive_int
from w2v.files import check_packed, replaced, user_path

LONGEST_HEADER = 100
READ_AT_ONCE = 1 << 20  # bytes of a binary file; no word is as long
GZIP_MARK = b"\x1f\x8b"
DAMAGES = EOFError, OSError, zlib.error  # what a cut or damaged file raises


def write_word2vec(
    path: str | os.PathLike,
    words: Sequence[str],
    vectors: np.ndarray,
    binary: bool,
    write_header: bool = True,
) -> None:
    """Write n words and their vectors, shape (n, d); see `WordVectors`."""
    names = [_encoded(word) for word in words]
    line = b" ".join([b"%.9g"] * vectors.shape[1]) + b"\n"  # 9 digits give back every float32

    def lines() -> Iterator[bytes]:
        if write_header:
            yield b"%d %d\n" % vectors.shape
        for name, vector in zip(names, vectors, strict=True):
            numbers = vector.astype("<f4").tobytes() if binary else line % (*vector.tolist(),)
            yield name + b" " + numbers

    _write(path, lines())


def write_projector(
    directory: str | os.PathLike, words: Sequence[str], vectors: np.ndarray
) -> tuple[Path, Path]:
    """Write n words and their vectors, shape (n, d); see `WordVectors`."""
    for word in words:
        if not word.strip() or any(mark in word for mark in "\t\n\r"):
            raise ValueError(f"words must be text without tabs or line ends, got {word!r}")
    directory = user_path(directory)
    paths = directory / "vectors.tsv", directory / "metadata.tsv"
    line = b"\t".join([b"%.9g"] * vectors.shape[1]) + b"\n"
    _write(paths[0], (line % (*vector.tolist(),) for vector in vectors))
    _write(paths[1], (word.encode() + b"\n" for word in words))
    return paths


def read_word2vec(
    path: str | os.PathLike,
    binary: bool,
    *,
    encoding: str = "utf8",
    unicode_errors: str = "strict",
    limit: int | None = None,
    no_header: bool = False,
) -> tuple[list[str], np.ndarray]:
    """Read n words and their vectors, shape (n, d), float32; see `load_word2vec_format`."""
    if limit is not None:
        limit = check_positive_int("limit", limit)
    if no_header and binary:
        raise ValueError("no_header must be False for a binary file, got True")
    try:
        with _opened(path) as file:
            n_words, dim = (0, 0) if no_header else _read_header(file)
            read = _read_binary if binary else _read_text
            names, vectors = read(file, n_words, dim, limit)
        words = [name.decode(encoding, unicode_errors) for name in names]
        words, vectors = _first_of_equal(path, words, vectors)
        check_word_vectors(words, vectors)
    except FileNotFoundError:
        raise FileNotFoundError(f"path must be an existing file, got {str(path)!r}") from None
    except UnicodeDecodeError as error:
        raise ValueError(
            f"path must be a file of words in {encoding}, got {str(path)!r}; {error}; "
            'take another encoding, or unicode_errors="replace"'
        ) from None
    except (*DAMAGES, LookupError, MemoryError, OverflowError, ValueError) as error:
        raise ValueError(
            f"path must be a complete word2vec {'binary' if binary else 'text'} file, "
            f"got {str(path)!r}; {error}"
        ) from None
    return words, vectors


def check_word_vectors(words: Sequence[str], vectors: np.ndarray) -> None:
    """Check that there are different words with one finite vector each.

    Args:
        words: n different words.
        vectors: their vectors, shape (n, d).

    Raises:
        ValueError: no word or no dimension, numbers that disagree, a word given twice, or a
            number that is not finite.
    """
    if vectors.ndim != 2 or not vectors.size or len(words) != len(vectors):
        raise ValueError(
            f"vectors must have a row for each of {len(words)} words, got shape {vectors.shape}"
        )
    if len(set(words)) != len(words):
        twice = Counter(words).most_common(1)[0][0]
        raise ValueError(f"words must differ, got {twice!r} twice")
    if not np.isfinite([vectors.min(), vectors.max()]).all():  # both are nan if a number is
        row = np.flatnonzero(~np.isfinite(vectors).all(axis=1))[0]
        raise ValueError(f"vectors must be finite, got nan or inf for {words[row]!r}")


def read_word_pairs(
    pairs: str | os.PathLike, *, delimiter: str, encoding: str
) -> list[tuple[str, str, float]]:
    """Read pairs of words, each with a similarity that people judged.

    Args:
        pairs: a file with two words and a finite number in each line. Other lines, and lines that
            start with #, are skipped.
        delimiter: the separator of the three.
        encoding: of the file.

    Returns:
        The two words and the number of each pair.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is not in this encoding.

    Source: Finkelstein et al. 2002 (WordSim-353).
    """
    found = []
    for line in _lines("pairs", pairs, encoding):
        *words, number = line.split(delimiter)
        try:
            judgement = float(number)
        except ValueError:
            continue  # a header
        if len(words) == 2 and math.isfinite(judgement) and not line.startswith("#"):
            found.append((words[0], words[1], judgement))
    return found


def read_word_analogies(
    analogies: str | os.PathLike,
) -> list[tuple[str, list[tuple[str, str, str, str]]]]:
    """Read questions of four words each: a is to b as c is to d.

    Args:
        analogies: a file of sections: a line ": name", then lines of four words. Lines of more
            or fewer words are skipped.

    Returns:
        The name of each section, and its questions.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is not in UTF-8, or has a line before the first section.

    Source: Mikolov et al. 2013a, section 4.1.
    """
    sections = []
    for line in _lines("analogies", analogies, "utf8"):
        if line.startswith(": "):
            sections.append((line.lstrip(": ").strip(), []))
        elif not sections:
            raise ValueError(
                f"analogies must begin with a line ': name of a section', got {line!r} "
                f"in {str(analogies)!r}"
            )
        elif len(words := line.split()) == 4:
            sections[-1][1].append(tuple(words))
    return sections


def _lines(name: str, path: str | os.PathLike, encoding: str) -> list[str]:
    """Read the lines of a small text file."""
    try:
        with _opened(path) as file, io.TextIOWrapper(file, encoding=encoding) as text:
            return text.readlines()
    except FileNotFoundError:
        raise FileNotFoundError(f"{name} must be an existing file, got {str(path)!r}") from None
    except (*DAMAGES, UnicodeDecodeError) as error:
        raise ValueError(f"{name} must be {encoding} text, got {str(path)!r}; {error}") from None


@contextlib.contextmanager
def _opened(path: str | os.PathLike) -> Iterator[io.BufferedReader | gzip.GzipFile]:
    """Open a plain or gzipped file for reading, behind its byte order mark if it has one."""
    path = user_path(path)
    if path.exists() and not path.is_file():  # a pipe would wait for ever
        raise OSError("it is a directory or a special file")
    with open(path, "rb") as plain, contextlib.ExitStack() as stack:
        file = plain
        if path.suffix == ".gz" or plain.peek(2)[:2] == GZIP_MARK:
            check_packed(path)
            file = stack.enter_context(gzip.GzipFile(fileobj=plain))
        if file.peek(3)[:3] == codecs.BOM_UTF8:
            file.read(3)
        yield file


def _write(path: str | os.PathLike, lines: Iterable[bytes]) -> None:
    """Write a file whole or not at all, gzipped if its name ends in .gz."""
    try:
        with replaced(path) as file, contextlib.ExitStack() as stack:
            if Path(path).suffix == ".gz":  # without name and time: equal content, equal bytes
                file = stack.enter_context(gzip.GzipFile("", "wb", 6, file, mtime=0))
            file.writelines(lines)
    except OSError as error:
        raise OSError(
            f"path must be a file that can be written, got {str(path)!r}; {error}"
        ) from error


def _encoded(word: str) -> bytes:
    """Give the bytes of a word that both formats can hold."""
    try:
        name = word.encode()
    except UnicodeEncodeError:
        name = b""  # the word holds half of a surrogate pair
    _check_name(name, word)
    return name


def _check_name(name: bytes, word: str | bytes) -> None:
    """Refuse a word that is empty or holds white space of ASCII, at which bytes are split."""
    if name.split() != [name]:
        raise ValueError(f"words must be text without spaces or line ends, got {word!r}")


def _read_header(file: BinaryIO | gzip.GzipFile) -> tuple[int, int]:
    """Read n and d."""
    header = file.readline(LONGEST_HEADER)
    counts = [int(part) for part in header.split() if part.isdigit()]
    if len(header.split()) != 2 or len(counts) != 2 or 0 in counts:
        raise ValueError(
            f"its first line must be two positive integers, got {header[:40]!r}; "
            "for a text file that begins with a word, as GloVe's do, take no_header=True"
        )
    return counts[0], counts[1]


def _read_text(
    file: BinaryIO | gzip.GzipFile, n_words: int, dim: int, limit: int | None
) -> tuple[list[bytes], np.ndarray]:
    """Read a line for each word: n of them, or all if n is 0."""
    names, rows = [], bytearray()
    n_wanted = min(n_words or sys.maxsize, limit or sys.maxsize)
    while len(names) < n_wanted:
        line = file.readline()
        if not line.strip() and not any(rest.strip() for rest in file):
            break  # only blank lines are left
        name, *numbers = line.split() or [b""]
        dim = dim or len(numbers)
        if len(numbers) != dim or not numbers:
            number = len(names) + (2 if n_words else 1)
            raise ValueError(
                f"line {number} must be a word and {dim or 'its'} numbers, "
                f"got {len(line.split())} parts"
            )
        names.append(name)
        with np.errstate(over="ignore"):  # a number too large for float32 is refused as inf
            rows += np.array([float(number) for number in numbers], dtype=np.float32).tobytes()
    if n_words and len(names) < n_wanted:
        raise ValueError(f"it must hold {n_words} words, got {len(names)} whole lines of them")
    if n_words == len(names) and any(line.strip() for line in file):
        raise ValueError(f"it must hold {n_words} words, got more")
    return names, np.frombuffer(rows, dtype=np.float32).reshape(len(names), dim)


def _read_binary(
    file: BinaryIO | gzip.GzipFile, n_words: int, dim: int, limit: int | None
) -> tuple[list[bytes], np.ndarray]:
    """Read n words, a part of the file at a time."""
    names, rows, size = [], bytearray(), 4 * dim
    n_wanted = min(n_words, limit or n_words)
    part, place = b"", 0
    while len(names) < n_wanted:
        start = part.find(b" ", place) + 1
        if start == 0 or len(part) < start + size:
            part, place = part[place:] + file.read(READ_AT_ONCE + size), 0
            start = part.find(b" ") + 1
        if start == 0 or len(part) < start + size:
            raise ValueError(f"it must hold {n_words} words, got {len(names)} whole ones")
        # The word2vec program writes a line end after each vector, gensim does not.
        name = part[place : start - 1].lstrip(b"\n")
        _check_name(name, name)
        names.append(name)
        place = start + size
        rows += part[start:place]
    if n_words == len(names) and part[place:] + file.read(2) not in (b"", b"\n"):
        raise ValueError(f"it must hold {n_words} words, got more")
    return names, np.frombuffer(rows, dtype="<f4").reshape(len(names), dim)


def _first_of_equal(
    path: str | os.PathLike, words: list[str], vectors: np.ndarray
) -> tuple[list[str], np.ndarray]:
    """Keep the first of equal words, and say so."""
    first = {}
    for row, word in enumerate(words):
        first.setdefault(word, row)
    if len(first) == len(words):
        return words, vectors
    twice = Counter(words).most_common(1)[0][0]
    warnings.warn(
        f"{str(path)!r} repeats {len(words) - len(first)} words, such as {twice!r}; "
        "the first of each is kept",
        stacklevel=4,
    )
    return list(first), vectors[list(first.values())]
