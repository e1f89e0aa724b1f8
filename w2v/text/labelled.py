"""Labelled texts: cleaned, with labels from 0, one function for every set (section 4)."""

import csv
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from w2v.config import check_choice, check_positive_int, check_seed
from w2v.text import builtin
from w2v.text.catalogue import LABELLED, LabelledSet
from w2v.text.cleaning import clean_ag_news
from w2v.text.sources import find_file, found_file, from_hub, open_text, resolve_source

if TYPE_CHECKING:
    from datasets import Dataset


def load_labelled(
    corpus: str = "ag_news", source: str = "auto", *, split: str = "train", seed: int = 0
) -> "Dataset":
    """Load and clean labelled texts.

    AG News texts are title and description joined by a space. The hub's "sst" is another set than
    the local one: it has two classes instead of five (without the neutral sentences), lower case,
    phrases of the sentences among its training texts, and no labels in its test split.
    A training text that occurs twice is kept once, with its first label. 123 of the 25,000 test
    reviews of IMDB also occur among its training texts. The built-in corpus replaces every set by
    another task: which of four libraries does a docstring describe?

    Args:
        corpus: "ag_news" (news, 4 topics), "imdb" (film reviews, 2 classes) or "sst" (sentences
            of film reviews, the Stanford Sentiment Treebank, 5 classes).
        source: "auto", "local", "hub" or "builtin", as in `resolve_source`.
        split: "train" or "test"; "sst" has "validation" too.
        seed: of the order of "imdb" and "sst", whose files are sorted by class. AG News and the
            built-in texts are mixed, and keep the order of their file.

    Returns:
        A `datasets.Dataset` with the columns `text` and `label`, a `ClassLabel` (ids 0 ... n - 1)
        with the names of the n classes.

    Raises:
        ValueError: an unknown corpus, source or split, a split that the source does not have, or
            a row whose label is none of the classes.
        FileNotFoundError: the directory in W2V_DATA lacks the file.
        ConnectionError: the hub does not answer, and its local cache does not hold the texts.

    Source: assignment section 4; Maas et al. 2011 (IMDB); Socher et al. 2013 (the treebank).
    """
    check_choice("corpus", corpus, tuple(LABELLED))
    this = LABELLED[corpus]
    check_choice("split", split, tuple(this.files))
    check_seed(seed)
    source = resolve_source(source, needs=(corpus,))
    splits = {"local": this.files, "hub": this.hub.splits, "builtin": ("train", "test")}[source]
    if split not in splits:
        raise ValueError(
            f"split must be one of {', '.join(map(repr, splits))} for {corpus!r} from"
            f" {source!r}, got {split!r}"
        )
    texts, labels, classes = _load(this, source, split)
    order = list(range(len(texts)))
    if split == "train":  # cleaned, some texts are equal; parts of them must share no text
        first = {texts[row]: row for row in reversed(order)}
        order = sorted(first.values())
    if this.sorted_by_class and source != "builtin":
        shuffled = torch.randperm(len(order), generator=torch.Generator().manual_seed(seed))
        order = [order[i] for i in shuffled.tolist()]
    return _dataset([texts[i] for i in order], [labels[i] for i in order], classes)


def split_labelled(
    corpus: str = "ag_news",
    source: str = "auto",
    *,
    n_valid: int = 5000,
    n_test: int = 5000,
    seed: int = 0,
) -> "tuple[Dataset, Dataset, Dataset, str]":
    """Split labelled texts into a training, a validation and a test part.

    The test part is the official test split if there is one. If the local directory lacks its
    file, a seeded part of the training rows is held out instead. No text is in two parts.

    Args:
        corpus: as in `load_labelled`.
        source: "auto", "local", "hub" or "builtin", as in `resolve_source`.
        n_valid: training rows for validation.
        n_test: training rows for the test, where there is no official test split.
        seed: of the parts.

    Returns:
        The training, validation and test texts, as `load_labelled` gives them; and
        "official test rows" or "held-out training rows".

    Raises:
        ValueError: `n_valid` and `n_test` leave no row to train on.
        FileNotFoundError: the directory in W2V_DATA lacks the file.

    Source: assignment section 4.
    """
    check_positive_int("n_valid", n_valid)
    check_positive_int("n_test", n_test)
    source = resolve_source(source, needs=(corpus,))
    rows = load_labelled(corpus, source).shuffle(seed=seed)
    if len(rows) <= n_valid + n_test:
        raise ValueError(
            f"n_valid and n_test must leave a row to learn from, got {n_valid!r} and {n_test!r} of "
            f"{len(rows)} rows"
        )
    valid, rest = range(n_valid), range(n_valid, len(rows))
    if source == "local" and not any(map(found_file, LABELLED[corpus].files.get("test", ()))):
        train, test = rest[:-n_test], rest[-n_test:]
        return rows.select(train), rows.select(valid), rows.select(test), "held-out training rows"
    official = load_labelled(corpus, source, split="test")
    known, texts = set(official["text"]), rows["text"]
    train, valid = ([i for i in part if texts[i] not in known] for part in (rest, valid))
    return rows.select(train), rows.select(valid), official, "official test rows"


def load_csv(path: str | os.PathLike, classes: Sequence[str]) -> "Dataset":
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


def _load(
    this: LabelledSet, source: str, split: str
) -> tuple[list[str], list[int], tuple[str, ...]]:
    """Load the texts, their labels and the names of the classes from one source."""
    if source == "builtin":
        return builtin.labelled(split)
    if source == "hub":
        found = from_hub(this.hub, split)
        rows = list(zip(found[this.hub.column], found["label"], strict=True))
        classes = this.hub.classes or this.classes
    else:
        path = find_file(*this.files[split])
        with open_text(path, newline="") as file:
            rows = list(this.read(file, path.name))
        classes = this.classes
    return [this.clean(text) for text, _ in rows], [label for _, label in rows], classes


def _dataset(texts: list[str], labels: list[int], classes: Sequence[str]) -> "Dataset":
    """Make a dataset that knows the names of the classes."""
    from datasets import ClassLabel, Dataset, Features, Value

    features = Features({"text": Value("string"), "label": ClassLabel(names=list(classes))})
    return Dataset.from_dict({"text": texts, "label": labels}, features=features)
