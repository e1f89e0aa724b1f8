"""Documents, labelled texts and tokenizers, and where they come from (Q3.1)."""

import csv
import gzip
import inspect
import io
import os
import signal
import subprocess
import sys
from pathlib import Path

import hub_standin
import pytest
from datasets import Dataset

from w2v import corpus
from w2v.corpus import (
    clean_ag_news,
    load_csv,
    load_documents,
    load_labelled,
    load_tokenizer,
    preprocess,
    resolve_source,
    split_labelled,
    tokenize,
    vocabulary_identity,
)

ROOT = Path(__file__).parents[1]
WIKITEXT_LINES = [
    " \n",
    " = The Title = \n",
    " \n",
    " hello the <unk> , a role @-@ playing world of 1 @,@ 000 . \n",
    " = = A Section = = \n",
    "\n",
    " the world is 2 @.@ 5 = two and a half . \n",
    " hello world . \n",
]
RAW_LINES = [
    " = The Title = \n",
    " hello the rare @-@ world , and a tag <unk> in 1 @,@ 000 . \n",
]
NEWS = [
    ["1", "the world", "hello #39;s world"],
    ["2", "", "hello the world"],
    ["4", "hello", "\\$5 &lt;b&gt;world&lt;/b&gt;"],
]


@pytest.fixture(autouse=True)
def fresh_process(monkeypatch):
    """Forget what an earlier test settled, and let no test reach a network."""
    monkeypatch.setattr(corpus, "_settled", {})
    monkeypatch.setattr(corpus, "_hub_answers", lambda: False)
    monkeypatch.setattr(corpus, "_is_cached", lambda name: False)


@pytest.fixture
def real_data():
    """Require the real files."""
    if not os.environ.get("W2V_DATA"):
        pytest.skip("W2V_DATA names no directory with the real files")


@pytest.fixture
def data(tmp_path, monkeypatch):
    """Make a small directory in the layout of W2V_DATA."""
    monkeypatch.setenv("W2V_DATA", str(tmp_path))
    for split in ("train", "valid", "test"):
        lines = [line.replace("hello", f"{split} hello") for line in WIKITEXT_LINES]
        write(tmp_path / f"wikitext-2-v1/wiki.{split}.tokens.gz", "".join(lines))
        if split != "train":
            write(tmp_path / f"wikitext-2-raw/wiki.{split}.raw.txt.gz", "".join(RAW_LINES))
    write_news(tmp_path / "ag_news/train_partial.csv.gz", NEWS)
    for name, content in hub_standin.bert(hub_standin.BERT_WORDS).items():
        write(tmp_path / "bert-base-uncased" / name, content.decode())
    return tmp_path


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "wt", encoding="utf-8") as file:
        file.write(text)


def write_news(path: Path, rows: list[list[str]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with gzip.open(path, "wt", encoding="utf-8", newline="") as file:
        csv.writer(file, quoting=csv.QUOTE_ALL).writerows(rows)


def python(script: str, environment: dict[str, str] | None = None):
    return subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, **(environment or {})},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )


class Terminal(io.StringIO):
    """What a program sees in place of stderr where a person looks on."""

    def isatty(self) -> bool:
        return True


def texts_of(split: str, **options) -> list[str]:
    return list(load_documents(split=split, **options)["text"])


# Documents


def test_a_document_is_a_paragraph_without_blank_lines_and_headings(data):
    documents = load_documents()
    assert documents.column_names == ["text"]
    assert sorted(documents["text"]) == [
        "the world is 2.5 = two and a half .",
        "train hello the [UNK] , a role-playing world of 1,000 .",
        "train hello world .",
    ]


def test_each_split_is_read_from_its_own_file_and_of_one_kind(data):
    assert "valid hello world ." in texts_of("validation")
    assert "test hello world ." in texts_of("test")


def test_raw_text_is_left_as_it_is(data):
    write(data / "wikitext-2-raw/wiki.train.raw.txt", "".join(RAW_LINES))
    for split in ("train", "validation", "test"):
        expected = ["hello the rare @-@ world , and a tag <unk> in 1 @,@ 000 ."]
        assert texts_of(split) == expected


def test_the_order_is_that_of_the_seed_and_samples_are_its_head(data):
    texts = [f"document {i}" for i in range(50)]
    write(data / "wikitext-2-v1/wiki.train.tokens.gz", "\n".join(texts))
    everything = texts_of("train", n_samples=None)
    assert sorted(everything) == sorted(texts) and everything != texts
    assert texts_of("train", n_samples=7) == everything[:7]
    assert texts_of("train", n_samples=500) == everything
    assert texts_of("train", n_samples=None, seed=1) != everything


def test_wikitext_103_comes_from_its_own_files(data):
    write(data / "wikitext-103-head/wiki.train.head.tokens.gz", " the head . \n")
    write(data / "wikitext-103-head/wiki.test.tokens", " the test . \n")
    assert texts_of("train", name="wikitext-103") == ["the head ."]
    assert texts_of("test", name="wikitext-103") == ["the test ."]


def test_reviews_and_novels_are_read_line_by_line_without_tags(data):
    write(data / "imdb/imdb_unsup.txt.gz", "Good.<br /><br />Not <i>bad</i>: 3 < 4.\n\n Bad. \n")
    write(data / "english_novels/english_novels.txt", "CHAPTER I.\nIt was  he.\n")
    assert sorted(texts_of("train", name="imdb")) == ["Bad.", "Good. Not bad : 3 < 4."]
    assert sorted(texts_of("train", name="novels")) == ["CHAPTER I.", "It was he."]


@pytest.mark.parametrize(
    ("name", "source", "message"),
    [
        ("imdb", "builtin", "source must be 'local' or 'hub' for 'imdb', got 'builtin'; set W2V"),
        ("novels", "builtin", "source must be 'local' for 'novels', got 'builtin'; set W2V_DATA"),
        ("novels", "hub", "source must be 'local' for 'novels', got 'hub'; set W2V_DATA"),
    ],
)
def test_a_source_without_the_corpus_is_refused(name, source, message):
    with pytest.raises(ValueError, match=message):
        load_documents(name, source)


def test_plain_corpora_have_no_split_but_train(data):
    with pytest.raises(ValueError, match="split must be one of 'train', got 'test'"):
        load_documents("imdb", split="test")


def test_the_unlabelled_reviews_of_the_hub_are_their_own_split(monkeypatch):
    asked = []

    def from_hub(*arguments):
        asked.append(arguments)
        return {"text": ["Good.<br />"]}

    monkeypatch.setattr(corpus, "_from_hub", from_hub)
    assert texts_of("train", name="imdb", source="hub") == ["Good."]
    assert asked == [("stanfordnlp/imdb", None, "unsupervised")]


def test_wikitext_2_has_its_known_number_of_paragraphs(real_data):
    assert len(load_documents(n_samples=None)) == 17_556
    assert len(load_documents()) == 5_000
    texts = texts_of("test", n_samples=None)
    assert len(texts) == 2_185
    assert not any(mark in text for text in texts for mark in ("<unk>", "@-@", "@,@", "@.@"))


# Labelled texts


def test_labels_start_at_zero_and_know_their_names(data):
    labelled = load_labelled()
    assert labelled["label"][:] == [0, 1, 3]
    assert labelled.features["label"].names == ["World", "Sports", "Business", "Sci/Tech"]
    assert labelled["text"][:] == ["the world hello's world", "hello the world", "hello $5 world"]


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("Mickelson #39;s day", "Mickelson's day"),
        ("#39;Batman' and  quot;Red quot;", "'Batman' and \"Red\""),
        ("Standard  amp; Poor's, AT #38;T", "Standard & Poor's, AT&T"),
        ("for  #36;3 billion", "for $3 billion"),
        ("match with a &lt;b&gt;...&lt;/b&gt; It was", "match with a ... It was"),
        ('Corp. &lt;A HREF="http://x"&gt;X.N&lt;/A&gt; on', "Corp. X.N on"),
        ("dwindling\\band of\\\\ultra \\$5", "dwindling band of ultra $5"),
        ("deal #151;a caf #233; quot;", 'deal—a café"'),
        ("&amp;lt;p&amp;gt; 3 &lt; 4", "3 < 4"),
        ("he did his part; the real; 7; days", "he did his part; the real; 7; days"),
    ],
)
def test_news_loses_codes_tags_and_backslashes_but_no_words(text, clean):
    assert clean_ag_news(text) == clean


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


# Tokenizer


def test_the_tokenizer_knows_its_words_and_its_pad(data):
    tokenizer = load_tokenizer()
    assert tokenizer.is_fast and tokenizer.pad_token_id == 0 and len(tokenizer) == 30_522
    ids = tokenizer("Hello [UNK] world", add_special_tokens=False)["input_ids"]
    assert ids == [7592, 100, 2088]


@pytest.mark.parametrize("swap", [(7592, 7593), (2088, 5), (0, 1), (100, 99)])
def test_a_tokenizer_with_other_ids_is_refused(data, swap):
    pieces = (data / "bert-base-uncased/vocab.txt").read_text().splitlines()
    first, second = swap
    pieces[first], pieces[second] = pieces[second], pieces[first]
    write(data / "bert-base-uncased/vocab.txt", "\n".join(pieces) + "\n")
    with pytest.raises(ValueError, match="the tokenizer must be that of bert-base-uncased"):
        load_tokenizer()


def test_a_tokenizer_that_knows_its_words_but_does_not_find_them_is_refused(data):
    tokenizer = load_tokenizer()
    tokenizer.backend_tokenizer.normalizer = None
    tokenizer.backend_tokenizer.pre_tokenizer = None
    assert tokenizer.convert_tokens_to_ids("hello") == 7592
    with pytest.raises(ValueError, match=r"'hello world' as \[100\]"):
        corpus._checked_bert(tokenizer)


def test_a_tokenizer_without_a_pad_is_refused(data):
    tokenizer = load_tokenizer()
    tokenizer.pad_token = None
    with pytest.raises(ValueError, match="pad id None"):
        corpus._checked_bert(tokenizer)


def test_the_real_tokenizer_is_that_of_bert(real_data):
    tokenizer = load_tokenizer()
    assert tokenizer("Hello world", add_special_tokens=False)["input_ids"] == [7592, 2088]
    assert vocabulary_identity(tokenizer) == "vocabulary-30522-0f052197aac305fe"


def test_the_identity_depends_on_the_order_of_the_pieces_alone(data):
    identity = vocabulary_identity(load_tokenizer())
    assert identity == vocabulary_identity(load_tokenizer())
    pieces = (data / "bert-base-uncased/vocab.txt").read_text().splitlines()
    pieces[5], pieces[6] = pieces[6], pieces[5]
    write(data / "bert-base-uncased/vocab.txt", "\n".join(pieces) + "\n")
    other = vocabulary_identity(load_tokenizer())
    assert other != identity and other.startswith("vocabulary-30522-")


# Ids


def test_documents_become_two_sets_of_ids(data):
    documents = Dataset.from_dict({"text": [f"hello filler{i}" for i in range(500, 510)]})
    document_train_set, document_valid_set = preprocess(documents, load_tokenizer())
    assert document_train_set.column_names == document_valid_set.column_names == ["input_ids"]
    assert (len(document_train_set), len(document_valid_set)) == (8, 2)
    ids = [*document_train_set["input_ids"], *document_valid_set["input_ids"]]
    assert sorted(ids) == [[7592, i] for i in range(500, 510)]
    assert all(isinstance(i, int) for document in ids for i in document)


def test_the_split_is_that_of_its_seed(data):
    documents = Dataset.from_dict({"text": [f"filler{i}" for i in range(500, 540)]})
    first, again, other = (
        preprocess(documents, load_tokenizer(), seed=seed)[1]["input_ids"][:] for seed in (0, 0, 1)
    )
    assert first == again != other


def test_neither_documents_nor_labelled_texts_hold_special_tokens(data):
    tokenizer = load_tokenizer()
    special = {tokenizer.cls_token_id, tokenizer.sep_token_id, tokenizer.pad_token_id}
    documents, labelled = load_documents(), load_labelled()
    parts = (*preprocess(documents, tokenizer, valid_fraction=0.5), tokenize(labelled, tokenizer))
    for part in parts:
        assert special.isdisjoint(i for ids in part["input_ids"] for i in ids)
    same_text = Dataset.from_dict({"text": [labelled["text"][0]] * 2})
    as_document = preprocess(same_text, tokenizer, valid_fraction=0.5)[0]
    assert as_document["input_ids"][0] == parts[-1]["input_ids"][0]


def test_texts_are_cut_off_at_max_length(data):
    documents = Dataset.from_dict({"text": ["hello " * 300, "hello " * 5, ""]})
    tokenizer = load_tokenizer()
    assert [len(ids) for ids in tokenize(documents, tokenizer)["input_ids"]] == [256, 5, 0]
    short = tokenize(documents, tokenizer, max_length=3)
    assert [len(ids) for ids in short["input_ids"]] == [3, 3, 0]


def test_labels_stay_beside_their_ids(data):
    labelled = tokenize(load_labelled(), load_tokenizer())
    assert labelled.column_names == ["input_ids", "label"]
    assert labelled["label"][:] == [0, 1, 3]
    assert labelled.features["label"].names[3] == "Sci/Tech"


def test_preprocess_drops_labels(data):
    train, valid = preprocess(load_labelled(), load_tokenizer(), valid_fraction=0.5)
    assert train.column_names == valid.column_names == ["input_ids"]


# Sources


def test_the_directory_is_taken_first_and_named_once(data, capsys):
    assert resolve_source() == "local"
    load_documents()
    load_tokenizer()
    assert capsys.readouterr().out == "Text comes from the directory in W2V_DATA.\n"


def test_the_hub_is_taken_next_where_it_answers(monkeypatch, capsys):
    monkeypatch.delenv("W2V_DATA", raising=False)
    monkeypatch.setattr(corpus, "_hub_answers", lambda: True)
    assert resolve_source() == "hub"
    assert capsys.readouterr().out == "Text comes from the Hugging Face hub.\n"


def test_the_hub_is_taken_without_an_answer_where_its_cache_holds_all(monkeypatch, capsys):
    monkeypatch.delenv("W2V_DATA", raising=False)
    held = {"bert-base-uncased", "wikitext-2"}
    monkeypatch.setattr(corpus, "_is_cached", lambda name: name in held)
    assert resolve_source() == "hub"
    assert "local cache, since the hub does not answer" in capsys.readouterr().out
    monkeypatch.setattr(corpus, "_settled", {})
    assert resolve_source(needs=("wikitext-2", "ag_news")) == "builtin"


def test_the_built_in_corpus_is_taken_last(monkeypatch, capsys):
    monkeypatch.setenv("W2V_DATA", "")
    assert resolve_source() == resolve_source() == "builtin"
    assert capsys.readouterr().out == (
        "Text comes from the built-in docstrings, since W2V_DATA is not set and no hub answers.\n"
    )


def test_documents_and_tokenizer_come_from_the_same_place(monkeypatch):
    monkeypatch.delenv("W2V_DATA", raising=False)
    assert resolve_source() == "builtin"
    monkeypatch.setattr(corpus, "_hub_answers", lambda: True)  # the network comes back
    monkeypatch.setattr(corpus.builtin, "tokenizer", lambda: "the built-in tokenizer")
    assert load_tokenizer() == "the built-in tokenizer"


def test_a_forced_source_prints_nothing_and_stays(data, capsys):
    assert [resolve_source(s) for s in ("local", "hub", "builtin")] == ["local", "hub", "builtin"]
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("load", [load_documents, load_labelled, load_tokenizer])
def test_a_forced_hub_that_does_not_answer_is_one_clear_error(load, tmp_path):
    closed = {"HF_HOME": str(tmp_path), "HF_ENDPOINT": "http://127.0.0.1:9"}
    run = python(f"from w2v import corpus; corpus.{load.__name__}(source='hub')", closed)
    assert "ConnectionError: the hub must answer, or its local cache must hold" in run.stderr


def test_a_file_that_the_directory_lacks_is_an_error_and_no_other_corpus(data):
    (data / "wikitext-2-v1/wiki.train.tokens.gz").unlink()
    (data / "bert-base-uncased/vocab.txt").unlink()
    with pytest.raises(FileNotFoundError, match="must hold wikitext-2-v1/wiki.train.tokens"):
        load_documents()
    with pytest.raises(FileNotFoundError, match="must hold bert-base-uncased/tokenizer.json or"):
        load_tokenizer()


def test_a_directory_that_is_not_there_is_an_error(monkeypatch, tmp_path):
    monkeypatch.setenv("W2V_DATA", str(tmp_path / "absent"))
    with pytest.raises(FileNotFoundError, match="W2V_DATA must name a directory, got '.*absent'"):
        load_documents()
    monkeypatch.delenv("W2V_DATA")
    with pytest.raises(
        FileNotFoundError, match='W2V_DATA must name a directory for source="local"'
    ):
        load_documents(source="local")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: resolve_source("disk"), "source must be one of 'auto', .*, got 'disk'"),
        (lambda: resolve_source(needs=("text8",)), "needs must be one of .*, got 'text8'"),
        (lambda: load_documents("wikitext"), "name must be one of .*, got 'wikitext'"),
        (lambda: load_documents(source="disk"), "source must be one of .*, got 'disk'"),
        (lambda: load_documents(split="dev"), "split must be one of .*, got 'dev'"),
        (lambda: load_documents(n_samples=0), "n_samples must be a positive integer, got 0"),
        (lambda: load_documents(seed=-1), "seed must lie in"),
        (lambda: load_labelled("imdb"), "name must be one of 'ag_news', got 'imdb'"),
        (lambda: load_labelled(split="validation"), "split must be one of 'train', 'test'"),
        (lambda: load_tokenizer("disk"), "source must be one of .*, got 'disk'"),
    ],
)
def test_a_wrong_argument_is_named(data, call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_an_empty_corpus_is_refused(data):
    write(data / "wikitext-2-v1/wiki.train.tokens.gz", " \n = Title = \n\n")
    with pytest.raises(ValueError, match="the train split of wikitext-2 must hold a document"):
        load_documents()
    empty = Dataset.from_dict({"text": []})
    with pytest.raises(ValueError, match="documents must hold at least one text, got none"):
        tokenize(empty, None)
    with pytest.raises(ValueError, match="must fill a training and a validation part, got 0"):
        preprocess(empty, None)


@pytest.mark.parametrize("fraction", [0, 1, -0.2, 1.5, float("nan")])
def test_a_fraction_outside_zero_to_one_is_refused(data, fraction):
    with pytest.raises(ValueError, match="valid_fraction must lie between 0 and 1"):
        preprocess(load_documents(), None, valid_fraction=fraction)


def test_nothing_heavy_is_imported_before_it_is_needed():
    script = (
        "import sys, w2v.corpus;"
        "print([m for m in ('datasets', 'transformers', 'tokenizers') if m in sys.modules])"
    )
    run = python(script)
    assert run.stdout == "[]\n", run.stderr


def test_every_public_function_names_its_source():
    public = [f for name, f in vars(corpus).items() if inspect.isfunction(f) and name[0] != "_"]
    ours = [f for f in public if f.__module__ == "w2v.corpus"]
    assert len(ours) == 10 and all("Source:" in f.__doc__ for f in ours)


# The cache of ids


@pytest.fixture
def cache(data, tmp_path, monkeypatch):
    """Keep even a small corpus in a cache of its own."""
    monkeypatch.setattr(corpus, "CACHED_FROM", 1)
    monkeypatch.setenv("W2V_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def some_documents(*more: str) -> Dataset:
    return Dataset.from_dict({"text": ["hello world", "", "the world, the hello", *more]})


def test_ids_are_made_once_for_all_processes(cache):
    first = tokenize(some_documents(), load_tokenizer())
    script = """
from datasets import Dataset
from w2v import corpus
corpus.CACHED_FROM = 1
tokenizer = corpus.load_tokenizer()
type(tokenizer).__call__ = None
texts = Dataset.from_dict({"text": ["hello world", "", "the world, the hello"]})
print(corpus.tokenize(texts, tokenizer)["input_ids"][:])
"""
    done = python(script)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == str(first["input_ids"][:])
    assert first["input_ids"][1] == [] and len(first["input_ids"][2]) == 5


def test_a_small_corpus_is_not_cached(cache, monkeypatch):
    monkeypatch.setattr(corpus, "CACHED_FROM", 1000)
    tokenize(some_documents(), load_tokenizer())
    assert not cache.exists()


def test_other_texts_lengths_and_tokenizers_are_tokenised_anew(cache):
    lower, tokenizer = load_tokenizer(), load_tokenizer()
    tokenizer.backend_tokenizer.normalizer = None
    tokenize(some_documents(), lower)
    for n_files, documents, other, max_length in (
        (2, some_documents("hello"), lower, 256),
        (3, some_documents(), lower, 2),
        (4, some_documents(), tokenizer, 256),
        (5, Dataset.from_dict({"text": ["hello worl", "d", "the world, the hello"]}), lower, 256),
    ):
        tokenize(documents, other, max_length=max_length)
        assert len(list(cache.iterdir())) == n_files


def test_what_a_tokenizer_did_last_does_not_matter(cache):
    tokenizer = load_tokenizer()
    tokenize(some_documents(), tokenizer)
    tokenizer("hello world", padding="max_length", truncation=True, max_length=7)
    tokenize(some_documents(), tokenizer)
    assert len(list(cache.iterdir())) == 1


def test_labels_stay_beside_cached_ids(cache):
    labelled = load_labelled()
    for _ in range(2):
        texts = tokenize(labelled, load_tokenizer())
        assert list(texts["label"]) == list(labelled["label"])
        assert texts.features["label"] == labelled.features["label"]


@pytest.mark.parametrize("part", [0.0, 0.5, 0.9])
def test_a_damaged_file_of_the_cache_is_made_again(cache, part):
    whole = tokenize(some_documents(), load_tokenizer())["input_ids"][:]
    (path,) = cache.iterdir()
    content = path.read_bytes()
    path.unlink()
    path.write_bytes(content[: int(part * len(content))])
    assert tokenize(some_documents(), load_tokenizer())["input_ids"][:] == whole
    assert path.stat().st_size == len(content)


def test_a_kill_leaves_nothing_that_is_taken_for_ids(cache):
    script = """
import os, signal
from datasets import Dataset
from w2v import corpus
corpus.CACHED_FROM = 1
tokenizer, n_calls = corpus.load_tokenizer(), 0
encode = type(tokenizer).__call__
def killed(*arguments, **options):
    global n_calls
    n_calls += 1
    if n_calls == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return encode(*arguments, **options)
type(tokenizer).__call__ = killed
corpus.tokenize(Dataset.from_dict({"text": ["hello world"] * 5000}), tokenizer)
"""
    assert python(script).returncode == -signal.SIGKILL
    assert not list(cache.glob("*.arrow"))
    many = Dataset.from_dict({"text": ["hello world"] * 5000})
    ids = tokenize(many, load_tokenizer())["input_ids"]
    assert len(ids) == 5000 and ids[-1] == ids[0]


def test_a_cache_that_cannot_be_written_costs_a_sentence(cache, capsys):
    cache.write_text("a file where the directory should be")
    ids = tokenize(some_documents(), load_tokenizer())
    assert len(ids) == 3
    assert "could not be cached" in capsys.readouterr().out


def test_a_bar_is_shown_on_a_terminal_only(data, monkeypatch, capfd):
    tokenize(some_documents(), load_tokenizer())
    assert capfd.readouterr().err == ""
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    tokenize(some_documents(), load_tokenizer())
    assert "tokenising" in terminal.getvalue()


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
