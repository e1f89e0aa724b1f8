"""Files that other tools use too: word vectors in the word2vec formats, and test questions.

Both word2vec formats begin with a line "n d". In the text format a line for each word follows: the
word and its d numbers, with spaces between. In the binary format each word is followed by one space
and d numbers, float32 and little-endian. Neither format holds a digest as checkpoints do, so a
damaged number that is still a number is not detected.
"""

import math
import mmap
import os
from collections import Counter
from collections.abc import Sequence
from typing import BinaryIO

import numpy as np

from w2v.files import replaced

LONGEST_HEADER = 100


def write_word2vec(
    path: str | os.PathLike, words: Sequence[str], vectors: np.ndarray, *, binary: bool
) -> None:
    """Write words and vectors, whole or not at all. The numbers can be read back bit for bit.

    Args:
        path: the file; its directory is made if it is missing.
        words: n different words.
        vectors: their vectors, shape (n, d), float32.
        binary: the binary format, not the text one.

    Raises:
        ValueError: a word that neither format can hold: empty, with a space or a line end.
        OSError: the file cannot be written. What was there before is then untouched.

    Source: Mikolov et al. 2013a (the word2vec program).
    """
    names = [_encoded(word) for word in words]
    line = b" ".join([b"%.9g"] * vectors.shape[1]) + b"\n"  # 9 digits give back every float32
    try:
        with replaced(path) as file:
            file.write(b"%d %d\n" % vectors.shape)
            for name, vector in zip(names, vectors, strict=True):
                numbers = vector.astype("<f4").tobytes() if binary else line % (*vector.tolist(),)
                file.write(name + b" " + numbers)
    except OSError as error:
        raise OSError(
            f"path must be a file that can be written, got {str(path)!r}; {error}"
        ) from error


def read_word2vec(path: str | os.PathLike, *, binary: bool) -> tuple[list[str], np.ndarray]:
    """Read a word2vec file of any tool, if it is complete.

    Args:
        path: the file.
        binary: it is in the binary format, not the text one.

    Returns:
        The n words, and their vectors of shape (n, d), float32.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is truncated, of other counts than its first line says, not UTF-8,
            or holds a word twice or a number that is not finite.

    Source: Mikolov et al. 2013a (the word2vec program).
    """
    try:
        with open(path, "rb") as file:
            n_words, dim = _read_header(file, binary)
            words, vectors = (_read_binary if binary else _read_text)(file, n_words, dim)
        check_word_vectors(words, vectors)
    except FileNotFoundError:
        raise FileNotFoundError(f"path must be an existing file, got {str(path)!r}") from None
    except (OSError, ValueError) as error:
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
        with open(path, encoding=encoding) as file:
            return file.readlines()
    except FileNotFoundError:
        raise FileNotFoundError(f"{name} must be an existing file, got {str(path)!r}") from None
    except UnicodeDecodeError as error:
        raise ValueError(f"{name} must be {encoding} text, got {str(path)!r}; {error}") from None


def _encoded(word: str) -> bytes:
    """Give the bytes of a word that both formats can hold."""
    try:
        name = word.encode()
    except UnicodeEncodeError:
        name = b""  # the word holds half of a surrogate pair
    if name.split() != [name]:  # bytes are split at the white space of ASCII only
        raise ValueError(f"words must be text without spaces or line ends, got {word!r}")
    return name


def _read_header(file: BinaryIO, binary: bool) -> tuple[int, int]:
    """Read n and d; refuse a file that is too short for them."""
    header = file.readline(LONGEST_HEADER)
    counts = [int(part) for part in header.split() if part.isdigit()]
    if len(header.split()) != 2 or len(counts) != 2 or 0 in counts:
        raise ValueError(f"its first line must be two positive integers, got {header[:40]!r}")
    n_words, dim = counts
    size = os.fstat(file.fileno()).st_size
    if size < n_words * (2 + dim * (4 if binary else 2)):  # a letter, a separator, d numbers
        raise ValueError(f"it must hold {n_words} words of {dim} numbers, got {size} bytes")
    return n_words, dim


def _read_text(file: BinaryIO, n_words: int, dim: int) -> tuple[list[str], np.ndarray]:
    """Read a line for each word."""
    words, vectors = [], np.empty((n_words, dim), dtype=np.float32)  # (n, d)
    for row in range(n_words):
        line = file.readline()
        if not line.endswith(b"\n"):  # its last number may be cut short
            raise ValueError(f"it must hold {n_words} words, got {row} whole lines of them")
        parts = line.split()
        if len(parts) != dim + 1:
            raise ValueError(
                f"line {row + 2} must be a word and {dim} numbers, got {len(parts)} parts"
            )
        words.append(parts[0].decode())
        with np.errstate(over="ignore"):  # a number too large for float32 is refused as inf
            vectors[row] = [float(number) for number in parts[1:]]
    if any(line.strip() for line in file):
        raise ValueError(f"it must hold {n_words} words, got more")
    return words, vectors


def _read_binary(file: BinaryIO, n_words: int, dim: int) -> tuple[list[str], np.ndarray]:
    """Read word by word from the mapped file, without a copy of it."""
    words, vectors = [], np.empty((n_words, dim), dtype=np.float32)  # (n, d)
    place = file.tell()
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        for row in range(n_words):
            start = content.find(b" ", place) + 1
            numbers = content[start : start + 4 * dim]
            if start == 0 or len(numbers) < 4 * dim:
                raise ValueError(f"it must hold {n_words} words, got {row} whole ones")
            # The word2vec program writes a line end after each vector, gensim does not.
            words.append(content[place : start - 1].lstrip(b"\n").decode())
            _encoded(words[-1])
            vectors[row] = np.frombuffer(numbers, dtype="<f4")  # (d,)
            place = start + 4 * dim
        if content[place : place + 2] not in (b"", b"\n"):
            raise ValueError(f"it must hold {n_words} words, got more")
    return words, vectors
