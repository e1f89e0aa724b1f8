"""The built-in corpus: English text that every installation of w2v already has.

Its documents are the docstrings of the standard library and of the packages that w2v needs anyway.
They are read from the source files with `ast`; no package is imported. The corpus is built once and
kept in the platform's cache directory, so that the notebooks run without any download.
"""

import ast
import gc
import gzip
import hashlib
import importlib.metadata
import importlib.util
import itertools
import json
import platform
import re
import sysconfig
import warnings
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from w2v.files import CheckpointError, cache_directory, replaced

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerFast

PACKAGES = ("numpy", "torch", "pandas", "matplotlib", "transformers", "sympy", "networkx")
LIBRARIES = ("pandas", "sympy", "torch", "transformers")
MIN_WORDS = 25
VOCABULARY_SIZE = 16_000
HELD_OUT = 0.1  # of the documents, for the test split and for the validation split, each
LARGEST = 2**28  # bytes of a cache, unpacked; the texts of all packages take a tenth
FORMAT = 2  # raise it when the code below builds something else from the same packages

_SKIPPED = {"site-packages", "dist-packages", "test", "tests", "__pycache__"}
_RULE = re.compile(r"([-=~^*#_+])\1{2,}")  # underlines of headings, lines of tables
_SPECIAL = re.compile(r"\[(PAD|UNK|CLS|SEP|MASK)\]")
# The names of the libraries, in any spelling and also inside torch_dtype or np.ndarray.
_NAMES = re.compile(
    r"(?<![a-z])(?:pandas|pd|sympy|(?:py)?torch[a-z]*|aten|transformers?|hugging ?face|hf|numpy|np"
    r"|matplotlib|plt|mpl|networkx|nx)(?![a-z])",
    re.IGNORECASE,
)


def documents(split: str) -> list[str]:
    """List the docstrings of a split, each with its white space collapsed.

    Args:
        split: "train", "validation" or "test"; no document is in two of them.

    Returns:
        The documents, in a fixed shuffled order.

    Source: assignment Q3.1 (the corpus, without network and files).
    """
    return [text for _, text in _split(_all_documents(), split)]


def labelled(split: str) -> tuple[list[str], list[int], tuple[str, ...]]:
    """List docstrings of four libraries; the class is the library, whose name is masked.

    Args:
        split: "train", or "test", whose texts are all in the test split of `documents`.

    Returns:
        Texts, labels 0 ... 3 (as many of each class), and the names of the four classes.

    Source: assignment section 4 (a text classification task).
    """
    parts = ("train", "validation") if split == "train" else ("test",)
    pairs = [pair for part in parts for pair in _split(_all_documents(), part)]
    by_class = [[text for library, text in pairs if library == name] for name in LIBRARIES]
    # zip stops at the smallest class. The classes take turns: every head of the list is balanced.
    texts = list(itertools.chain.from_iterable(zip(*by_class, strict=False)))
    labels = [i % len(LIBRARIES) for i in range(len(texts))]
    return [mask_names(text) for text in texts], labels, LIBRARIES


def mask_names(text: str) -> str:
    """Replace the names of libraries, and their usual short forms, by the word "library".

    Args:
        text: a docstring.

    Returns:
        The text without the names.

    Source: assignment section 4 (a text classification task).
    """
    return _NAMES.sub("library", text)


def tokenizer() -> "PreTrainedTokenizerFast":
    """Load the WordPiece tokenizer of the built-in corpus: lower-casing, [PAD] is 0, [UNK] is 1.

    Returns:
        A fast `transformers` tokenizer; the same ids for the same package versions.

    Source: assignment Q3.1 (the tokenizer, without network and files).
    """
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerFast

    text = _cached("tokenizer", lambda: _train_tokenizer(documents("train")), _is_tokenizer)
    return PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer.from_str(text), pad_token="[PAD]", unk_token="[UNK]"
    )


def _split(pairs: list[list[str]], split: str) -> list[list[str]]:
    """Cut the shuffled documents into test, validation and train, in this order."""
    n = int(len(pairs) * HELD_OUT)
    return {"test": pairs[:n], "validation": pairs[n : 2 * n], "train": pairs[2 * n :]}[split]


def _all_documents() -> list[list[str]]:
    """Return every document as [library, text], in a fixed shuffled order."""
    return _cached("documents", _read_documents, _are_pairs)


def _read_documents() -> list[list[str]]:
    """Read, deduplicate and shuffle the docstrings of the standard library and of PACKAGES."""
    print("Reading the docstrings of the installed packages, once; this takes about a minute.")
    unique = {}
    for package in ("python", *PACKAGES):
        for docstring in _docstrings_of(package):
            text = _SPECIAL.sub(r"\1", " ".join(_RULE.sub(" ", docstring).split()))
            if len(text.split()) >= MIN_WORDS:
                # Texts that differ only in what is masked later are one document.
                unique.setdefault(mask_names(text).lower(), [package, text])
    pairs = list(unique.values())
    if not pairs:
        raise ValueError("the installed packages must come with their source, got no docstring")
    order = torch.randperm(len(pairs), generator=torch.Generator().manual_seed(0)).tolist()
    return [pairs[i] for i in order]


def _docstrings_of(package: str) -> Iterator[str]:
    """Yield the docstrings in the source of a package; files that do not parse are skipped."""
    root = _root(package)
    if root is None:
        return
    for path in sorted(root.rglob("*.py")):
        if _SKIPPED.isdisjoint(path.relative_to(root).parts):
            try:
                tree = _parse(path.read_text(encoding="utf-8"))
            except (OSError, SyntaxError, ValueError, RecursionError):
                continue
            yield from _docstrings_in(tree)


def _root(package: str) -> Path | None:
    """Find the directory of a package's source without importing it; None if not installed."""
    if package == "python":
        return Path(sysconfig.get_path("stdlib"))
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(spec.submodule_search_locations[0])


def _parse(source: str) -> ast.Module:
    """Parse a source file; warnings about its code (invalid escapes, say) are not shown."""
    # Collecting garbage while a large tree grows would double the time.
    gc.disable()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(source)
    finally:
        gc.enable()


def _docstrings_in(tree: ast.Module) -> Iterator[str]:
    """Yield the docstrings of a module and of its classes and functions."""
    nodes: list[ast.AST] = [tree]
    while nodes:
        node = nodes.pop()
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            if docstring := ast.get_docstring(node, clean=False):
                yield docstring
        nodes += (child for child in ast.iter_child_nodes(node) if isinstance(child, ast.stmt))


def _train_tokenizer(texts: list[str]) -> str:
    """Train a WordPiece vocabulary and return its tokenizer as JSON."""
    from tokenizers.trainers import WordPieceTrainer

    special, learner = ["[PAD]", "[UNK]"], _wordpiece()
    # The trainer numbers the inner letters of words in the order of a hash table, which differs
    # from run to run. Given as special tokens, they have fixed ids, and so has every other piece.
    letters = learner.normalizer.normalize_str("".join(sorted(set("".join(texts)))))
    letters = sorted(set(letters) - {" "})
    trainer = WordPieceTrainer(
        vocab_size=VOCABULARY_SIZE,
        limit_alphabet=len(letters),
        special_tokens=special + [f"##{letter}" for letter in letters],
        show_progress=False,
    )
    learner.train_from_iterator(texts, trainer)
    # In a new tokenizer the letters are ordinary pieces.
    return _wordpiece(learner.get_vocab()).to_str()


def _wordpiece(vocabulary: dict[str, int] | None = None) -> "Tokenizer":
    """Make a lower-casing WordPiece tokenizer that splits words as BERT's does."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

    tokenizer = Tokenizer(models.WordPiece(vocabulary or {}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return tokenizer


def _is_tokenizer(value: Any) -> bool:
    """Tell whether a cached value is a tokenizer as JSON."""
    from tokenizers import Tokenizer

    try:
        return Tokenizer.from_str(value).get_vocab_size() > 2  # more than pad and unknown
    except Exception:  # the reader raises plain exceptions
        return False


def _are_pairs(value: Any) -> bool:
    """Tell whether a cached value is a list of pairs of strings, at least one."""
    return (
        isinstance(value, list)
        and value != []
        and all(isinstance(pair, list) and [*map(type, pair)] == [str, str] for pair in value)
    )


def _cached(name: str, build: Callable[[], Any], is_right: Callable[[Any], bool]) -> Any:
    """Return what `build` makes, from the cache if a whole file of that kind is there."""
    file_name = f"{name}-{_cache_key()}.json.gz"
    try:
        path = cache_directory() / file_name
        if not path.is_file() or path.stat().st_size > LARGEST // 2:  # a pipe would wait for ever
            raise ValueError("no file of a cache")
        with gzip.open(path) as packed:  # gzip holds a checksum
            content = packed.read(LARGEST)
            if packed.read(1):  # a small file may unpack to gigabytes
                raise ValueError("too large")
        made_from, value = json.loads(content)
        if made_from == file_name and is_right(value):
            return value
    except (OSError, TypeError, ValueError, EOFError, RecursionError, zlib.error):
        pass  # missing or damaged: built again
    value = build()
    try:
        with replaced(cache_directory() / file_name) as file:
            content = json.dumps([file_name, value]).encode()
            file.write(gzip.compress(content, compresslevel=6, mtime=0))
    except (OSError, CheckpointError) as error:
        reason = getattr(error, "strerror", error)
        print(f"The {name} could not be cached ({reason}), and will be built again.")
    return value


def _cache_key() -> str:
    """Digest the versions of the packages that the corpus is made from and with."""
    versions: dict[str, str | int | None] = {"format": FORMAT, "python": platform.python_version()}
    for package in (*PACKAGES, "tokenizers"):
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            versions[package] = None
    return hashlib.sha256(json.dumps(versions).encode()).hexdigest()[:16]
