"""The data sets that are loaded by name: where each lies, and how its files are read.

A new labelled set is one entry of `LABELLED`, a new corpus of documents one entry of `DOCUMENTS`.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from w2v.checks import shown
from w2v.text.cleaning import clean_ag_news, clean_review, clean_treebank, undo_word_tokens
from w2v.text.tables import read_labelled

SPLITS = ("train", "validation", "test")

_LEAF = re.compile(r"\([0-4] ([^()]+)\)")  # a word of a tree, in its own brackets


@dataclass(frozen=True)
class HubSet:
    """Say where the Hugging Face hub has a data set.

    Args:
        repository: its repository of data sets.
        configuration: of the repository; None where it has only one.
        splits: the hub's name of each split; the same names unless given.
        column: the column of the texts.
        classes: the names of the classes, where the hub has others than the files; else empty.
    """

    repository: str
    configuration: str | None = None
    splits: dict[str, str] = field(default_factory=lambda: {split: split for split in SPLITS})
    column: str = "text"
    classes: tuple[str, ...] = ()


@dataclass(frozen=True)
class LabelledSet:
    """Say how the texts and labels of a set are loaded.

    Args:
        classes: the names of the classes; label i is the i-th of them, from 0.
        files: for each split, its possible files under W2V_DATA, plain or .gz, the best one first.
        read: gives the text and the label of each row, from the lines of a file and, for messages,
            its name.
        clean: turns a text of the files or of the hub into plain text.
        hub: where the hub has the set; None where it does not.
        sorted_by_class: the rows of one class lie together, so they are shuffled when loaded.
    """

    classes: tuple[str, ...]
    files: dict[str, tuple[str, ...]]
    read: Callable[[Iterable[str], str], Iterator[tuple[str, int]]]
    clean: Callable[[str], str]
    hub: HubSet | None = None
    sorted_by_class: bool = False


@dataclass(frozen=True)
class DocumentSet:
    """Say how the documents of a corpus are loaded.

    Args:
        forms: the forms that its files may have. Each has the path of every split under W2V_DATA
            (plain or .gz), and the function that turns lines into documents. All splits are read
            in the first form whose "train" file is there, else in the last; the hub's rows in the
            first.
        hub: where the hub has the corpus; None where it does not.
        builtin: the built-in docstrings may replace it.
    """

    forms: tuple[tuple[dict[str, str], Callable[[Iterable[str]], list[str]]], ...]
    hub: HubSet | None
    builtin: bool = False


def _read_news(lines: Iterable[str], name: str) -> Iterator[tuple[str, int]]:
    """Read rows of class (1 ... 4), title, description."""
    texts, labels, _ = read_labelled(lines, name, LABELLED["ag_news"].classes, first=1)
    return zip(texts, labels, strict=True)


def _read_reviews(lines: Iterable[str], name: str) -> Iterator[tuple[str, int]]:
    """Read rows with the columns label (0 or 1) and text."""
    classes, columns = LABELLED["imdb"].classes, {"text": "text", "label": "label"}
    texts, labels, _ = read_labelled(lines, name, classes, first=0, **columns)
    return zip(texts, labels, strict=True)


def _read_trees(lines: Iterable[str], name: str) -> Iterator[tuple[str, int]]:
    """Read a tree a line: the class of its root (0 ... 4), the words of its leaves."""
    for number, line in enumerate(lines, start=1):
        words = _LEAF.findall(line)
        is_cut = line.count("(") != line.count(")")
        if line[:2] not in ("(0", "(1", "(2", "(3", "(4") or not words or is_cut:
            raise ValueError(
                f"row {number} of {name} must be a whole tree whose root has a class (0 to 4), "
                f"got {shown(line)}"
            )
        yield " ".join(words), int(line[1])


def _paragraphs(lines: Iterable[str]) -> list[str]:
    """Keep the lines that are paragraphs: not blank, and no ` = Heading = `."""
    paragraphs = []
    for line in lines:
        is_heading = line.startswith(" = ") and line.rstrip("\r\n").endswith(" = ")
        if line.strip() and not is_heading:
            paragraphs.append(line.strip())
    return paragraphs


def _tokenised_paragraphs(lines: Iterable[str]) -> list[str]:
    """Keep the paragraphs of a `.tokens` file, and undo its word tokens."""
    return [undo_word_tokens(text) for text in _paragraphs(lines)]


def _lines(lines: Iterable[str]) -> list[str]:
    """Keep the lines that are not blank once tags and codes are removed."""
    return [text for line in lines if (text := clean_review(line))]


LABELLED = {
    "ag_news": LabelledSet(
        classes=("World", "Sports", "Business", "Sci/Tech"),
        files={
            "train": ("ag_news/train.csv", "ag_news/train_partial.csv"),
            "test": ("ag_news/test.csv",),
        },
        read=_read_news,
        clean=clean_ag_news,
        hub=HubSet("fancyzhx/ag_news"),
    ),
    "imdb": LabelledSet(
        classes=("negative", "positive"),
        files={"train": ("imdb/imdb_train.csv",), "test": ("imdb/imdb_test.csv",)},
        read=_read_reviews,
        clean=clean_review,
        hub=HubSet("stanfordnlp/imdb", "plain_text"),
        sorted_by_class=True,
    ),
    "sst": LabelledSet(
        classes=("very negative", "negative", "neutral", "positive", "very positive"),
        files={
            "train": ("sst/trees_train.txt",),
            "validation": ("sst/trees_dev.txt",),
            "test": ("sst/trees_test.txt",),
        },
        read=_read_trees,
        clean=clean_treebank,
        hub=HubSet(
            "stanfordnlp/sst2",
            splits={"train": "train", "validation": "validation"},  # its test has no labels
            column="sentence",
            classes=("negative", "positive"),
        ),
        sorted_by_class=True,
    ),
}


def _wikitext(pattern: str) -> dict[str, str]:
    """Put WikiText's names of the three splits into the name of a file."""
    names = ("train", "valid", "test")
    return {split: pattern.format(name) for split, name in zip(SPLITS, names, strict=True)}


DOCUMENTS = {
    "wikitext-2": DocumentSet(
        forms=(
            (_wikitext("wikitext-2-raw/wiki.{}.raw.txt"), _paragraphs),
            (_wikitext("wikitext-2-v1/wiki.{}.tokens"), _tokenised_paragraphs),
        ),
        hub=HubSet("Salesforce/wikitext", "wikitext-2-raw-v1"),
        builtin=True,
    ),
    "wikitext-103": DocumentSet(
        forms=(
            (_wikitext("wikitext-103-raw/wiki.{}.raw.txt"), _paragraphs),
            (
                _wikitext("wikitext-103-head/wiki.{}.tokens")
                | {"train": "wikitext-103-head/wiki.train.head.tokens"},
                _tokenised_paragraphs,
            ),
        ),
        hub=HubSet("Salesforce/wikitext", "wikitext-103-raw-v1"),
        builtin=True,
    ),
    "imdb": DocumentSet(
        forms=(({"train": "imdb/imdb_unsup.txt"}, _lines),),
        hub=HubSet("stanfordnlp/imdb", "plain_text", {"train": "unsupervised"}),
    ),
    "novels": DocumentSet(
        forms=(({"train": "english_novels/english_novels.txt"}, _lines),),
        hub=None,
    ),
}
