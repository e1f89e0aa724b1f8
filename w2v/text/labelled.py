"""Labelled texts: cleaned, with labels from 0, one function for every set (section 4)."""

import csv
import os
import re
from collections.abc import Iterator
from pathlib import Path

import torch

from w2v.config import check_choice, check_positive_int, check_seed
from w2v.text import builtin
from w2v.text.cleaning import clean_ag_news, clean_review, clean_treebank
from w2v.text.sources import find_file, found_file, from_hub, open_text, resolve_source

LABELLED = {  # what each set calls its classes, its files by split, and the splits of the hub
    "ag_news": {
        "classes": ("World", "Sports", "Business", "Sci/Tech"),
        "files": {
            "train": ("ag_news/train.csv", "ag_news/train_partial.csv"),
            "test": ("ag_news/test.csv",),  # or .csv.gz
        },
        "hub": ("train", "test"),
        "clean": clean_ag_news,
    },
    "imdb": {
        "classes": ("negative", "positive"),
        "files": {"train": ("imdb/imdb_train.csv",), "test": ("imdb/imdb_test.csv",)},
        "hub": ("train", "test"),
        "clean": clean_review,
    },
    "sst": {
        "classes": ("very negative", "negative", "neutral", "positive", "very positive"),
        "files": {
            "train": ("sst/trees_train.txt",),
            "validation": ("sst/trees_dev.txt",),
            "test": ("sst/trees_test.txt",),
        },
        "hub": ("train", "validation"),  # its test rows have no labels
        "hub_classes": ("negative", "positive"),
        "clean": clean_treebank,
    },
}
_LEAF = re.compile(r"\([0-4] ([^()]+)\)")  # a word of a tree, in its own brackets


def load_labelled(
    name: str = "ag_news", source: str = "auto", *, split: str = "train", seed: int = 0
):
    """Load labelled texts, cleaned once and for all.

    AG News texts are title and description joined by a space. The hub's "sst" is another set than
    the local one: two classes instead of five (the neutral sentences are left out), in lower
    case, its training texts are phrases of the sentences as well, and its test rows have no labels.
    A training text that occurs twice is kept once, with its first label. The built-in corpus
    stands in for each set with a question of its own: which of four libraries does a docstring
    describe? Of the 25,000 test reviews of IMDB 123 stand among its training texts as well.

    Args:
        name: "ag_news" (news, 4 topics), "imdb" (film reviews, 2 classes) or "sst" (sentences of
            film reviews, the Stanford Sentiment Treebank, 5 classes).
        source: "auto", "local", "hub" or "builtin", as in `resolve_source`.
        split: "train" or "test"; "sst" has "validation" too.
        seed: of the order of "imdb" and "sst", whose files are sorted by class; AG News and the
            built-in texts, which are mixed, keep the order of their file.

    Returns:
        A `datasets.Dataset` with the columns `text` and `label`, a `ClassLabel` (ids 0 ... n - 1)
        that knows the names of the n classes.

    Raises:
        ValueError: an unknown name, source or split, a split that the source does not have, or a
            row whose label is none of the classes.
        FileNotFoundError: the directory in W2V_DATA lacks the file.
        ConnectionError: the hub neither answers nor has the texts in its local cache.

    Source: assignment section 4; Maas et al. 2011 (IMDB); Socher et al. 2013 (the treebank).
    """
    check_choice("name", name, tuple(LABELLED))
    this = LABELLED[name]
    check_choice("split", split, tuple(this["files"]))
    check_seed(seed)
    source = resolve_source(source, needs=(name,))
    splits = {"local": tuple(this["files"]), "hub": this["hub"], "builtin": ("train", "test")}
    if split not in splits[source]:
        raise ValueError(
            f"split must be one of {', '.join(map(repr, splits[source]))} for {name!r} from"
            f" {source!r}, got {split!r}"
        )
    classes = this["classes"]
    if source == "builtin":
        texts, labels, classes = builtin.labelled(split)
    elif source == "local":
        texts, labels = _local(name, find_file(*this["files"][split]))
    else:
        rows = from_hub(name, split)
        texts, labels = rows["sentence" if name == "sst" else "text"], list(rows["label"])
        classes = this.get("hub_classes", classes)
    if source != "builtin":
        texts = [this["clean"](text) for text in texts]
    order = range(len(texts))
    if split == "train":  # once cleaned, some texts are the same: a held-out part must share none
        first = {texts[row]: row for row in reversed(order)}
        order = sorted(first.values())
    if name != "ag_news" and source != "builtin":
        shuffled = torch.randperm(len(order), generator=torch.Generator().manual_seed(seed))
        order = [order[i] for i in shuffled]
    return _dataset([texts[i] for i in order], [labels[i] for i in order], classes)


def split_labelled(
    name: str = "ag_news",
    source: str = "auto",
    *,
    n_valid: int = 5000,
    n_test: int = 5000,
    seed: int = 0,
):
    """Part the labelled texts into those to learn from, to choose by, and to test on.

    The official test split is taken where there is one (local files: `test.csv` beside the
    training rows). Else a seeded part of the training rows is kept for the test. No text lies in
    two parts.

    Args:
        name: "ag_news".
        source: "auto", "local", "hub" or "builtin", as in `resolve_source`.
        n_valid: training rows to choose settings by.
        n_test: training rows to test on, where there is no official test split.
        seed: of the parts.

    Returns:
        Three `datasets.Dataset` as `load_labelled` gives them, to train, choose and test; and
        "official test rows" or "held-out training rows".

    Raises:
        ValueError: fewer training rows than both parts and one row more.
        FileNotFoundError: the directory in W2V_DATA lacks the file.

    Source: assignment section 4.
    """
    check_positive_int("n_valid", n_valid)
    check_positive_int("n_test", n_test)
    source = resolve_source(source, needs=(name,))
    rows = load_labelled(name, source).shuffle(seed=seed)
    if len(rows) <= n_valid + n_test:
        raise ValueError(
            f"n_valid and n_test must leave a row to learn from, got {n_valid!r} and {n_test!r} of "
            f"{len(rows)} rows"
        )
    valid, rest = range(n_valid), range(n_valid, len(rows))
    if source == "local" and found_file(*LABELLED[name]["files"]["test"]) is None:
        train, test = rest[:-n_test], rest[-n_test:]
        return *(rows.select(part) for part in (train, valid, test)), "held-out training rows"
    official = load_labelled(name, source, split="test")
    known, texts = set(official["text"]), rows["text"]
    train, valid = (
        rows.select([i for i in part if texts[i] not in known]) for part in (rest, valid)
    )
    return train, valid, official, "official test rows"


def load_csv(path: str | os.PathLike, classes: list[str]):
    """Load labelled texts from any CSV file whose first column is the class.

    Args:
        path: a UTF-8 file, plain or ending in .gz. The first column holds the number of the class
            (1 for the first) or its name; the others are joined to the text. A first row without
            a class is a header.
        classes: the names of the classes.

    Returns:
        A `datasets.Dataset` with the columns `text` and `label`, as `load_labelled` gives it.

    Raises:
        ValueError: a row without text or with another class, or no row at all.
        FileNotFoundError: there is no such file.

    Source: assignment section 4.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"path must be an existing file, got {str(path)!r}")
    number = {str(i): i - 1 for i in range(1, len(classes) + 1)}
    number |= {name: i for i, name in enumerate(classes)}
    texts, labels = [], []
    with open_text(path, newline="") as file:
        for line, row in enumerate(csv.reader(file), start=1):
            if len(row) > 1 and row[0] in number:
                texts.append(clean_ag_news(" ".join(row[1:])))
                labels.append(number[row[0]])
            elif line > 1:
                raise ValueError(
                    f"row {line} of {path.name} must be a class (1 to {len(classes)}, or one of "
                    f"{', '.join(classes)}) and text, got {row!r}"
                )
    if not texts:
        raise ValueError(f"{path.name} must hold a labelled text, got none")
    return _dataset(texts, labels, classes)


def _dataset(texts: list[str], labels: list[int], classes):
    """Put texts and labels into a `datasets.Dataset` that knows the names of the classes."""
    from datasets import ClassLabel, Dataset, Features, Value

    features = Features({"text": Value("string"), "label": ClassLabel(names=list(classes))})
    return Dataset.from_dict({"text": texts, "label": labels}, features=features)


def _local(name: str, path: Path) -> tuple[list[str], list[int]]:
    """Read the texts and labels, 0 ... n - 1, of a file."""
    with open_text(path, newline="") as file:
        rows = list({"ag_news": _news, "imdb": _reviews, "sst": _trees}[name](file, path.name))
    return [text for text, _ in rows], [label for _, label in rows]


def _news(file, name: str) -> Iterator[tuple[str, int]]:
    """Read rows of class (1 ... 4), title, description."""
    for number, row in enumerate(csv.reader(file), start=1):
        if len(row) != 3 or row[0] not in ("1", "2", "3", "4"):
            raise ValueError(
                f"row {number} of {name} must be class (1 to 4), title, description, "
                f"got {row!r:.80}"
            )
        yield f"{row[1]} {row[2]}".strip(), int(row[0]) - 1


def _reviews(file, name: str) -> Iterator[tuple[str, int]]:
    """Read rows with the columns label (0 or 1) and text."""
    for number, row in enumerate(csv.DictReader(file), start=1):
        if row.get("label") not in ("0", "1") or not row.get("text"):
            raise ValueError(
                f"row {number} of {name} must have a label (0 or 1) and a text, got {row!r:.80}"
            )
        yield row["text"], int(row["label"])


def _trees(file, name: str) -> Iterator[tuple[str, int]]:
    """Read a tree a line: the class of its root (0 ... 4), the words of its leaves."""
    for number, line in enumerate(file, start=1):
        words = _LEAF.findall(line)
        if line[:2] not in ("(0", "(1", "(2", "(3", "(4") or not words:
            raise ValueError(
                f"row {number} of {name} must be a tree whose root has a class (0 to 4), "
                f"got {line!r:.80}"
            )
        yield " ".join(words), int(line[1])
