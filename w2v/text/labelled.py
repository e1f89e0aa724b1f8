"""Labelled texts: cleaned, with labels from 0, one function for every set (section 4)."""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

from w2v.checks import as_int, check_choice, check_positive_int, check_seed, checked, shown
from w2v.files import user_path
from w2v.text import builtin
from w2v.text.catalogue import LABELLED, LabelledSet
from w2v.text.sources import find_file, found_file, from_hub, read_lines, resolve_source
from w2v.text.tables import LabelledRow, find_columns, read_labelled, texts_and_labels
from w2v.text.tokens import as_documents

if TYPE_CHECKING:
    from datasets import Dataset
    from pandas import DataFrame


@checked
def load_labelled(
    corpus: str = "ag_news", source: str = "auto", *, split: str = "train", seed: int = 0
) -> "Dataset":
    """Load and clean labelled texts.

    AG News texts are title and description joined by a space. The hub's "sst" is another set than
    the local one. It has two classes instead of five, without the neutral sentences. Its texts are
    in lower case, phrases of the sentences are among them, and its test split has no labels.
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
    hub_splits = this.hub.splits if this.hub else ()
    splits = {"local": this.files, "hub": hub_splits, "builtin": ("train", "test")}[source]
    if not splits:
        raise ValueError(
            f"source must be 'local' for {corpus!r}, which the hub lacks; set W2V_DATA"
        )
    if split not in splits:
        raise ValueError(
            f"split must be one of {', '.join(map(repr, splits))} for {corpus!r} from"
            f" {source!r}, got {split!r}"
        )
    texts, labels, classes = _load(this, source, split)
    order = list(range(len(texts)))
    if split == "train":  # cleaned, some texts are equal; parts of them must share no text
        order = _first_of_equals(texts)
    if this.sorted_by_class and source != "builtin":
        shuffled = torch.randperm(len(order), generator=torch.Generator().manual_seed(int(seed)))
        order = [order[i] for i in shuffled.tolist()]
    return _dataset([texts[i] for i in order], [labels[i] for i in order], classes)


@checked
def split_labelled(
    corpus: "str | Dataset" = "ag_news",
    source: str = "auto",
    *,
    n_valid: int = 5000,
    n_test: int = 5000,
    seed: int = 0,
) -> "tuple[Dataset, Dataset, Dataset, str]":
    """Split labelled texts into a training, a validation and a test part.

    The test part is the official test split if there is one. If the local directory lacks its
    file, or the texts are your own, a seeded part of the training rows is held out instead. No
    text is in two parts.

    Args:
        corpus: as in `load_labelled`; or labelled texts of your own, as `load_csv` gives them. Of
            equal texts the first is kept; a printed line says how many were left out.
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
    n_valid = check_positive_int("n_valid", n_valid)
    n_test = check_positive_int("n_test", n_test)
    seed = check_seed(seed)
    official = None
    if isinstance(corpus, str):
        source = resolve_source(source, needs=(corpus,))
        rows = load_labelled(corpus, source)
        tests = LABELLED[corpus].files.get("test", ())
        if source != "local" or any(map(found_file, tests)):
            official = load_labelled(corpus, source, split="test")
    else:
        if not hasattr(corpus, "shuffle"):
            raise TypeError(f"corpus must be a name or a datasets.Dataset, got {shown(corpus)}")
        rows = _without_repeats(corpus)
    rows = rows.shuffle(seed=seed)
    held_out = n_valid + (0 if official else n_test)
    if len(rows) <= held_out:
        names = "n_valid" if official else "n_valid and n_test"
        given = n_valid if official else f"{n_valid} and {n_test}"
        raise ValueError(f"{names} must leave a row to learn from, got {given} of {len(rows)} rows")
    valid, rest = range(n_valid), range(n_valid, len(rows))
    if official is None:
        train, test = rest[:-n_test], rest[-n_test:]
        return rows.select(train), rows.select(valid), rows.select(test), "held-out training rows"
    known, texts = set(official["text"]), rows["text"]
    train, valid = ([i for i in part if texts[i] not in known] for part in (rest, valid))
    if not train or not valid:
        raise ValueError(
            "the training texts must differ from the official test texts, got "
            f"{len(train)} for training and {len(valid)} for validation that do"
        )
    return rows.select(train), rows.select(valid), official, "official test rows"


@checked
def load_csv(
    path: str | os.PathLike,
    classes: Sequence[str] | None = None,
    *,
    text: str | Sequence[str] | None = None,
    label: str | None = None,
) -> "Dataset":
    """Load labelled texts from a CSV file of your own.

    A header with usual names ("label", "class", "sentiment", ...; "text", "title", "review", ...)
    is recognised. Of other columns say the names. A file without header has the label in its first
    column; the others are joined to the text. Nothing is guessed: what could be read in two ways
    is an error that names the row.

    Args:
        path: a UTF-8 file, its cells separated by commas, packed by gzip or not.
        classes: the names of the classes. A label is a name, or its number. Numbers count from 0
            where a 0 occurs, from 1 where the number of classes occurs; else it is an error. Where
            a class has a number as its name, labels are names only. None, with a header: the
            labels of the file, sorted.
        text: the column of the text; or several, which are joined by a space.
        label: the column of the label.

    Returns:
        A `datasets.Dataset` with the columns `text` and `label`, as `load_labelled` gives it.

    Raises:
        ValueError: a row without text, with another label, or with more or fewer cells than the
            first; a quote that never closes; no header and no `classes`; a column that is none of
            the two; no row; or a file that is not UTF-8, cut or damaged.
        FileNotFoundError: there is no such file.

    Source: assignment section 4.
    """
    path = user_path(path)
    return _dataset(*read_labelled(read_lines(path), path.name, classes, text=text, label=label))


def load_frame(
    frame: "DataFrame",
    classes: Sequence[str] | None = None,
    *,
    text: str | Sequence[str] | None = None,
    label: str | None = None,
) -> "Dataset":
    """Load labelled texts from a pandas DataFrame.

    Args:
        frame: a row for each text.
        classes: as in `load_csv`.
        text: as in `load_csv`.
        label: as in `load_csv`.

    Returns:
        A `datasets.Dataset` with the columns `text` and `label`, as `load_labelled` gives it.

    Raises:
        TypeError: something that is not a DataFrame, for example one of its columns.
        ValueError: as `load_csv`; a missing label, or a text that is missing or no string.
    """
    if getattr(frame, "ndim", 0) != 2 or not hasattr(frame, "columns"):
        raise TypeError(f"frame must be a pandas DataFrame, got {type(frame).__name__}")
    if isinstance(text, (list, tuple)):
        text = list(map(str, text))
    label = None if label is None else str(label)
    label, texts = find_columns("frame", list(map(str, frame.columns)), text, label)
    cells = frame.set_axis(list(map(str, frame.columns)), axis=1)[[label, *texts]]
    cells = cells.astype(object).where(cells.notna(), None)
    rows = [
        LabelledRow(f"row {row[0]!r} of frame", row[1], row[2:])
        for row in cells.itertuples(name=None)
    ]
    return _dataset(*texts_and_labels(rows, "frame", classes))


def _first_of_equals(texts: Sequence[str]) -> list[int]:
    """Find the first row of each text that occurs."""
    first = {texts[row]: row for row in reversed(range(len(texts)))}
    return sorted(first.values())


def _without_repeats(rows: "Dataset") -> "Dataset":
    """Keep the first of equal texts, and say how many were left out."""
    rows = as_documents(rows)
    if "label" not in rows.column_names:
        raise ValueError(f"corpus must have a column 'label', got {rows.column_names}")
    texts, labels = rows["text"][:], rows["label"][:]
    for row, (text, label) in enumerate(zip(texts, labels, strict=True)):
        if not isinstance(text, str) or as_int(label) is None:
            raise TypeError(
                "corpus must hold strings with integers as labels, got "
                f"{shown(text)} with {shown(label)} in row {row} (from 0)"
            )
    kept = _first_of_equals(texts)
    label_of = {texts[i]: labels[i] for i in kept}
    n_other = sum(label_of[text] != label for text, label in zip(texts, labels, strict=True))
    if len(kept) < len(rows):
        print(
            f"{len(rows) - len(kept)} texts that occur again were left out, "
            f"{n_other} of them with another label than the first."
        )
    return rows.select(kept)


def _load(
    this: LabelledSet, source: str, split: str
) -> tuple[list[str], list[int], tuple[str, ...]]:
    """Load the texts, their labels and the names of the classes from one source."""
    if source == "builtin":
        return builtin.labelled(split)
    if source == "hub" and this.hub:
        found = from_hub(this.hub, split)
        rows = list(zip(found[this.hub.column], found["label"], strict=True))
        classes = this.hub.classes or this.classes
    else:
        path = find_file(*this.files[split])
        rows = list(this.read(read_lines(path), path.name))
        classes = this.classes
    return [this.clean(text) for text, _ in rows], [label for _, label in rows], classes


def _dataset(texts: list[str], labels: list[int], classes: Sequence[str]) -> "Dataset":
    """Make a dataset that knows the names of the classes."""
    from datasets import ClassLabel, Dataset, Features, Value

    features = Features({"text": Value("string"), "label": ClassLabel(names=list(classes))})
    return Dataset.from_dict({"text": texts, "label": labels}, features=features)
