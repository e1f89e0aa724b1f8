"""Labelled texts: cleaned, with labels from 0, one function for every set (section 4)."""

import csv
import os
from pathlib import Path

from w2v import builtin
from w2v.cleaning import clean_ag_news
from w2v.config import check_choice, check_positive_int
from w2v.sources import find_file, found_file, from_hub, open_text, resolve_source

LABELLED = {
    "ag_news": {
        "classes": ("World", "Sports", "Business", "Sci/Tech"),
        "files": {
            "train": ("ag_news/train.csv", "ag_news/train_partial.csv"),
            "test": ("ag_news/test.csv",),  # or .csv.gz
        },
    },
}


def load_labelled(name: str = "ag_news", source: str = "auto", *, split: str = "train"):
    """Load labelled texts, cleaned, in the order of their file.

    AG News texts are title and description joined by a space; a training text that occurs twice
    is kept once, with its first label. The built-in corpus stands in with a
    question of its own: which of four libraries does a docstring describe?

    Args:
        name: "ag_news".
        source: "auto", "local", "hub" or "builtin", as in `resolve_source`.
        split: "train" or "test".

    Returns:
        A `datasets.Dataset` with the columns `text` and `label`, a `ClassLabel` (ids 0 ... n - 1)
        that knows the names of the n classes.

    Raises:
        ValueError: an unknown name, source or split, or a row whose label is none of the classes.
        FileNotFoundError: the directory in W2V_DATA lacks the file.
        ConnectionError: the hub neither answers nor has the texts in its local cache.

    Source: assignment section 4.
    """
    check_choice("name", name, tuple(LABELLED))
    check_choice("split", split, ("train", "test"))
    source = resolve_source(source, needs=(name,))
    classes = LABELLED[name]["classes"]
    if source == "builtin":
        texts, labels, classes = builtin.labelled(split)
    elif source == "local":
        texts, labels = _local_csv(find_file(*LABELLED[name]["files"][split]), len(classes))
    else:
        rows = from_hub(name, split)
        texts, labels = rows["text"], list(rows["label"])
    if source != "builtin":
        texts = [clean_ag_news(text) for text in texts]
    if split == "train":  # once cleaned, some texts are the same: a held-out part must share none
        first = {text: row for row, text in reversed(list(enumerate(texts)))}
        texts, labels = zip(*((texts[i], labels[i]) for i in sorted(first.values())), strict=True)
    return _dataset(texts, labels, classes)


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


def _dataset(texts, labels, classes):
    """Put texts and labels into a `datasets.Dataset` that knows the names of the classes."""
    from datasets import ClassLabel, Dataset, Features, Value

    features = Features({"text": Value("string"), "label": ClassLabel(names=list(classes))})
    return Dataset.from_dict({"text": list(texts), "label": list(labels)}, features=features)


def _local_csv(path: Path, n_classes: int) -> tuple[list[str], list[int]]:
    """Read rows of class (1 ... n), title, description: texts, and labels 0 ... n - 1."""
    texts, labels = [], []
    with open_text(path, newline="") as file:
        for number, row in enumerate(csv.reader(file), start=1):
            known = [str(label) for label in range(1, n_classes + 1)]
            if len(row) != 3 or row[0] not in known:
                raise ValueError(
                    f"row {number} of {path.name} must be class (1 to {n_classes}), title,"
                    f" description, got {row!r:.80}"
                )
            texts.append(f"{row[1]} {row[2]}".strip())
            labels.append(int(row[0]) - 1)
    return texts, labels
