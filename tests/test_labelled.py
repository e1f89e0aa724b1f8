"""Labelled texts, cleaned, with labels from 0 (section 4)."""

import pytest
from text_files import NEWS, write, write_news

from w2v.labelled import load_csv, load_labelled, split_labelled

pytestmark = pytest.mark.usefixtures("fresh_process")


def test_labels_start_at_zero_and_know_their_names(data):
    labelled = load_labelled()
    assert labelled["label"][:] == [0, 1, 3]
    assert labelled.features["label"].names == ["World", "Sports", "Business", "Sci/Tech"]
    assert labelled["text"][:] == ["the world hello's world", "hello the world", "hello $5 world"]


def test_real_news_holds_no_leftovers(real_data):
    labelled = load_labelled()
    assert len(labelled) == len(set(labelled["text"])) == 50_930  # of 50,958 rows
    joined = "\n".join(labelled["text"])
    assert not any(mark in joined for mark in (" #39;", " quot;", "&lt;", "</", "\\", "  "))


def test_a_test_split_is_read_where_it_is_there(data):
    with pytest.raises(FileNotFoundError, match=r"must hold ag_news/test.csv"):
        load_labelled(split="test")
    write_news(data / "ag_news/test.csv.gz", [["3", "the", "world"]])
    assert load_labelled(split="test")["label"][:] == [2]


@pytest.mark.parametrize("row", [["5", "a", "b"], ["0", "a", "b"], ["x", "a", "b"], ["1", "a"]])
def test_a_row_of_no_class_is_refused_with_its_number(data, row):
    write_news(data / "ag_news/train_partial.csv.gz", [*NEWS, row])
    with pytest.raises(ValueError, match=r"row 4 of train_partial.csv.gz must be class \(1 to 4\)"):
        load_labelled()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: load_labelled("yelp"), "name must be one of 'ag_news', got 'yelp'"),
        (lambda: load_labelled(split="validation"), "split must be one of 'train', 'test'"),
    ],
)
def test_a_wrong_argument_is_named(data, call, message):
    with pytest.raises(ValueError, match=message):
        call()


# Parts to learn from, to choose by and to test on


def numbered_news(n_rows):
    return [[str(i % 4 + 1), "news", f"of the number{i}"] for i in range(n_rows)]


def sets_of(parts):
    return [set(part["text"]) for part in parts]


def test_without_an_official_test_split_rows_are_kept_for_the_test(data):
    write_news(data / "ag_news/train_partial.csv.gz", numbered_news(20))
    *parts, split = split_labelled("ag_news", "local", n_valid=4, n_test=6)
    train, valid, test = sets_of(parts)
    assert split == "held-out training rows"
    assert (len(train), len(valid), len(test)) == (10, 4, 6)
    assert len(train | valid | test) == 20  # no text in two parts


def test_the_parts_repeat_and_depend_on_the_seed_alone(data):
    write_news(data / "ag_news/train_partial.csv.gz", numbered_news(20))
    options = {"n_valid": 4, "n_test": 6}
    first, again, other = (
        sets_of(split_labelled("ag_news", "local", seed=seed, **options)[:3]) for seed in (0, 0, 1)
    )
    assert first == again != other


@pytest.mark.parametrize("name", ["test.csv", "test.csv.gz"])
def test_official_test_rows_are_taken_where_they_lie_and_are_learned_nowhere(data, name):
    rows = numbered_news(20)
    write_news(data / "ag_news/train_partial.csv.gz", rows)
    official = [*rows[:3], ["2", "a text", "of the test alone"]]
    if name.endswith(".gz"):
        write_news(data / "ag_news" / name, official)
    else:
        quoted = (",".join(f'"{cell}"' for cell in row) for row in official)
        write(data / "ag_news" / name, "\n".join(quoted))
    *parts, split = split_labelled("ag_news", "local", n_valid=4, n_test=6)
    train, valid, test = sets_of(parts)
    assert split == "official test rows"
    assert test == {" ".join(row[1:]) for row in official}
    assert not test & (train | valid) and len(train | valid) == 17


def test_parts_that_leave_nothing_to_learn_from_are_refused(data):
    write_news(data / "ag_news/train_partial.csv.gz", numbered_news(10))
    message = "n_valid and n_test must leave a row to learn from, got 4 and 6 of 10 rows"
    with pytest.raises(ValueError, match=message):
        split_labelled("ag_news", "local", n_valid=4, n_test=6)


# Any labelled CSV

CLASSES = ["World", "Sports"]


def test_a_csv_takes_numbers_or_names_of_classes_and_joins_the_text(tmp_path):
    path = tmp_path / "some.csv"
    write(path, 'class,title,body\n1,a,"b, c"\nSports,only this\n2,,d #39;s\n')
    rows = load_csv(path, CLASSES)
    assert rows["text"] == ["a b, c", "only this", "d's"]
    assert rows["label"] == [0, 1, 1]
    assert rows.features["label"].names == CLASSES


def test_a_gzipped_csv_without_header_loses_no_row(tmp_path):
    write(tmp_path / "some.csv.gz", "2,first\n1,second\n")
    assert load_csv(tmp_path / "some.csv.gz", CLASSES)["label"] == [1, 0]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("1,a\n3,b\n", r"row 2 of some.csv must be a class \(1 to 2, or one of World, Sports\)"),
        ("1,a\n2\n", r"row 2 of some.csv must be a class .* and text, got \['2'\]"),
        ("class,text\n", "some.csv must hold a labelled text, got none"),
    ],
)
def test_other_rows_of_a_csv_are_refused(tmp_path, content, message):
    write(tmp_path / "some.csv", content)
    with pytest.raises(ValueError, match=message):
        load_csv(tmp_path / "some.csv", CLASSES)


def test_a_csv_that_is_missing_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="path must be an existing file"):
        load_csv(tmp_path / "none.csv", CLASSES)
