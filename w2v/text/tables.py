"""Read labelled tables: CSV files and DataFrames, row by row, without guessing.

Every fault is one `ValueError` that names the file, the row and the reason. Rows are counted as a
spreadsheet counts them: the header is row 1, and a blank line is a row, too.
"""

import csv
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np

from w2v.checks import is_table, shown

# Without names for the columns, a first row that holds one of the first and at least one of the
# second names is a header.
LABEL_NAMES = ("label", "labels", "class", "class index", "category", "sentiment", "target")
TEXT_NAMES = ("text", "texts", "title", "description", "body", "headline", "content", "sentence")
TEXT_NAMES += ("review", "document", "subject", "message", "tweet", "comment")

# What pandas and spreadsheets write for a cell without a value.
MISSING = ("na", "n/a", "#n/a", "<na>", "nan", "null", "none")

_FIELD_LIMIT = 2**31 - 1  # letters of a cell; the csv module alone stops at 131,072
_INTEGER = re.compile(r"([+-]?\d{1,1000})(\.0*)?")  # Python reads no number of 5,000 digits
_FRACTION = re.compile(r"[+-]?\d*[.,]\d+")


@dataclass(frozen=True)
class LabelledRow:
    """Hold the label and the texts of a row, and where it stands.

    Args:
        where: the row and its file, for messages.
        label: the cell of the label.
        texts: the cells that are joined to the text.
    """

    where: str
    label: Any
    texts: Sequence[Any]


def read_rows(lines: Iterable[str], name: str) -> list[tuple[int, list[str]]]:
    """Read the rows of a CSV file; blank lines are skipped.

    Args:
        lines: the lines of the file, with their line ends.
        name: of the file, for messages.

    Returns:
        The number of each row and its cells, without spaces around them.

    Raises:
        ValueError: a quote that never closes, a row with more or fewer cells than the first, or
            a file that holds no row.
    """
    reader = csv.reader(lines, strict=True, skipinitialspace=True)
    rows, number = [], 0
    limit = csv.field_size_limit(_FIELD_LIMIT)
    try:
        while True:
            number += 1
            try:
                row = [cell.strip() for cell in next(reader)]
            except StopIteration:
                break
            except csv.Error as error:
                raise ValueError(f"row {number} of {name} must {_cure(error)}") from None
            if row not in ([], [""]):
                rows.append((number, row))
    finally:
        csv.field_size_limit(limit)
    if not rows:
        raise ValueError(f"{name} must hold a labelled text, got none")
    first, width = rows[0][0], len(rows[0][1])
    for number, row in rows:
        if width < 2 or len(row) != width:
            wanted = "two cells or more" if width < 2 else f"as many cells as row {first}, {width}"
            cure = "put a text that holds a comma into double quotes"
            if re.search(r"[;\t|]", row[0]):
                cure = "separate the cells by commas"
            raise ValueError(
                f"row {number} of {name} must have {wanted}, got {len(row)}: {shown(row)}; {cure}"
            )
    return rows


def _cure(error: csv.Error) -> str:
    """Say what the csv module misses in a row."""
    if "unexpected end" in str(error):
        return "close each quote that opens a cell, got no closing quote before the file ends"
    if "expected after" in str(error):
        return 'end a cell after its closing quote; write a quote inside a cell twice ("")'
    return f"be a row of CSV; {error}"


def read_labelled(
    lines: Iterable[str],
    name: str,
    classes: Sequence[str] | None,
    *,
    text: str | Sequence[str] | None = None,
    label: str | None = None,
    first: int | None = None,
) -> tuple[list[str], list[int], list[str]]:
    """Read the texts and labels of a CSV file.

    Args:
        lines: the lines of the file, with their line ends.
        name: of the file, for messages.
        classes: the names of the classes; None takes the labels that the file holds.
        text: the column of the text, or several that are joined; None finds them.
        label: the column of the label; None finds it.
        first: the number of the first class, 0 or 1; None finds it.

    Returns:
        The texts, their labels (0 ... n - 1), and the names of the n classes.

    Raises:
        ValueError: what `load_csv` refuses.
    """
    classes = None if classes is None else check_classes(classes)
    if name.removesuffix(".gz").endswith((".json", ".jsonl")):
        raise ValueError(
            f"{name} must be a CSV file; read it with pandas.read_json(path, lines=True), "
            "and pass the frame to load_frame"
        )
    rows = read_rows(lines, name)
    first_row, header = rows[0]
    folded = [cell.casefold() for cell in header]
    is_header = any(cell in LABEL_NAMES for cell in folded) and any(
        cell in TEXT_NAMES for cell in folded
    )
    if is_header or text is not None or label is not None:
        label, texts = find_columns(name, header, text, label)
        if label in (classes or ()):
            raise ValueError(
                f"row {first_row} of {name} must be a header or a text, got {shown(header)}, which "
                "may be both; name the column of the label, or the class, otherwise"
            )
        place, places = header.index(label), [header.index(column) for column in texts]
        rows = rows[1:]
        for number, row in rows:
            if row == header:
                raise ValueError(f"row {number} of {name} must hold a text, got the header again")
    elif classes is None:
        raise ValueError(
            f"row {first_row} of {name} must be a header with the columns label and text, "
            f"got {shown(header)}; name the columns, or give the classes of a file without header"
        )
    else:
        place, places = 0, list(range(1, len(header)))
    found = [
        LabelledRow(f"row {number} of {name}", row[place], [row[i] for i in places])
        for number, row in rows
    ]
    has_header = not rows or rows[0][0] != first_row
    return texts_and_labels(found, name, classes, first=first, has_header=has_header)


def find_columns(
    name: str, header: Sequence[str], text: str | Sequence[str] | None, label: str | None
) -> tuple[str, list[str]]:
    """Find the column of the label and those of the text.

    Args:
        name: of the file, for messages.
        header: the names of the columns.
        text: the column of the text, or several; None finds them.
        label: the column of the label; None finds it.

    Returns:
        The column of the label, and the columns of the text in the order in which they are joined.

    Raises:
        ValueError: a name that is not there or is there twice, or a column of which it is not
            known whether it is text.
    """
    columns = ", ".join(map(repr, header))
    if len(set(header)) < len(header):
        raise ValueError(f"{name} must name each column once, got {columns}")
    labels = [column for column in header if column.casefold() in LABEL_NAMES]
    if label is None and len(labels) != 1:
        raise ValueError(
            f"{name} must have one column of labels, got {columns}; name it: label='...'"
        )
    label = labels[0] if label is None else label
    if text is None:
        texts = [column for column in header if column != label]
        unknown = [column for column in texts if column.casefold() not in TEXT_NAMES]
        if unknown and len(texts) > 1:
            raise ValueError(
                f"{name} must have no column beside label and text, got {columns}; "
                "name the columns to read: text='...', label='...'"
            )
    else:
        several = not isinstance(text, str) and hasattr(text, "__iter__")
        texts = list(text) if several else [str(text)]
    for column in (label, *texts):
        if column not in header:
            raise ValueError(f"{name} must have a column {shown(column)}, got {columns}")
    if not texts or label in texts:
        raise ValueError(f"{name} must have a column of text beside {label!r}, got {columns}")
    return label, texts


def texts_and_labels(
    rows: Sequence[LabelledRow],
    name: str,
    classes: Sequence[str] | None,
    *,
    first: int | None = None,
    has_header: bool = True,
) -> tuple[list[str], list[int], list[str]]:
    """Check labels and texts, and number the labels from 0.

    A label is the name of a class, or its number. Numbers count from 0 where a 0 occurs, and from 1
    where the number of classes occurs. Where a class has a number as its name, labels are names
    only. A whole number may be written as 1, 01 or 1.0.

    Args:
        rows: at least one.
        name: of the file, for messages.
        classes: the names of the classes; None takes the labels that the rows have, sorted, and
            prints them.
        first: the number of the first class, 0 or 1; None finds it as said above.
        has_header: if not, the message about the first row's label says that it may be one.

    Returns:
        The texts, their labels (0 ... n - 1), and the names of the n classes.

    Raises:
        TypeError: `classes` is a string.
        ValueError: no row, an empty text, a text that is no string, a label that is none of the
            classes or that is missing, numbers that may count from 0 or from 1, two labels that
            differ in their spelling only, or classes that are fewer than two or not different.
    """
    if not rows:
        raise ValueError(f"{name} must hold a labelled text, got none")
    labels, texts = [_label(row) for row in rows], [_text(row) for row in rows]
    if classes is None:
        _check_spelling(rows, labels)
        are_numbers = all(_INTEGER.fullmatch(label) for label in labels)
        classes = sorted(set(labels), key=int if are_numbers else None)
        if len(classes) < 2:
            raise ValueError(f"{name} must hold labels of two classes or more, got {classes!r}")
        print(f"{name}: {len(classes)} classes, {', '.join(classes):.200}.")
    classes = check_classes(classes)
    ids = {label: i for i, label in enumerate(classes)}
    wanted, numbers, is_known = f"one of {', '.join(classes)}", set(), True
    if not any(map(_INTEGER.fullmatch, classes)):
        numbers = {int(label) for label in labels if _INTEGER.fullmatch(label)}
        is_known = first is not None or not numbers or 0 in numbers or max(numbers) >= len(classes)
        first = (0 if 0 in numbers else 1) if first is None else first
        ids |= {str(first + i): i for i in range(len(classes))}
        wanted = f"{first} to {first + len(classes) - 1}, or {wanted}"
    for row, label in zip(rows, labels, strict=True):
        if label not in ids:
            header = not has_header and row is rows[0] and not _INTEGER.fullmatch(label)
            raise ValueError(
                f"{row.where} must have a label of {wanted:.200}, got {shown(label)}"
                f"{'; name the columns if that row is a header' if header else ''}"
            )
    if not is_known:
        raise ValueError(
            f"labels of {name} must hold a 0 or a {len(classes)}, got "
            f"{', '.join(map(str, sorted(numbers))):.80}, which may count from 0 or from 1; write "
            "the names of the classes instead"
        )
    return texts, [ids[label] for label in labels], classes


def check_classes(classes: Sequence[str]) -> list[str]:
    """Refuse names of classes that are not different, or fewer than two.

    Args:
        classes: the names; numbers become their digits.

    Returns:
        The names as strings.

    Raises:
        TypeError: one string.
        ValueError: fewer than two names, an empty name, or a name given twice.
    """
    is_ordered = hasattr(classes, "__iter__") and not isinstance(classes, (str, set, frozenset))
    if not is_ordered or is_table(classes) or getattr(classes, "shape", None) == ():
        raise TypeError(f"classes must be a list of names, got {shown(classes)}")
    names = ["" if name is None else _class_name(name) for name in classes]
    if len(names) < 2 or len(set(names)) < len(names) or not all(names):
        raise ValueError(f"classes must be two different names or more, got {names!r:.200}")
    if any("\ud800" <= letter <= "\udfff" for name in names for letter in name):
        raise ValueError(f"classes must be names in Unicode, got {names!r:.200}")
    return names


def _label(row: LabelledRow) -> str:
    """Give the label of a row as a string."""
    label = row.label
    if not isinstance(label, (str, Real, np.bool_)):
        raise ValueError(f"{row.where} must have a label, a string or an integer, got {label!r}")
    name = _class_name(label)
    if not name:
        raise ValueError(f"{row.where} must have a label, got {label!r} and {shown(row.texts)}")
    if "." in name and not isinstance(label, str):
        raise ValueError(f"{row.where} must have a label, a string or an integer, got {label!r}")
    return name


def _class_name(label: Any) -> str:
    """Give a label without spaces around it; a whole number, however it is written, as digits."""
    name = str(label).strip()
    match = _INTEGER.fullmatch(name)
    return str(int(match[1])) if match else name


def _check_spelling(rows: Sequence[LabelledRow], labels: Sequence[str]) -> None:
    """Refuse labels that would become classes by accident: misspelt, missing, or fractions."""
    if len({isinstance(row.label, (bool, np.bool_)) for row in rows}) == 2:
        raise ValueError(
            f"labels must all be True or False, or none of them, got {shown(rows[0].label)} in "
            f"{rows[0].where}, and others; if they are classes, name the classes"
        )
    seen: dict[str, tuple[str, str]] = {}
    for row, label in zip(rows, labels, strict=True):
        if label.casefold() in MISSING or _FRACTION.fullmatch(label):
            raise ValueError(
                f"{row.where} must have a label, got {label!r}; if it is a class, name the classes"
            )
        letters = unicodedata.normalize("NFKC", label).casefold()  # two ways to write an accent
        letters = " ".join("".join(filter(str.isprintable, letters)).split())
        other, where = seen.setdefault(letters, (label, row.where))
        if label != other:
            raise ValueError(
                f"{row.where} must spell a label as the other rows do, got {label!r} and, in "
                f"{where}, {other!r}; if they are two classes, name the classes"
            )


def _text(row: LabelledRow) -> str:
    """Join the texts of a row, None among them left out."""
    cells = [cell for cell in row.texts if cell is not None]
    for cell in cells:
        if not isinstance(cell, str):
            raise ValueError(f"{row.where} must have a string as its text, got {shown(cell)}")
        if any("\ud800" <= letter <= "\udfff" for letter in cell):
            raise ValueError(f"{row.where} must have a text of Unicode, got {shown(cell)}")
    text = " ".join(cell.strip() for cell in cells if cell.strip())
    if not any(letter.isprintable() and letter != " " for letter in text):  # nothing to be seen
        raise ValueError(f"{row.where} must have a text, got {shown(list(row.texts))}")
    return text
