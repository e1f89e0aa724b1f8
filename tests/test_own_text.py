"""Own text: what a file or a DataFrame of a user holds is read right, or refused with its row."""

import bz2
import codecs
import csv
import gzip
import io
import lzma
import re
import subprocess
import sys
import time
from dataclasses import replace
from unittest.mock import Mock

import datasets
import numpy as np
import pandas
import pytest
from text_files import ROOT, write

import w2v
from w2v import __main__ as command
from w2v.text.corpus import load_texts, preprocess
from w2v.text.labelled import load_csv, load_frame, split_labelled
from w2v.text.tokens import tokenize
from w2v.text.vocabulary import Vocabulary

CLASSES = ["World", "Sports"]


@pytest.fixture
def read(tmp_path):
    """Write some bytes or text to a CSV file, and load it."""

    def write_and_load(content, classes=CLASSES, name="some.csv", **columns):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        rows = load_csv(path, classes, **columns)
        return list(zip(rows["text"], rows["label"], strict=True))

    return write_and_load


# A CSV: read right

TWO = [("first, text", 0), ("second", 1)]


@pytest.mark.parametrize(
    "content",
    [
        '1,"first, text"\n2,second\n',
        'World,"first, text"\nSports,second\n',
        '0,"first, text"\n1,second\n',
        '1, "first, text"\n2 ,  second  \n',  # spaces around the cells
        '1,"first, text"\r\n2,second\r\n',
        '1,"first, text"\r2,second',
        '\n1,"first, text"\n\n  \n2,second\n\n\n',  # blank lines
        '\ufeff1,"first, text"\n2,second\n',
        'label,text\n0,"first, text"\nSports,second\n',
        'Text,Label\n"first, text",World\nsecond,Sports\n',
        'class,title,description\n1,"first,",text\n2,,second\n',
        '\ufeff"Class Index","Title"\n1,"first, text"\n2,"second"\n',
        'sentiment,review\n"0","first, text"\n"1","second"\n',
    ],
)
def test_each_usual_form_of_a_csv_gives_the_same_rows(read, content):
    assert read(content) == TWO
    assert read(gzip.compress(content.encode()), name="some.csv.gz") == TWO


def test_the_bytes_say_whether_a_file_is_packed_and_not_its_name(read):
    assert read(gzip.compress(b'1,"first, text"\n2,second\n')) == TWO
    assert read('1,"first, text"\n2,second\n', name="some.csv.gz") == TWO


def test_a_text_is_left_as_it_is(read):
    text = 'He said "no" &lt;b&gt; #39;s \\ <br /> 5" café 狗\nnew line'
    content = io.StringIO()
    csv.writer(content).writerows([["1", text], ["2", "NA"], ["2", "None"], ["1", "007"]])
    assert [found for found, _ in read(content.getvalue())] == [text, "NA", "None", "007"]


def test_a_cell_may_be_longer_than_the_csv_module_takes(read):
    assert len(read("0," + "word " * 30_000 + "\n")[0][0]) == 149_999
    assert csv.field_size_limit() == 131_072  # as the module has it


def test_columns_are_named_and_joined_in_that_order(read):
    content = "id,topic,head,note\n7,World,second,first\n8,Sports,c,d\n"
    columns = {"text": ["note", "head"], "label": "topic"}
    assert read(content, **columns) == [("first second", 0), ("d c", 1)]
    assert read(content, text="note", label="topic") == [("first", 0), ("d", 1)]


@pytest.mark.parametrize(
    ("labels", "classes"),
    [
        (["b", "a", "b"], ["a", "b"]),
        (["10", "9", "2"], ["2", "9", "10"]),
        (["10", "9", "x"], ["10", "9", "x"]),
        (["0", "1", "0"], ["0", "1"]),
    ],
)
def test_classes_are_found_sorted_and_said(tmp_path, capsys, labels, classes):
    write(tmp_path / "own.csv", "label,text\n" + "".join(f"{label},t\n" for label in labels))
    rows = load_csv(tmp_path / "own.csv")
    assert rows.features["label"].names == classes
    assert [classes[i] for i in rows["label"]] == labels
    assert capsys.readouterr().out == f"own.csv: {len(classes)} classes, {', '.join(classes)}.\n"


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ("1 2", [0, 1]),
        ("0 1", [0, 1]),
        ("2 2", [1, 1]),
        ("0 Sports", [0, 1]),
        ("1.0 02", [0, 1]),  # as pandas and spreadsheets write whole numbers
    ],
)
def test_numbers_count_from_zero_or_from_one(read, labels, expected):
    rows = read("".join(f"{label},text\n" for label in labels.split()))
    assert [label for _, label in rows] == expected


@pytest.mark.parametrize("labels", ["1", "1 1", "World 1"])
def test_numbers_that_may_count_from_zero_or_from_one_are_refused(read, labels):
    message = "labels of some.csv must hold a 0 or a 2, got 1, which may count from 0 or from 1"
    with pytest.raises(ValueError, match=message):
        read("".join(f"{label},text\n" for label in labels.split()))


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ("True true", "row 3 .* must spell a label .* got 'true' and, in row 2 .* 'True'"),
        ("x X y", "row 3 .* got 'X' and, in row 2 of own.csv, 'x'; if they are two classes"),
        ("a b NA", "row 4 of own.csv must have a label, got 'NA'; if it is a class, name"),
        ("1 2 nan", "row 4 of own.csv must have a label, got 'nan'"),
        ("0.5 1 0", "row 2 of own.csv must have a label, got '0.5'; if it is a class, name"),
        ("0 1 .25", "row 4 of own.csv must have a label, got '.25'"),
        ("caf\u00e9 tea cafe\u0301", "row 4 of own.csv must spell a label as the other rows do"),
        ("x x\u200b y", "row 3 of own.csv must spell a label as the other rows do"),
    ],
)
def test_a_label_that_is_a_class_by_accident_is_refused(tmp_path, labels, message):
    lines = [f"{label},text {i}" for i, label in enumerate(labels.split())]
    path = tmp_path / "own.csv"
    path.write_text("\n".join(["label,text", *lines]))
    with pytest.raises(ValueError, match=message):
        w2v.load_csv(path)
    named = w2v.load_csv(path, list(dict.fromkeys(labels.split())))  # they are classes if named so
    assert len(named) == len(lines)


def test_labels_that_differ_in_their_spaces_are_refused():
    frame = pandas.DataFrame({"label": ["x y", "x  y", "z"], "text": ["a", "b", "c"]})
    with pytest.raises(ValueError, match="row 1 of frame must spell a label as the other rows do"):
        w2v.load_frame(frame)


def test_a_label_of_very_many_digits_is_a_name():
    frame = pandas.DataFrame({"label": ["9" * 5000, "1"], "text": ["a", "b"]})
    assert w2v.load_frame(frame).features["label"].names == ["1", "9" * 5000]


def test_a_frame_and_a_csv_take_the_same_labels(tmp_path):
    frame = pandas.DataFrame({"label": [1.0, 2.0, 1.0], "text": ["a", "b", "c"]})
    frame.to_csv(tmp_path / "own.csv", index=False)
    for rows in (w2v.load_frame(frame), w2v.load_csv(tmp_path / "own.csv")):
        assert rows.features["label"].names == ["1", "2"]
        assert rows["label"][:] == [0, 1, 0]


def test_a_frame_without_names_is_read_by_the_numbers_of_its_columns():
    frame = pandas.DataFrame({0: ["a", "b"], 1: ["x", "z"], 2: ["y", "w"]})
    rows = w2v.load_frame(frame, label=0, text=[1, 2])
    assert rows["text"][:] == ["x y", "z w"] and rows["label"][:] == [0, 1]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"text": ["a", None, "c"], "label": [0, 1, 0]}, "got None with 1 in row 1"),
        ({"text": ["a", "b", "c"], "label": [0, 1, None]}, "got 'c' with None in row 2"),
        ({"text": ["a", "b", "c"], "label": ["x", "y", "x"]}, "got 'a' with 'x' in row 0"),
        ({"text": ["a", "b", "c"], "labels": [0, 1, 0]}, "corpus must have a column 'label'"),
        ({"words": ["a", "b", "c"], "label": [0, 1, 0]}, "must have a column 'text'"),
    ],
)
def test_own_rows_that_are_no_labelled_texts_are_not_split(columns, message):
    with pytest.raises((TypeError, ValueError), match=message):
        split_labelled(datasets.Dataset.from_dict(columns), n_valid=1, n_test=1)


@pytest.mark.parametrize("read", [load_csv, load_texts])
def test_an_address_of_the_web_is_no_file(read):
    with pytest.raises(ValueError, match="path must be a file here, got 'https://.*; download it"):
        read("https://example.org/my.txt")


def test_lines_of_json_are_no_csv(tmp_path):
    path = tmp_path / "my.jsonl"
    write(path, '{"text": "a b", "label": "x"}\n')
    with pytest.raises(ValueError, match="my.jsonl must be a CSV file; read it with"):
        load_csv(path)


def test_a_column_in_place_of_a_frame_is_refused():
    with pytest.raises(TypeError, match="frame must be a pandas DataFrame, got Series"):
        w2v.load_frame(pandas.Series(["a", "b"]))


def test_texts_that_occur_again_are_left_out_and_counted(capsys):
    texts = ["a", "b", "a", "c", "a", "d"]
    frame = pandas.DataFrame({"text": texts, "label": ["x", "x", "y", "y", "x", "y"]})
    parts = w2v.split_labelled(w2v.load_frame(frame), n_valid=1, n_test=1)[:3]
    assert sorted(text for part in parts for text in part["text"]) == ["a", "b", "c", "d"]
    said = "2 texts that occur again were left out, 1 of them with another label than the first.\n"
    assert capsys.readouterr().out.endswith(said)


def test_where_classes_are_named_by_digits_a_label_is_a_name(read):
    assert read("2,a\n1,b\n", ["2", "1"]) == [("a", 0), ("b", 1)]
    with pytest.raises(
        ValueError, match="row 3 of some.csv must have a label of one of 0, .* '10'"
    ):
        read("0,zero\n9,nine\n10,ten\n", [str(i) for i in range(10)])
    with pytest.raises(ValueError, match="row 1 .* one of 2020, 2021, got '1'"):
        read("1,a\n", ["2020", "2021"])


# A CSV: refused, with the file, the row and the reason


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('1,"an open quote\n2,second\n1,third\n', "row 1 of some.csv must close each quote"),
        ('1,a\n2,"open\n', "row 2 of some.csv must close each quote"),
        ('1,"open\n2,"second"\n', r"row 1 of some.csv must end a cell after its closing quote"),
        ('1,"he said \\"no\\""\n', r"row 1 of some.csv must end .* inside a cell twice \(\"\"\)"),
        ("1,a\n2,b,c\n", "row 2 of some.csv must have as many cells as row 1, 2, got 3: .*comma"),
        ("1,a\n\n2\n", "row 3 of some.csv must have as many cells as row 1, 2, got 1"),
        ("1;a\n2;b\n", "row 1 of some.csv must have two cells or more, .* by commas"),
        ("label\ttext\n1\ta, b\n", "row 1 of some.csv must have .* by commas"),
        ("a\nb\n", "row 1 of some.csv must have two cells or more, got 1"),
        ("1,a\n3,b\n", "row 2 of some.csv must have a label of 1 to 2, or one of World,.* got '3'"),
        ("1,a\n,b\n", r"row 2 of some.csv must have a label, got '' and \['b'\]"),
        ("0,a\n2,b\n", "row 2 of some.csv must have a label of 0 to 1, .*, got '2'"),
        ("1.5,a\n2.0,b\n", "row 1 of some.csv must have a label of 1 to 2, .*, got '1.5'"),
        ("sports,a\n2,b\n", "row 1 of .* got 'sports'; name the columns if that row is a header"),
        ("topic,news\n1,a\n", "row 1 of some.csv .* got 'topic'; name the columns"),
        ("1,\n2,b\n", "row 1 of some.csv must have a text"),
        ("1,a\n2,\n", r"row 2 of some.csv must have a text, got \[''\]"),
        ("1,a\n2,  \n", "row 2 of some.csv must have a text"),
        ("1,a\n2,\u200b\u200d \n", "row 2 of some.csv must have a text"),
        ("label,text\n1,a\n2,\n", "row 3 of some.csv must have a text"),
        (
            "label,text,more\n1,a,b\n",
            "some.csv must have no column beside label and text, .*'more'",
        ),
        ("id,text,label\n1,a,1\n", "some.csv must have no column beside label and text, got 'id'"),
        (",label,text\n0,1,a\n", "some.csv must have no column beside label and text, got ''"),
        ("label,class,text\n1,2,a\n", "some.csv must have one column of labels, got 'label', 'cl"),
        ("label,text,text\n1,a,b\n", "some.csv must name each column once"),
        ("label,text\n1,a\nlabel,text\n2,b\n", "row 3 of some.csv must hold a text, got the head"),
        ("label,text\n", "some.csv must hold a labelled text, got none"),
        ("", "some.csv must hold a labelled text, got none"),
        ("\n\n", "some.csv must hold a labelled text, got none"),
        (codecs.BOM_UTF8, "some.csv must hold a labelled text, got none"),
        ("1,a\n2,b\0c\n", "line 2 of some.csv must be UTF-8 text, got a NUL byte"),
        ("1,a\n2,caf\u00e9\n".encode("latin-1"), r"line 2 of some.csv must be UTF-8.*b'\\xe9'"),
        ("1,a\n2,b\n".encode("utf-16"), "line 1 of some.csv must be UTF-8 text, .*save"),
        ("1,a\n2,b\n".encode("utf-16-le"), "line 1 of some.csv must be UTF-8 text"),
        ("1,a\n".encode("utf-32"), "line 1 of some.csv must be UTF-8 text"),
        (bytes(range(256)), "line . of some.csv must be UTF-8 text"),
    ],
)
def test_a_faulty_csv_is_one_error_that_names_the_place(read, content, message):
    with pytest.raises(ValueError, match=message):
        read(content)


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252"])
def test_the_line_of_another_encoding_is_found_far_inside(read, encoding):
    content = "".join(f"1,text {i}\n" for i in range(20_000)) + "2,caf\u00e9\n"
    with pytest.raises(ValueError, match="line 20001 of some.csv must be UTF-8"):
        read(content.encode(encoding))


def damaged(packed):
    middle = len(packed) // 2
    return packed[:middle] + bytes(byte ^ 255 for byte in packed[middle : middle + 9]) + packed[-9:]


PACKED = gzip.compress("".join(f"1,text {i}\n" for i in range(999)).encode())


@pytest.mark.parametrize(
    "content",
    [PACKED[:-1], PACKED[: len(PACKED) // 2], PACKED[:5], PACKED[:1], damaged(PACKED)],
    # the time of packing is in the bytes, and the test processes must agree on the names of tests
    ids=["without its last byte", "half", "five bytes", "one byte", "nine bytes wrong"],
)
def test_a_cut_or_damaged_gz_is_refused_by_name(read, data, content):
    message = "must be a complete .gz file, got one that is cut or damaged .* again"
    with pytest.raises(ValueError, match=f"some.csv.gz {message}"):
        read(content, name="some.csv.gz")
    (data / "ag_news/train_partial.csv.gz").write_bytes(content)
    with pytest.raises(ValueError, match=f"train_partial.csv.gz {message}"):
        w2v.load_labelled("ag_news", "local")
    (data / "wikitext-2-v1/wiki.train.tokens.gz").write_bytes(content)
    with pytest.raises(ValueError, match=f"wiki.train.tokens.gz {message}"):
        w2v.load_documents("wikitext-2", "local")


@pytest.mark.parametrize("mark", [b"\xff", b"\0"])
def test_a_damaged_gz_is_not_taken_for_another_encoding(read, mark):
    packed = bytearray(gzip.compress(b"1,a\n2,b%s\n" % mark))
    with pytest.raises(ValueError, match="line 2 of some.csv.gz must be UTF-8 text"):
        read(bytes(packed), name="some.csv.gz")
    packed[-8] ^= 1  # of the checksum
    with pytest.raises(ValueError, match="some.csv.gz must be a complete .gz file"):
        read(bytes(packed), name="some.csv.gz")


def test_a_damaged_tokenizer_of_the_directory_is_refused_by_name(data):
    (data / "bert-base-uncased/tokenizer.json").write_text('{"version": "1.0", "trunc')
    with pytest.raises(ValueError, match="bert-base-uncased' must hold the complete files"):
        w2v.load_tokenizer("local")


def test_a_path_that_is_no_file_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="path must be an existing file, got .*none.csv"):
        load_csv(tmp_path / "none.csv", CLASSES)
    with pytest.raises(FileNotFoundError, match="path must be an existing file, .*a directory"):
        load_csv(tmp_path, CLASSES)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"text": "review", "label": "topic"}, "must have a column 'review', got 'topic', 'news'"),
        ({"label": "topic", "text": "topic"}, "must have a column of text beside 'topic'"),
        ({"text": "news"}, "must have one column of labels, got .*; name it: label="),
        ({"label": "topic", "text": []}, "must have a column of text beside 'topic'"),
    ],
)
def test_a_column_that_is_not_there_is_refused(read, columns, message):
    with pytest.raises(ValueError, match=message):
        read("topic,news\n1,a\n2,b\n", **columns)


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        (["one"], "classes must be two different names or more"),
        (["a", "b", "a"], "classes must be two different names or more"),
        (["a", ""], "classes must be two different names or more"),
        (None, "row 1 of some.csv must be a header with the columns label and text"),
    ],
)
def test_classes_that_are_none_are_refused(read, classes, message):
    with pytest.raises(ValueError, match=message):
        read("a,first\nb,second\n", classes)
    with pytest.raises(TypeError, match="classes must be a list of names, got 'ab'"):
        read("a,first\nb,second\n", "ab")


def test_a_csv_of_a_single_class_is_refused_if_its_classes_are_to_be_found(read):
    with pytest.raises(ValueError, match=r"must hold labels of two classes or more, got \['a'\]"):
        read("label,text\na,first\na,second\n", None)


# A DataFrame


def test_a_frame_gives_the_rows_of_the_csv_that_it_writes(tmp_path):
    frame = pandas.DataFrame({"label": ["b", "a"], "text": ["one, two", 'say "x"']})
    frame.to_csv(tmp_path / "some.csv", index=False)
    from_file, from_frame = load_csv(tmp_path / "some.csv"), load_frame(frame)
    assert from_file.to_dict() == from_frame.to_dict()
    assert from_frame.features["label"].names == ["a", "b"]


@pytest.mark.parametrize("labels", [[1, 2], np.array([0, 1], dtype=np.int8), [True, False]])
def test_labels_of_a_frame_may_be_integers_or_booleans(labels):
    frame = pandas.DataFrame({"y": labels, "review": ["one", "two"]})
    rows = load_frame(frame, label="y")
    names = rows.features["label"].names
    assert [names[i] for i in rows["label"]] == [str(label) for label in frame["y"].tolist()]
    assert load_frame(frame.astype({"y": "category"}), label="y").to_dict() == rows.to_dict()
    numpy_objects = pandas.Series([*np.array(labels)], dtype=object)
    assert load_frame(frame.assign(y=numpy_objects), label="y").to_dict() == rows.to_dict()


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("text", None, r"row 11 of frame must have a text, got \[None\]"),
        ("text", float("nan"), r"row 11 of frame must have a text, got \[None\]"),
        ("text", "  ", "row 11 of frame must have a text"),
        ("text", 3.5, "row 11 of frame must have a string as its text, got 3.5"),
        ("text", ["a", "b"], "row 11 of frame must have a string as its text, got"),
        ("label", None, "row 11 of frame must have a label, a string or an integer, got None"),
        ("label", 1.5, "row 11 of frame must have a label, a string or an integer, got 1.5"),
        ("label", "", "row 11 of frame must have a label, got ''"),
        ("label", "x", "row 11 of frame must have a label of 1 to 2, or one of World.* 'x'"),
    ],
)
def test_a_faulty_cell_of_a_frame_is_named_by_the_label_of_its_row(column, value, message):
    frame = pandas.DataFrame({"label": ["1", "2"], "text": ["a", "b"]}, dtype=object)
    frame.index = [10, 11]
    frame.at[11, column] = value
    with pytest.raises(ValueError, match=message):
        load_frame(frame, CLASSES)


# Parts of own texts


def test_own_texts_are_split_without_a_text_in_two_parts():
    texts = [f"text {i % 15}" for i in range(20)]
    frame = pandas.DataFrame({"text": texts, "label": [i % 15 % 2 for i in range(20)]})
    *parts, split = split_labelled(load_frame(frame), n_valid=3, n_test=4)
    found = [text for part in parts for text in part["text"]]
    assert sorted(found) == sorted(set(texts)) and split == "held-out training rows"
    assert [len(part) for part in parts] == [8, 3, 4]
    with pytest.raises(ValueError, match="must leave a row to learn from, got 10 and 5 of 15"):
        split_labelled(load_frame(frame), n_valid=10, n_test=5)


# Documents


def test_a_file_holds_a_document_a_line_and_a_folder_a_document_a_file(tmp_path):
    write(tmp_path / "my.txt.gz", "\ufeffOne line.\r\n\n  Two \u2028 parts. ")
    assert load_texts(tmp_path / "my.txt.gz") == ["One line.", "Two \u2028 parts."]
    write(tmp_path / "folder/b.txt", "in\nseveral  lines\n")
    write(tmp_path / "folder/deep/a.txt.gz", "first")
    write(tmp_path / "folder/no.md", "left out")
    write(tmp_path / "folder/empty.txt", "")
    write(tmp_path / "folder/C.TXT", "capitals")
    write(tmp_path / "folder/._hidden.txt", "hidden")
    write(tmp_path / "folder/.git/d.txt", "hidden")
    (tmp_path / "folder/notes.txt").mkdir()
    assert load_texts(tmp_path / "folder") == ["capitals", "in several lines", "first"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("my.txt", b"\n \n", "must hold a document"),
        ("my.txt", "a\n".encode("utf-16"), "line 1 of my.txt must be UTF-8"),
        ("my.csv", b"1,a\n", "text must be a file of plain text, got 'my.csv'; read it with"),
        ("my.jsonl", b'{"text": "a"}', "text must be a file of plain text, got 'my.jsonl'"),
        ("my.csv.gz", PACKED, "text must be a file of plain text"),
        ("my.txt.gz", PACKED[:-1], "my.txt.gz must be a complete .gz file"),
        ("folder/other.md", b"a\n", "must hold a document"),
        ("my.zip", b"PK\x03\x04rest", "my.zip must be plain text or a .gz file, got an archive"),
        ("my.bz2", bz2.compress(b"a"), "my.bz2 must be plain text or a .gz file"),
        ("my.xz", lzma.compress(b"a"), "my.xz must be plain text or a .gz file"),
    ],
)
def test_a_text_that_is_none_is_refused(tmp_path, name, content, message):
    (tmp_path / "folder").mkdir()
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=message):
        load_texts(tmp_path / name.partition("/")[0])


def test_strings_are_tokenised_as_a_dataset_of_them():
    texts = ["the sea, the Sea", "", "land"]
    tokenizer = Vocabulary.from_strings(texts).tokenizer()
    words = tokenizer.convert_ids_to_tokens([2, 3, 4, 5])
    ids = {word: i for i, word in enumerate(words, start=2)}
    expected = [
        [ids[w] for w in text] for text in (["the", "sea", ",", "the", "sea"], [], ["land"])
    ]
    for given in (texts, tuple(texts), pandas.Series(texts), np.array(texts), iter(texts)):
        assert tokenize(given, tokenizer)["input_ids"][:] == expected
    parts = preprocess(pandas.Series(texts, index=[5, 6, 7]), tokenizer, valid_fraction=0.4)
    assert [len(part) for part in parts] == [2, 1]


@pytest.mark.parametrize(
    ("documents", "message"),
    [
        ("one string", "a list of strings, got str; pass one column"),
        (["a", None], "documents must be strings, got None in row 1"),
        (["a", 3], "documents must be strings, got 3 in row 1"),
        ([["a", "b"]], r"documents must be strings, got \['a', 'b'\] in row 0"),
        ([{"text": "a"}], "documents must be strings, got {'text': 'a'} in row 0"),
        (pandas.DataFrame({"text": ["a"]}), "a list of strings, got DataFrame; pass one column"),
        ({"train": ["a"]}, "a list of strings, got dict; pass one column, or one split"),
    ],
)
@pytest.mark.parametrize("call", [tokenize, preprocess])
def test_documents_that_are_no_strings_are_one_plain_error(call, documents, message):
    with pytest.raises(TypeError, match=message):
        call(documents, None)


def test_a_dataset_without_strings_in_a_column_text_is_one_plain_error():
    from datasets import Dataset

    with pytest.raises(ValueError, match=r"must have a column 'text', got \['body'\]"):
        tokenize(Dataset.from_dict({"body": ["a"]}), None)
    tokenizer = Vocabulary.from_strings(["a"]).tokenizer()
    with pytest.raises(TypeError, match="documents must be strings, got None in row 1"):
        tokenize(Dataset.from_dict({"text": ["a", None]}), tokenizer)


# Words of a text's own


def test_strings_are_counted_as_their_tokenizer_cuts_them():
    texts = ["Hello, WORLD!", "hello caf\u00e9\u2026 \u72d7 \u0928\u092e\u0938\u094d\u0924\u0947"]
    vocabulary = Vocabulary.from_strings(texts)
    assert vocabulary.words[2] == "hello" and vocabulary.count("hello") == 2
    assert {"caf\u00e9", "\u72d7", "\u0928\u092e\u0938\u094d\u0924\u0947"} <= set(vocabulary.words)
    ids = tokenize(texts, vocabulary.tokenizer())["input_ids"]
    assert [i for row in ids for i in row].count(vocabulary.unknown_id) == 0
    assert np.bincount(np.concatenate(ids), minlength=len(vocabulary)).tolist() == (
        vocabulary.counts.tolist()
    )


@pytest.mark.parametrize(
    ("texts", "message"),
    [("abc", "texts must be several strings"), ([3], "must be strings, got 3")],
)
def test_what_is_no_list_of_strings_makes_no_vocabulary(texts, message):
    with pytest.raises(TypeError, match=message):
        Vocabulary.from_strings(texts)


SEA = "The ship is on the sea, the fish is in the sea."
LAND = "A horse runs over a field and a cow stands on a field."
CONFIG = w2v.Word2VecConfig(dim=8, radius=2, ratio=3, batch_size=8, epochs=10, learning_rate=0.2)


def planted(n):
    """Sentences of words that go together, in turn of the sea and of the land."""
    draw = np.random.default_rng(3)
    sides = (["sea", "ship", "fish", "sail", "wave"], ["field", "horse", "cow", "barn", "wheat"])
    return [" ".join(draw.choice(sides[i % 2], 12)) + "." for i in range(n)]


@pytest.mark.parametrize("make", [list, lambda texts: [" ".join(texts)]])
def test_strings_become_vectors_of_their_words(make):
    vectors = w2v.train_on_texts(make(planted(200)), CONFIG, progress=False)
    assert {"sea", "ship", "horse", "."} <= set(vectors.words) and "<pad>" not in vectors
    assert vectors.vectors.shape == (11, 8)
    assert vectors.similarity("cow", "horse") > vectors.similarity("cow", "fish") + 0.2


def test_vectors_alone_leave_no_file(monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("a kill would leave this for ever")

    monkeypatch.setattr("tempfile.mkdtemp", refuse)
    monkeypatch.setattr("w2v.pretraining.save_model", refuse)
    w2v.train_on_texts(planted(200), CONFIG, progress=False)


def test_no_word_of_a_long_text_is_cut_off(monkeypatch, tmp_path):
    given = []

    def train_and_save(documents, held_out, *_, **options):
        given.append((documents, held_out, options))
        return None, None, tmp_path

    monkeypatch.setattr("w2v.pretraining.train_and_save", train_and_save)
    texts = ["word " * 3000, *["few words"] * 20, "a b c d e f"]
    w2v.pretrain_on_texts(texts, CONFIG, tmp_path)
    ((documents, held_out, options),) = given
    lengths = [[len(ids) for ids in part["input_ids"]] for part in (documents, held_out)]
    assert sorted(lengths[0] + lengths[1]) == [2] * 20 + [6, 3000]
    assert len(lengths[1]) == 1 and lengths[1] != [2]  # too short to measure a loss on
    assert options["words"][:3] == ["<pad>", "<unk>", "word"]


def test_texts_too_short_for_a_window_are_refused():
    with pytest.raises(ValueError, match="must hold a document of 5 words"):
        w2v.train_on_texts(["a b c d", "a b"], CONFIG)
    with pytest.raises(ValueError, match="documents must hold at least one text"):
        w2v.train_on_texts([], CONFIG)


# The command line

TRAIN = "--dim 8 --radius 2 --ratio 3 --batch_size 8 --epochs 2 --directory there"


@pytest.fixture
def folder(tmp_path, monkeypatch, fresh_process):
    """A folder to work in, with a text and labelled texts; no other text can be reached."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("W2V_DATA", raising=False)
    write(tmp_path / "my.txt", f"{SEA}\n{LAND}\n" * 20)
    rows = [[SEA[i % 9 :] + str(i), "sea"] for i in range(30)]
    rows += [[LAND[i % 9 :] + str(i), "land"] for i in range(30)]
    frame = pandas.DataFrame(rows, columns=["words", "topic"])
    frame.to_csv("my.csv", index=False)
    return tmp_path


def run(arguments):
    assert command.main(arguments.split()) == 0


def test_own_text_goes_from_train_to_neighbours_and_export(folder, capsys):
    run(f"train --text my.txt {TRAIN}")
    path = capsys.readouterr().out.splitlines()[-1]
    run(f"neighbours {path} sea horse")
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == ["sea", "horse"]
    run(f"export {path} --output vectors.txt")
    words = w2v.WordVectors.load_word2vec_format("vectors.txt").words
    assert {"sea", "horse", "."} <= set(words) and "<pad>" not in words
    assert command.main(["neighbours", path, "submarine"]) == 2
    assert capsys.readouterr().err.startswith("w2v: word must be one of the ")


def test_own_text_may_have_the_tokenizer_of_the_source(folder, monkeypatch):
    given = []

    def pretrain_on_texts(texts, config, directory, **options):
        given.append((texts, options))
        return "a path", w2v.History()

    monkeypatch.setattr("w2v.text.corpus.load_tokenizer", lambda source: f"that of {source}")
    monkeypatch.setattr("w2v.pretraining.pretrain_on_texts", pretrain_on_texts)
    run(f"train --text my.txt --vocabulary bert --source builtin {TRAIN}")
    run(f"train --text my.txt --min_count 3 --source builtin {TRAIN}")
    assert [len(texts) for texts, _ in given] == [40, 40]
    assert [options["tokenizer"] for _, options in given] == ["that of builtin", None]
    assert given[1][1]["min_count"] == 3


def test_own_rows_go_from_classify_to_score_and_predict(folder, capsys, monkeypatch):
    columns = "--csv my.csv --text_column words --label_column topic"
    options = "--batch_size 4 --epochs 8 --learning_rate 0.02 --dim 8 --output c.ckpt"
    run(f"classify {columns} {options}")
    printed = capsys.readouterr().out.splitlines()
    assert printed[0] == "my.csv: 2 classes, land, sea." and "c.ckpt" in printed
    run(f"score --classifier c.ckpt {columns}")
    assert float(capsys.readouterr().out.split()[1].rstrip(",")) > 0.9
    assert command.main(["predict", "--classifier", "c.ckpt", SEA, LAND]) == 0
    lines = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    assert [(line[0], line[2]) for line in lines] == [("sea", SEA), ("land", LAND)]
    assert all(0.5 < float(line[1]) <= 1 for line in lines)
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{LAND}\r\n\nthe ship\n"))
    run("predict --classifier c.ckpt")
    assert [line.split("\t")[2] for line in capsys.readouterr().out.splitlines()] == [
        LAND,
        "",
        "the ship",
    ]


def test_a_classifier_starts_from_the_words_of_its_checkpoint(folder, capsys):
    run(f"train --text my.txt {TRAIN}")
    path = capsys.readouterr().out.splitlines()[-1]
    columns = "--csv my.csv --text_column words --label_column topic"
    run(f"classify {columns} --checkpoint {path} --batch_size 4 --epochs 1 --output c.ckpt")
    assert w2v.classifier_words("c.ckpt") == w2v.checkpoint.read_checkpoint(path)["words"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (f"train --text none.txt {TRAIN}", "path must be an existing file, got 'none.txt'"),
        (f"train --text my.csv {TRAIN}", "text must be a file of plain text, got 'my.csv'"),
        (f"train --corpus imbd {TRAIN}", "corpus must be one of 'wikitext-2', .*, got 'imbd'"),
        (f"train --vocabulary own {TRAIN}", "vocabulary must be one of 'words', 'bert', got 'own'"),
        ("classify --csv my.csv --batch_size 4 --epochs 1", "row 1 of my.csv must be a header"),
        ("predict --classifier none.ckpt text", "path must be an existing file, got 'none.ckpt'"),
        (f"train --text my.txt --min_count 999 {TRAIN}", "texts must hold a word that occurs 999"),
        (f"train --text my.txt --corpus imdb {TRAIN}", "corpus must be given without text, got"),
        (f"train --text my.txt --n_samples 5 {TRAIN}", "n_samples must be given without text"),
        (f"train --text= {TRAIN}", "text must be a path, got ''"),
        (f"train --min_count 3 {TRAIN}", "min_count must go with --vocabulary words"),
        ("classify --csv= --batch_size 4 --epochs 1", "csv must be a path, got ''"),
        ("classify --classes a b --batch_size 4 --epochs 1", "classes must be given with csv"),
        ("score --classifier c.ckpt --text_column a", "text_column must be given with csv"),
        (
            "predict --classifier ~no_such_user/c.ckpt text",
            "path must begin .* there is no such user",
        ),
        (
            "classify --csv my.csv --text_column words --label_column topic --batch_size 4 "
            "--epochs 1 --output my.txt/c.ckpt",
            "directory must be one that can be written, got 'my.txt'",
        ),
        (
            "classify --csv my.csv --output ./my.csv --batch_size 4 --epochs 1",
            "output must be another file than csv, got '",
        ),
        ("neighbours none.ckpt sea", "path must be an existing file, got 'none.ckpt'"),
    ],
)
def test_an_error_of_the_user_is_one_line(folder, capsys, arguments, message):
    assert command.main(arguments.split()) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert re.match(f"w2v: {message}", line)


@pytest.mark.parametrize("name", command.COMMANDS)
def test_every_command_helps_and_knows_the_source(name, capsys):
    with pytest.raises(SystemExit) as left:
        command.main([name, "--help"])
    assert left.value.code == 0
    shown = capsys.readouterr().out
    assert "--source" in shown and f"python -m w2v {name}" in shown


@pytest.mark.parametrize("name", command.COMMANDS)
def test_an_unknown_option_is_named(name, capsys):
    needed = {
        "train": "--dim 1 --radius 1 --ratio 1 --batch_size 1 --epochs 1",
        "classify": "--batch_size 1 --epochs 1",
        "neighbours": "a.ckpt word",
        "export": "a.ckpt --output a.txt",
        "score": "--classifier a.ckpt",
        "predict": "--classifier a.ckpt text",
        "study": "--name labels",
    }
    with pytest.raises(SystemExit) as left:
        command.main([name, *needed[name].split(), "--epoch_count=3"])
    assert left.value.code == 2
    assert "error: unknown option --epoch_count=3" in capsys.readouterr().err


def test_a_home_in_a_path_is_found_behind_an_equals_sign(folder, monkeypatch, capsys):
    monkeypatch.setenv("HOME", str(folder / "home"))
    (folder / "home").mkdir()
    (folder / "my.txt").rename(folder / "home/my.txt")
    run(f"train --text=~/my.txt {TRAIN.replace('there', '~/there')}")
    path = capsys.readouterr().out.splitlines()[-1]
    run(f"export {path} --output=~/v.txt")
    assert (folder / "home/v.txt").exists() and not (folder / "~").exists()
    assert path.startswith(str(folder / "home/there"))


def test_the_library_finds_the_home_too(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "my.csv", "1,a\n2,b\n")
    assert len(load_csv("~/my.csv", CLASSES)) == 2
    path, _ = w2v.pretrain_on_texts([SEA] * 9, CONFIG, "~/there", progress=False)
    assert path.parent == tmp_path / "there" and path.exists()
    assert not list(path.parent.glob("*.last")) and not (tmp_path / "~").exists()
    w2v.load_word2vec("~/there/" + path.name)


def w2v_process(*arguments, **options):
    return subprocess.Popen(
        [sys.executable, "-m", "w2v", *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


@pytest.mark.parametrize("arguments", [["--help"], ["train", "--help"]])
def test_a_reader_that_has_gone_is_no_error(arguments):
    process = w2v_process(*arguments)
    process.stdout.close()
    assert process.stderr.read() == ""
    process.stderr.close()
    assert process.wait(60) in (0, 141)  # argparse of Python 3.12 leaves its help unsaid


def test_an_interrupt_is_one_line(folder):
    write(folder / "my.txt", f"{SEA}\n{LAND}\n" * 1500)  # an epoch takes seconds
    options = TRAIN.replace("--epochs 2", "--epochs 500").replace("there", str(folder / "there"))
    process = w2v_process("train", "--text", str(folder / "my.txt"), *options.split())
    for _ in range(1200):
        if (folder / "there/best").exists() or process.poll() is not None:
            break
        time.sleep(0.1)
    process.send_signal(2)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 130
    assert error == "w2v: interrupted; run it again to go on from what is finished\n"


def test_ctrl_c_during_the_imports_ends_the_process_without_a_trace():
    code = """
import signal, sys
from w2v import __main__ as command

seen = {}

class Watch:
    def find_spec(name, path=None, target=None):
        seen[name] = signal.getsignal(signal.SIGINT)

sys.meta_path.insert(0, Watch)
command._import_all()
assert {"torch", "datasets", "transformers"} <= set(seen), set(seen)
assert set(seen.values()) == {signal.SIG_DFL}
assert signal.getsignal(signal.SIGINT) == signal.default_int_handler
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_standard_input_of_another_encoding_is_refused(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"caf\xe9\n"), "latin-1"))
    with pytest.raises(ValueError, match="standard input must be UTF-8 text; .*0xe9"):
        command._read_stdin()


def test_a_first_row_that_may_be_header_or_text_is_refused(read):
    with pytest.raises(
        ValueError, match="row 1 of some.csv must be a header or a text, got .*both"
    ):
        read("target,review\nother,b\n", ["target", "other"])


def test_a_class_of_a_file_with_a_header_is_no_header(read):
    with pytest.raises(ValueError, match="row 2 of some.csv must have a label .* got 'x'$"):
        read("label,text\nx,a\n")


# Any machine


@pytest.mark.parametrize(
    "variable", ["HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_DATASETS_OFFLINE"]
)
def test_each_offline_variable_of_the_hub_is_honoured(variable):
    script = (
        "import urllib.request\n"
        "urllib.request.urlopen = None\n"  # a request would end its thread with a TypeError
        "from w2v.text import sources\n"
        "print(sources._hub_answers())"
    )
    process = subprocess.run(
        [sys.executable, "-c", script],
        env={"PYTHONPATH": str(ROOT), "PATH": "", variable: "1"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (process.stdout, process.stderr) == ("False\n", "")


def test_without_a_home_the_cache_costs_a_sentence(monkeypatch, capsys):
    for name in ("HOME", "W2V_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    missing = RuntimeError("Could not determine home directory.")  # a user id without a name
    monkeypatch.setattr("pathlib.Path.expanduser", Mock(side_effect=missing))
    monkeypatch.setattr("w2v.text.tokens.CACHED_FROM", 1)
    tokenizer = Vocabulary.from_strings(["a b"]).tokenizer()
    assert tokenize(["a b"], tokenizer)["input_ids"][:] == [[2, 3]]
    said = capsys.readouterr().out
    assert said.startswith("The ids could not be cached (") and "HOME is not set" in said


def test_a_w2v_data_that_is_a_file_is_one_plain_line(folder, monkeypatch, capsys):
    monkeypatch.setenv("W2V_DATA", str(folder / "my.txt"))
    assert command.main(f"train {TRAIN}".split()) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("w2v: W2V_DATA must name a directory, got ")


def test_the_best_epoch_keeps_the_words_of_the_text_too(tmp_path):
    config = w2v.Word2VecConfig(dim=4, radius=1, ratio=2, batch_size=4, epochs=2)
    path, _ = w2v.pretrain_on_texts(["a b c a b", "c b a c b"] * 4, config, tmp_path)
    best, last = (
        w2v.WordVectors.from_checkpoint(found) for found in (tmp_path / "best" / path.name, path)
    )
    assert best.index_to_key == last.index_to_key
    assert set(best.index_to_key) == {"a", "b", "c"}


@pytest.mark.parametrize("border", ["drop", "shift"])
def test_words_that_were_never_a_center_are_named(border, capsys):
    config = w2v.Word2VecConfig(dim=4, radius=2, ratio=2, batch_size=4, epochs=1, border=border)
    vectors = w2v.train_on_texts(["first b c d last"] * 6, config)
    assert set(vectors.words) == {*"bcd", "first", "last"}
    said = capsys.readouterr().out
    assert (said == "") == (border == "shift")
    if said:
        assert said.startswith("4 words keep random vectors, b, d, first for example")


def test_a_checkpoint_of_other_texts_is_not_replaced_without_a_word(tmp_path, capsys):
    config = w2v.Word2VecConfig(dim=4, radius=1, ratio=2, batch_size=4, epochs=1)
    slow = replace(config, learning_rate=0.01)
    for text, how, said in (
        ("a b c", config, ""),
        ("a b c", config, ""),
        ("x y z", config, "was trained on other texts: the new training will replace it"),
        ("x y z", slow, "has other settings: the new training will replace it"),
    ):
        w2v.pretrain_on_texts([text] * 6, how, tmp_path)
        printed = capsys.readouterr().out
        assert said in printed and ("will replace it" in printed) == (said != "")


@pytest.mark.parametrize("texts", [{"text": ["a b"]}, pandas.DataFrame({"text": ["a b"]})])
def test_a_table_is_no_list_of_texts(texts):
    with pytest.raises(TypeError, match="texts must be a list of strings.* pass one column"):
        Vocabulary.from_strings(texts)


def test_classes_need_an_order():
    with pytest.raises(TypeError, match="classes must be a list of names"):
        load_frame(pandas.DataFrame({"text": ["a", "b"], "label": [0, 1]}), {"neg", "pos"})


def test_half_a_letter_is_refused_by_row():
    tokenizer = Vocabulary.from_strings(["a b"]).tokenizer()
    classifier = w2v.ClassAttentionModel(len(tokenizer), 4, 2)
    with pytest.raises(ValueError, match="texts must be Unicode, got .* in row 1"):
        w2v.predict_texts(classifier, tokenizer, ["a", "a\ud800"])


def test_a_classifier_in_float64_is_not_saved_as_something_else(tmp_path):
    with pytest.raises(TypeError, match="classifier must be float32, got torch.float64"):
        model = w2v.ClassAttentionModel(4, 4, 2).double()
        w2v.save_classifier(model, tmp_path / "c", vocabulary="v", classes=["a", "b"])


def test_a_closed_standard_input_holds_no_text(monkeypatch):
    monkeypatch.setattr(sys, "stdin", None)
    assert command._read_stdin() == []
