"""Labelled texts, cleaned, with labels from 0 (section 4)."""

from dataclasses import replace

import pytest
from text_files import NEWS, write, write_news

from w2v.text import labelled
from w2v.text.catalogue import LABELLED, HubSet, LabelledSet
from w2v.text.labelled import load_labelled, split_labelled

pytestmark = pytest.mark.usefixtures("fresh_process")


def test_labels_start_at_zero_and_know_their_names(data):
    rows = load_labelled()
    assert rows["label"][:] == [0, 1, 3]
    assert rows.features["label"].names == ["World", "Sports", "Business", "Sci/Tech"]
    assert rows["text"][:] == ["the world hello's world", "hello the world", "hello $5 world"]


def test_real_news_holds_no_leftovers(real_data):
    rows = load_labelled()
    assert len(rows) == len(set(rows["text"])) == 50_930  # of 50,958 rows
    joined = "\n".join(rows["text"])
    assert not any(mark in joined for mark in (" #39;", " quot;", "&lt;", "</", "\\", "  "))


def test_a_test_split_is_read_where_it_is_there(data):
    with pytest.raises(FileNotFoundError, match=r"must hold ag_news/test.csv"):
        load_labelled(split="test")
    write_news(data / "ag_news/test.csv.gz", [["3", "the", "world"]])
    assert load_labelled(split="test")["label"][:] == [2]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (["5", "a", "b"], "a label of 1 to 4, or one of World, .*, got '5'"),
        (["0", "a", "b"], "a label of 1 to 4, .*, got '0'"),
        (["x", "a", "b"], "a label of 1 to 4, .*, got 'x'"),
        (["1", "a"], r"as many cells as row 1, 3, got 2: \['1', 'a'\]"),
        (["1", "", " "], r"a text, got \['', ''\]"),
    ],
)
def test_a_row_of_no_class_or_text_is_refused_with_its_number(data, row, reason):
    write_news(data / "ag_news/train_partial.csv.gz", [*NEWS, row])
    with pytest.raises(ValueError, match=f"row 4 of train_partial.csv.gz must have {reason}"):
        load_labelled()


# Reviews and sentences of films

REVIEWS = [  # id, label, rating, text
    ["train/neg/0_3", "0", "3", "Bad.<br /><br />Not <i>good</i>, 3 < 4"],
    ["train/pos/1_7", "1", "7", "Bad. Not good , 3 < 4"],  # cleaned, the same as the first
    ["train/pos/0_9", "1", "9", 'She said "yes", in\ntwo lines.'],
]
TREES = [
    "(3 (2 It) (4 (4 (2 's) (4 (3 lovely) (2 film))) (2 .)))",
    "(0 (1 (2 -LRB-) (1 (0 bad) (2 -RRB-))) (2 ``))",
    "(2 (2 either\\/or) (2 ''))",
]


@pytest.fixture
def films(data):
    """Small files of reviews and of trees, beside those of `data`."""
    for split, times in (("train", 2), ("test", 3)):
        path = data / f"imdb/imdb_{split}.csv.gz"
        write_news(path, [["id", "label", "rating", "text"], *times * REVIEWS])
    for split, times in (("train", 2), ("dev", 3), ("test", 4)):
        write(data / f"sst/trees_{split}.txt.gz", "\n".join(times * TREES) + "\n")
    return data


def pairs(corpus: str, **options) -> list[tuple[str, int]]:
    rows = load_labelled(corpus, **options)
    return list(zip(rows["text"], rows["label"], strict=True))


def test_reviews_lose_their_tags_and_keep_their_labels(films):
    assert load_labelled("imdb").features["label"].names == ["negative", "positive"]
    expected = [("Bad. Not good , 3 < 4", 0), ('She said "yes", in two lines.', 1)]
    assert (
        sorted(pairs("imdb")) == expected
    )  # the first two became one, with the label of the first


def test_only_training_texts_that_are_the_same_become_one(films):
    assert len(load_labelled("imdb", split="test")) == 9
    sizes = [len(load_labelled("sst", split=s)) for s in ("train", "validation", "test")]
    assert sizes == [3, 9, 12]


def test_a_sentence_is_the_leaves_of_its_tree_with_the_class_of_the_root(films):
    names = ["very negative", "negative", "neutral", "positive", "very positive"]
    assert load_labelled("sst").features["label"].names == names
    expected = [('( bad ) "', 0), ("It 's lovely film .", 3), ('either/or "', 2)]
    assert sorted(pairs("sst")) == expected


def test_sets_sorted_by_class_are_shuffled_by_the_seed(films):
    rows = [["x", str(int(i >= 50)), "1", f"review {i}"] for i in range(100)]
    for split in ("train", "test"):
        path = films / f"imdb/imdb_{split}.csv.gz"
        write_news(path, [["id", "label", "rating", "text"], *rows])
    for split in ("train", "test"):
        first, again, other = (pairs("imdb", split=split, seed=seed) for seed in (0, 0, 1))
        assert first == again != other and sorted(first) == sorted(other)
        assert 15 <= sum(label for _, label in first[:50]) <= 35  # hypergeometric: 25 +- 2.5
        assert all(label == (int(text.split()[1]) >= 50) for text, label in first)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (["x", "2", "1", "text"], "a label of 0 to 1, or one of negative, positive, got '2'"),
        (["x", "1", "1", ""], r"a text, got \[''\]"),
        (["x", "1"], "as many cells as row 1, 4, got 2"),
    ],
)
def test_a_review_without_label_or_text_is_refused_with_its_number(films, row, reason):
    write_news(films / "imdb/imdb_train.csv.gz", [["id", "label", "rating", "text"], *REVIEWS, row])
    with pytest.raises(ValueError, match=f"row 5 of imdb_train.csv.gz must have {reason}"):
        load_labelled("imdb")


def test_reviews_of_one_class_alone_keep_their_label(films):
    rows = [["id", "label", "rating", "text"], ["a", "1", "9", "good"]]
    write_news(films / "imdb/imdb_train.csv.gz", rows)
    assert pairs("imdb") == [("good", 1)]


@pytest.mark.parametrize("tree", ["", "(5 (2 bad) (2 film))", "bad film", "(3 )", "(3 (2 a) (3 go"])
def test_a_line_that_is_no_tree_is_refused_with_its_number(films, tree):
    write(films / "sst/trees_train.txt.gz", "\n".join([*TREES, tree, ""]))
    with pytest.raises(ValueError, match="row 4 of trees_train.txt.gz must be a whole tree"):
        load_labelled("sst")


@pytest.mark.parametrize("corpus", ["imdb", "sst"])
def test_the_built_in_texts_stand_in_for_every_set(films, corpus, monkeypatch):
    stand_in = (["a", "b"], [0, 1], ("numpy", "torch"))
    monkeypatch.setattr(labelled.builtin, "labelled", lambda split: stand_in)
    assert pairs(corpus, source="builtin") == [("a", 0), ("b", 1)]


@pytest.mark.parametrize(
    ("corpus", "split", "n_rows", "n_first"),
    [
        ("imdb", "train", 24_902, 12_431),  # of 25,000
        ("imdb", "test", 25_000, 12_500),
        ("sst", "train", 8_534, 1_090),  # of 8,544
        ("sst", "validation", 1_101, 139),
        ("sst", "test", 2_210, 279),  # the counts of the treebank's own paper
    ],
)
def test_real_films_have_their_known_numbers(real_data, corpus, split, n_rows, n_first):
    rows = load_labelled(corpus, split=split)
    assert (len(rows), rows["label"][:].count(0)) == (n_rows, n_first)
    joined = "\n".join(rows["text"])
    assert not any(mark in joined for mark in ("<br", "-LRB-", "``", "\\/", "  "))


def test_a_new_set_is_one_entry_of_the_table(data, monkeypatch):
    letters = LabelledSet(
        classes=("to me", "to others"),
        files={"train": ("letters/all.txt",)},
        read=lambda file, name: ((line[1:], int(line[0])) for line in file),
        clean=str.strip,
        hub=HubSet("someone/letters", None, {"train": "written"}, "body", ("ours", "theirs")),
    )
    monkeypatch.setitem(LABELLED, "letters", letters)
    write(data / "letters/all.txt", "0 Dear you,\n1 Dear all,\n0 Hello\n")
    assert pairs("letters") == [("Dear you,", 0), ("Dear all,", 1), ("Hello", 0)]
    *parts, split = split_labelled("letters", n_valid=1, n_test=1)
    assert [len(part) for part in parts] == [1, 1, 1] and split == "held-out training rows"

    def from_hub(hub, split):
        assert (hub.repository, hub.splits[split]) == ("someone/letters", "written")
        return {"body": [" Dear hub"], "label": [1]}

    monkeypatch.setattr(labelled, "from_hub", from_hub)
    assert pairs("letters", source="hub") == [("Dear hub", 1)]
    assert load_labelled("letters", "hub").features["label"].names == ["ours", "theirs"]


# What is refused


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: load_labelled("yelp"), "corpus must be one of 'ag_news', .*, got 'yelp'"),
        (lambda: load_labelled("imdb", split="validation"), "split must be one of 'train', 'test'"),
        (lambda: load_labelled("sst", seed=-1), "seed must lie in"),
        (
            lambda: load_labelled("sst", "builtin", split="validation"),
            "split must be one of 'train', 'test' for 'sst' from 'builtin', got 'validation'",
        ),
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
    write_news(data / "ag_news/train.csv.gz", numbered_news(20))  # the whole file before the part
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
    assert len(valid) <= 4 and not train & valid


def test_with_official_test_rows_no_training_row_is_needed_for_the_test(data):
    write_news(data / "ag_news/train.csv.gz", numbered_news(30))
    write_news(data / "ag_news/test.csv.gz", [["1", "a", "test"]])
    *parts, split = split_labelled("ag_news", "local", n_valid=10)
    assert [len(part) for part in parts] == [20, 10, 1] and split == "official test rows"
    with pytest.raises(ValueError, match="n_valid must leave a row to learn from, got 30 of 30"):
        split_labelled("ag_news", "local", n_valid=30)


def test_training_texts_that_are_all_test_texts_are_refused(data):
    for split in ("train", "test"):
        write_news(data / f"ag_news/{split}.csv.gz", numbered_news(8))
    with pytest.raises(ValueError, match="must differ from the official test texts, got 0 for"):
        split_labelled("ag_news", "local", n_valid=4)


def test_parts_that_leave_nothing_to_learn_from_are_refused(data):
    write_news(data / "ag_news/train_partial.csv.gz", numbered_news(10))
    message = "n_valid and n_test must leave a row to learn from, got 4 and 6 of 10 rows"
    with pytest.raises(ValueError, match=message):
        split_labelled("ag_news", "local", n_valid=4, n_test=6)


def test_a_set_that_the_hub_lacks_is_local_only(monkeypatch):
    monkeypatch.setitem(LABELLED, "own", replace(LABELLED["ag_news"], hub=None))
    with pytest.raises(ValueError, match="source must be 'local' for 'own', which the hub lacks"):
        load_labelled("own", "hub")


def test_a_label_of_5000_digits_is_refused_by_row(tmp_path):
    write(tmp_path / "long.csv", f"label,text\n0,a b\n{'1' * 5000},c d\n")
    with pytest.raises(ValueError, match="row 3 of long.csv must have a label of"):
        labelled.load_csv(tmp_path / "long.csv", ["bad", "good"])
