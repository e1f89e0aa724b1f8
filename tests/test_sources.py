"""Where text comes from: the directory, the hub, or the built-in corpus (Q3.1)."""

import pytest
from text_files import python

from w2v.text import catalogue, corpus, sources
from w2v.text.corpus import load_documents, load_tokenizer
from w2v.text.labelled import load_labelled
from w2v.text.sources import resolve_source

pytestmark = pytest.mark.usefixtures("fresh_process")


def test_the_directory_is_taken_first_and_named_once(data, capsys):
    assert resolve_source() == "local"
    load_documents()
    load_tokenizer()
    assert capsys.readouterr().out == "Text comes from the directory in W2V_DATA.\n"


def test_the_hub_is_taken_next_where_it_answers(monkeypatch, capsys):
    monkeypatch.delenv("W2V_DATA", raising=False)
    monkeypatch.setattr(sources, "_hub_answers", lambda: True)
    assert resolve_source() == "hub"
    assert capsys.readouterr().out == "Text comes from the Hugging Face hub.\n"


def test_the_hub_is_taken_without_an_answer_where_its_cache_holds_all(monkeypatch, capsys):
    monkeypatch.delenv("W2V_DATA", raising=False)
    held = {"bert-base-uncased", "wikitext-2"}
    monkeypatch.setattr(sources, "_is_cached", lambda name: name in held)
    assert resolve_source() == "hub"
    assert "local cache, since the hub does not answer" in capsys.readouterr().out
    monkeypatch.setattr(sources, "_settled", {})
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
    monkeypatch.setattr(sources, "_hub_answers", lambda: True)  # the network comes back
    monkeypatch.setattr(corpus.builtin, "tokenizer", lambda: "the built-in tokenizer")
    assert load_tokenizer() == "the built-in tokenizer"


def test_a_forced_source_prints_nothing_and_stays(data, capsys):
    assert [resolve_source(s) for s in ("local", "hub", "builtin")] == ["local", "hub", "builtin"]
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("load", [load_documents, load_labelled, load_tokenizer])
def test_a_forced_hub_that_does_not_answer_is_one_clear_error(load, tmp_path):
    closed = {"HF_HOME": str(tmp_path), "HF_ENDPOINT": "http://127.0.0.1:9"}
    run = python(f"import w2v; w2v.{load.__name__}(source='hub')", closed)
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


def test_nothing_heavy_is_imported_before_it_is_needed():
    script = (
        "import sys, w2v.text.corpus, w2v.text.labelled;"
        "print([m for m in ('datasets', 'transformers', 'tokenizers') if m in sys.modules])"
    )
    run = python(script)
    assert run.stdout == "[]\n", run.stderr


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: resolve_source("disk"), "source must be one of 'auto', .*, got 'disk'"),
        (lambda: resolve_source(needs=("yelp",)), "needs must be one of .*, got 'yelp'"),
    ],
)
def test_a_wrong_argument_is_named(data, call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_a_folder_with_the_name_of_a_repository_is_not_taken_for_the_hub(tmp_path, monkeypatch):
    (tmp_path / "fancyzhx/ag_news").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    message = "the current directory must hold no 'fancyzhx/ag_news', which would be read in place"
    with pytest.raises(ValueError, match=message):
        sources.from_hub(catalogue.LABELLED["ag_news"].hub, "train")
