"""The built-in corpus: docstrings of installed packages, built once and cached."""

import gzip
import json
import os
import re
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from w2v import files, load_documents, load_labelled, load_tokenizer, preprocess, tokenize
from w2v.text import builtin

ROOT = Path(__file__).parents[1]
NUMBERS = "one two three four five six seven eight nine ten".split()


def docstring(package: str, i: int) -> str:
    """Write a docstring of 30 words or more, another one for each i."""
    words = " ".join(NUMBERS[int(digit)] for digit in f"{i:03d}")
    return f"Use {package}.f for {words}. " + "It takes an array and returns a new array. " * 3


@pytest.fixture
def packages(tmp_path, monkeypatch):
    """Put small packages and an empty cache in the place of the real ones."""
    monkeypatch.setenv("W2V_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(builtin, "_root", lambda package: tmp_path / package)
    for size, package in enumerate(("python", *builtin.PACKAGES), start=20):
        functions = [
            f'def f{i}():\n    """{docstring(package, i)}"""\n'
            for i in range(size * 100, size * 100 + size)
        ]
        write(tmp_path / package / "module.py", "\n".join(functions))
    return tmp_path


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def everything() -> list[str]:
    return [text for split in ("train", "validation", "test") for text in builtin.documents(split)]


def cached(packages: Path, name: str) -> Path:
    [path] = (packages / "cache").glob(f"{name}-*.json.gz")
    return path


# Documents


def test_docstrings_of_modules_classes_and_functions_are_documents(packages):
    long = {kind: docstring(kind, 1) for kind in ("module", "class", "method", "inner", "late")}
    write(
        packages / "numpy" / "sub" / "kinds.py",
        f'''"""{long["module"]}"""
class A:
    """{long["class"]}"""
    async def f(self):
        """{long["method"]}"""
        def g():
            """{long["inner"]}"""
if True:
    def h():
        r"""{long["late"]}"""
        text = """{docstring("no docstring", 1)}"""
''',
    )
    texts = everything()
    assert all(" ".join(text.split()) in texts for text in long.values())
    assert not any("no docstring" in text for text in texts)


def test_a_document_has_25_words_or_more_and_is_there_once(packages):
    words = [f"w{i}" for i in range(25)]
    short, enough = " ".join(words[:24]), " ".join(words)
    twice = enough.replace(" ", "\n    ")
    write(
        packages / "numpy" / "short.py",
        f'"""{short}"""\ndef f():\n    """{enough}"""\ndef g():\n    """{twice}"""\n',
    )
    texts = everything()
    assert texts.count(enough) == 1 and short not in texts


def test_underlines_and_the_brackets_of_special_tokens_are_taken_out(packages):
    write(
        packages / "numpy" / "rules.py",
        f'"""Parameters\n----------\n[PAD] and [CLS] a-b {docstring("rules", 1)}"""',
    )
    [text] = [text for text in everything() if "rules" in text]
    assert text.startswith("Parameters PAD and CLS a-b Use rules.f")


def test_tests_and_files_that_do_not_parse_are_skipped(packages):
    for folder in ("test", "tests", "site-packages", "__pycache__"):
        write(packages / "numpy" / folder / "a.py", f'"""{docstring("skipped", 1)}"""')
    write(packages / "numpy" / "broken.py", f'"""{docstring("skipped", 2)}"""\ndef f(:')
    (packages / "numpy" / "latin.py").write_bytes(b'"""\xe9\xff"""')
    write(packages / "numpy" / "null.py", "\0")
    assert not any("skipped" in text for text in everything())


def test_warnings_of_the_read_source_stay_silent(packages):
    write(
        packages / "numpy" / "escape.py",
        f'"""A \\d escape. {docstring("escape", 1)}"""\nx = 1 is 1',
    )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert any("escape" in text for text in everything())
    assert caught == []


def test_a_package_that_is_not_installed_is_left_out(packages, monkeypatch):
    there = builtin._root
    monkeypatch.setattr(builtin, "_root", lambda p: None if p == "networkx" else there(p))
    assert not any("networkx" in text for text in everything())


def test_a_package_is_found_without_being_imported():
    script = (
        "import sys; from w2v.text import builtin;"
        "print(len(list(builtin._docstrings_of('networkx'))) > 500, 'networkx' in sys.modules)"
    )
    run = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, timeout=60
    )
    assert run.stdout == "True False\n", run.stderr


def test_the_splits_share_no_document_and_miss_none(packages):
    parts = [builtin.documents(split) for split in ("train", "validation", "test")]
    texts = [text for part in parts for text in part]
    assert len(texts) == len(set(texts)) == sum(range(20, 28))
    assert [len(part) for part in parts] == [152, 18, 18]


# Labelled texts


def test_labelled_texts_are_balanced_from_their_head_on(packages):
    texts, labels, names = builtin.labelled("train")
    assert names == builtin.LIBRARIES and len(texts) == len(labels)
    assert labels[:8] == [0, 1, 2, 3, 0, 1, 2, 3]
    assert {labels.count(i) for i in range(4)} == {len(labels) // 4}


def test_each_text_carries_the_label_of_its_library(packages):
    texts, labels, names = builtin.labelled("train")
    for text, label in zip(texts, labels, strict=True):
        number = 20 + ["python", *builtin.PACKAGES].index(names[label])
        assert f"for {' '.join(NUMBERS[int(digit)] for digit in str(number))} " in text


def test_labelled_texts_do_not_name_their_library(packages):
    for split in ("train", "test"):
        texts, _, names = builtin.labelled(split)
        assert texts and not any(re.search("|".join(names), text) for text in texts)


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("import torch.nn", "import library.nn"),
        ("PyTorch and torchvision", "library and library"),
        (
            "the torch_dtype of np.ndarray, pd.NA",
            "the library_dtype of library.ndarray, library.NA",
        ),
        ("Hugging Face Transformers, HF", "library library, library"),
        ("SymPy (pandas)", "library (library)"),
        ("a torch is an update, not numpyro", "a library is an update, not numpyro"),
        ("plt.plot an input", "library.plot an input"),
    ],
)
def test_names_are_masked_and_other_words_are_not(text, masked):
    assert builtin.mask_names(text) == masked


def test_labelled_test_texts_were_never_trained_on(packages):
    train = {builtin.mask_names(text) for text in builtin.documents("train")}
    train_texts, _, _ = builtin.labelled("train")
    test_texts, _, _ = builtin.labelled("test")
    assert test_texts and train.union(train_texts).isdisjoint(test_texts)


def test_texts_that_differ_in_a_masked_name_alone_are_one_document(packages):
    for name in ("pandas", "sympy"):
        write(packages / name / "same.py", f'"""{docstring(name, 1)} And this is shared."""')
    assert sum("shared" in text for text in everything()) == 1


# Tokenizer


def test_the_tokenizer_lower_cases_and_knows_pad_and_unknown(packages):
    tokenizer = builtin.tokenizer()
    assert (tokenizer.pad_token_id, tokenizer.unk_token_id) == (0, 1) and tokenizer.is_fast
    assert tokenizer.tokenize("An ARRAY. array") == ["an", "array", ".", "array"]
    assert tokenizer("[PAD] 漢")["input_ids"] == [0, 1]


def test_the_tokenizer_covers_the_corpus_without_special_tokens(packages):
    documents = load_documents(source="builtin", n_samples=None)
    tokenizer = load_tokenizer("builtin")
    train, valid = preprocess(documents, tokenizer)
    labelled = tokenize(load_labelled(source="builtin"), tokenizer)
    for part in (train, valid, labelled):
        assert {0, 1}.isdisjoint(i for ids in part["input_ids"] for i in ids)
        assert all(i < len(tokenizer) for ids in part["input_ids"] for i in ids)


def test_every_run_gives_the_same_pieces_the_same_ids(packages):
    """The trainer's own order differs from process to process, so two processes are compared."""
    script = (
        "import hashlib, json, sys; from w2v.text import builtin;"
        "texts = json.load(sys.stdin);"
        "print(hashlib.sha256(builtin._train_tokenizer(texts).encode()).hexdigest())"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-c", script],
            input=json.dumps(everything()),
            capture_output=True,
            text=True,
            cwd=ROOT,
            timeout=60,
        ).stdout
        for _ in range(3)
    }
    assert len(digests) == 1 and len(digests.pop()) == 65


# Cache


def test_the_corpus_is_built_once_with_one_sentence(packages, capsys):
    first = everything()
    assert capsys.readouterr().out == (
        "Reading the docstrings of the installed packages, once; this takes about a minute.\n"
    )
    write(packages / "numpy" / "module.py", "")  # never looked at again
    assert everything() == first
    assert capsys.readouterr().out == ""


def test_another_version_of_a_package_is_another_corpus(packages, monkeypatch, capsys):
    everything()
    capsys.readouterr()
    monkeypatch.setattr(builtin.importlib.metadata, "version", lambda package: "99.0")
    everything()
    assert "once" in capsys.readouterr().out
    assert len(list((packages / "cache").iterdir())) == 2


@pytest.mark.parametrize("name", ["documents", "tokenizer"])
@pytest.mark.parametrize(
    "damage", ["empty", "cut", "flipped", "other", "numbers", "nothing", "huge", "folder", "pipe"]
)
def test_a_broken_cache_is_built_again(packages, monkeypatch, name, damage):
    monkeypatch.setattr(builtin, "LARGEST", 2**20)
    first, identity = everything(), builtin.tokenizer().get_vocab()
    path = cached(packages, name)
    whole = path.read_bytes()
    middle = len(whole) // 2
    if damage in ("folder", "pipe"):
        path.unlink()
        os.mkfifo(path) if damage == "pipe" else path.mkdir()
    else:
        flipped = whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :]
        broken = {"empty": b"", "cut": whole[:middle], "flipped": flipped, "other": b"{}"}
        broken["numbers"] = gzip.compress(json.dumps([path.name, [["python", 1]]]).encode())
        nothing = {"documents": [], "tokenizer": "{}"}[name]
        broken["nothing"] = gzip.compress(json.dumps([path.name, nothing]).encode())
        broken["huge"] = gzip.compress(json.dumps([path.name, "a" * 2**21]).encode())
        path.write_bytes(broken[damage])
    assert everything() == first and builtin.tokenizer().get_vocab() == identity
    if damage not in ("folder", "pipe"):
        assert path.read_bytes() == whole


def test_a_cache_that_cannot_be_written_costs_one_sentence(packages, monkeypatch, capsys):
    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "replace", full)
    assert everything()
    assert "could not be cached (No space left on device)" in capsys.readouterr().out
    assert list((packages / "cache").iterdir()) == []


def test_no_docstring_at_all_is_refused(packages, monkeypatch):
    monkeypatch.setattr(builtin, "_root", lambda package: None)
    with pytest.raises(ValueError, match="must come with their source, got no docstring"):
        everything()
    assert not os.path.exists(packages / "cache")


# The real packages


def test_the_installed_packages_hold_more_words_than_wikitext_2():
    documents = [text for split in ("train", "test") for text in builtin.documents(split)]
    assert len(documents) > 15_000 and sum(len(text.split()) for text in documents) > 2_000_000
    assert all(len(text.split()) >= builtin.MIN_WORDS for text in documents)
    texts, labels, _ = builtin.labelled("train")
    assert len(texts) > 6_000 and labels.count(0) == labels.count(3)
    assert 8_000 < len(builtin.tokenizer()) <= builtin.VOCABULARY_SIZE
