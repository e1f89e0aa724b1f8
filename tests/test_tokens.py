"""Texts as ids, the same way for documents and labelled texts, and their cache."""

import signal
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from datasets import Dataset, Features, Sequence, Value
from hub_standin import MADE_UP
from text_files import Terminal, python

from w2v.files import read_sealed, write_sealed
from w2v.text import tokens
from w2v.text.corpus import load_documents, load_tokenizer, preprocess
from w2v.text.labelled import load_labelled
from w2v.text.tokens import tokenize
from w2v.text.vocabulary import Vocabulary

pytestmark = pytest.mark.usefixtures("fresh_process")


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


def test_no_texts_are_refused():
    with pytest.raises(ValueError, match="documents must hold at least one text, got none"):
        tokenize(Dataset.from_dict({"text": []}), None)


# The cache


@pytest.fixture
def cache(data, tmp_path, monkeypatch):
    """Keep even a small corpus in a cache of its own."""
    monkeypatch.setattr(tokens, "CACHED_FROM", 1)
    monkeypatch.setenv("W2V_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def some_documents(*more: str) -> Dataset:
    return Dataset.from_dict({"text": ["hello world", "", "the world, the hello", *more]})


def test_ids_are_made_once_for_all_processes(cache):
    first = tokenize(some_documents(), load_tokenizer())
    script = """
from datasets import Dataset
from w2v.text import corpus, tokens
tokens.CACHED_FROM = 1
tokenizer = corpus.load_tokenizer()
type(tokenizer).__call__ = None
texts = Dataset.from_dict({"text": ["hello world", "", "the world, the hello"]})
print(tokens.tokenize(texts, tokenizer)["input_ids"][:])
"""
    done = python(MADE_UP + script)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == str(first["input_ids"][:])
    assert first["input_ids"][1] == [] and len(first["input_ids"][2]) == 5


def test_a_small_corpus_is_not_cached(cache, monkeypatch):
    monkeypatch.setattr(tokens, "CACHED_FROM", 1000)
    tokenize(some_documents(), load_tokenizer())
    assert not cache.exists()


def test_other_texts_lengths_and_tokenizers_are_tokenised_anew(cache):
    lower, tokenizer = load_tokenizer(), load_tokenizer()
    tokenizer.backend_tokenizer.normalizer = None
    left = load_tokenizer()
    left.truncation_side = "left"
    tokenize(some_documents(), lower)
    for n_files, documents, other, max_length in (
        (2, some_documents("hello"), lower, 256),
        (3, some_documents(), lower, 2),
        (4, some_documents(), tokenizer, 256),
        (5, Dataset.from_dict({"text": ["hello worl", "d", "the world, the hello"]}), lower, 256),
        (6, some_documents(), left, 2),
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


def ids_of(documents: Dataset) -> list[list[int]]:
    return tokenize(documents, load_tokenizer())["input_ids"][:]


def replace_file(path: Path, content: bytes) -> None:
    """Write a new file: the old one may still be mapped to memory."""
    path.unlink()
    path.write_bytes(content)


@pytest.fixture
def uncached(data) -> list[list[int]]:
    """The ids of `some_documents`, made without the cache."""
    return ids_of(some_documents())


@pytest.mark.parametrize("part", [0.0, 0.5, 0.9, 0.999])
def test_a_truncated_file_of_the_cache_is_made_again(uncached, cache, part):
    ids_of(some_documents())
    (path,) = cache.iterdir()
    content = path.read_bytes()
    replace_file(path, content[: int(part * len(content))])
    assert ids_of(some_documents()) == uncached
    assert path.read_bytes() == content


def test_a_file_of_the_cache_with_one_flipped_bit_is_made_again(uncached, cache):
    ids_of(some_documents())
    (path,) = cache.iterdir()
    content = path.read_bytes()
    first_id = content.index(np.array([7592, 2088], dtype="<i4").tobytes())  # hello world
    for place in (first_id, 0, len(content) // 2, len(content) - 1):
        flipped = content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]
        replace_file(path, flipped)
        assert ids_of(some_documents()) == uncached
        assert path.read_bytes() == content


@pytest.mark.parametrize("wrong", [-1, 30_522])
def test_ids_of_the_cache_outside_the_vocabulary_are_made_again(uncached, cache, wrong):
    ids_of(some_documents())
    (path,) = cache.iterdir()
    content, saved = path.read_bytes(), read_sealed(path)
    saved["tokens"][0] = wrong
    path.unlink()
    write_sealed(path, saved)
    assert ids_of(some_documents()) == uncached
    assert path.read_bytes() == content


def test_a_whole_file_of_other_texts_is_not_taken_for_theirs(uncached, cache):
    ids_of(some_documents())
    (path,) = cache.iterdir()
    content = path.read_bytes()
    path.unlink()
    ids_of(some_documents("hello"))
    (other,) = cache.iterdir()
    other.rename(path)
    assert ids_of(some_documents()) == uncached
    assert path.read_bytes() == content


def test_ids_from_the_cache_stay_in_its_file_and_keep_their_type(cache):
    made, read = (tokenize(some_documents(), load_tokenizer()) for _ in range(2))
    assert made.features == read.features == Features({"input_ids": Sequence(Value("int32"))})
    numbers = torch.arange(6, dtype=torch.int32)
    ids = tokens._as_dataset(numbers, torch.tensor([0, 2, 2, 6]), "")
    assert ids["input_ids"][:] == [[0, 1], [], [2, 3, 4, 5]]
    numbers += 10
    assert ids["input_ids"][:] == [[10, 11], [], [12, 13, 14, 15]]  # the same memory


@pytest.mark.parametrize("n_more", [996, 997, 998, 3000])
def test_texts_of_several_batches_keep_their_order(cache, n_more):
    documents = some_documents(*(f"filler{500 + i % 7} hello" for i in range(n_more)))
    expected = [[500 + i % 7, 7592] for i in range(n_more)]
    for _ in range(2):  # made, then read
        assert ids_of(documents)[3:] == expected


def test_a_kill_leaves_nothing_that_is_taken_for_ids(cache):
    script = """
import os, signal
from datasets import Dataset
from w2v.text import corpus, tokens
tokens.CACHED_FROM = 1
tokenizer, n_calls = corpus.load_tokenizer(), 0
encode = type(tokenizer).__call__
def killed(*arguments, **options):
    global n_calls
    n_calls += 1
    if n_calls == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return encode(*arguments, **options)
type(tokenizer).__call__ = killed
tokens.tokenize(Dataset.from_dict({"text": ["hello world"] * 5000}), tokenizer)
"""
    assert python(MADE_UP + script).returncode == -signal.SIGKILL
    assert not cache.exists()
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


@pytest.mark.parametrize("kind", [None, "numpy", "torch", "pandas", "arrow"])
def test_texts_of_any_format_and_any_integer_as_length_are_taken(kind):
    tokenizer = Vocabulary.from_strings(["a b c d"]).tokenizer()
    texts = Dataset.from_dict({"text": ["a b c d", "d c"]}).with_format(kind)
    ids = tokenize(texts, tokenizer, max_length=np.int64(3))
    assert ids["input_ids"][:] == [[2, 3, 4], [5, 4]]
