"""From text to checkpoint: the same as the steps one by one, and found again."""

from dataclasses import replace

import pytest
import torch
from text_files import write

import w2v
from w2v import pretraining
from w2v.checkpoint import checkpoint_name, load_word2vec, save_model
from w2v.config import Word2VecConfig
from w2v.model import Word2Vec
from w2v.pretraining import fastest_engine, find_or_train, pretrain, train_and_save
from w2v.text.corpus import load_documents, load_tokenizer, preprocess, vocabulary_identity
from w2v.training import train_word2vec
from w2v.windows import WindowDataset

CONFIG = Word2VecConfig(dim=7, radius=2, ratio=2, batch_size=8, epochs=2, seed=3, border="pad")


@pytest.fixture
def wikitext(data):
    """Put a hundred different paragraphs into the directory that W2V_DATA names."""
    words = ("hello", "the", "world")
    lines = [f" {words[i % 3]} {words[i // 3 % 3]} {words[i // 9 % 3]} {i} \n" for i in range(100)]
    write(data / "wikitext-2-v1/wiki.train.tokens.gz", "".join(lines))


def test_pretrain_equals_the_steps_one_by_one(wikitext, tmp_path):
    path, history = pretrain(CONFIG, tmp_path / "new", source="local", n_samples=60, progress=False)
    assert path == tmp_path / "new" / checkpoint_name(CONFIG)
    tokenizer = load_tokenizer("local")
    documents = load_documents("wikitext-2", "local", n_samples=60, seed=3)
    parts = preprocess(documents, tokenizer, valid_fraction=0.02, seed=3)
    assert [len(part) for part in parts] == [59, 1]
    train_set, valid_set = (WindowDataset.from_documents(part, 2, "pad") for part in parts)
    model = Word2Vec(len(tokenizer), 7, generator=torch.Generator().manual_seed(3))
    assert train_word2vec(model, train_set, valid_set, CONFIG, progress=False) == history
    found, config = load_word2vec(path, vocabulary=vocabulary_identity(tokenizer))
    assert config == CONFIG
    for name, table in model.state_dict().items():
        assert torch.equal(found.state_dict()[name], table)


def test_documents_give_the_trained_model_its_history_and_its_checkpoint(
    documents, tmp_path, monkeypatch
):
    given = []

    def train(model, train_set, valid_set, config, **options):
        given.append((train_set, valid_set, options))
        return train_word2vec(model, train_set, valid_set, config, **options)

    monkeypatch.setattr(pretraining, "train_word2vec", train)
    options = {"vocab_size": 11, "vocabulary": "ids", "progress": False}
    model, history, path = train_and_save(documents, documents[:1], CONFIG, tmp_path, **options)
    assert history.n_epochs == 2
    saved, _ = load_word2vec(path, vocabulary="ids")
    assert torch.equal(saved.center_embeddings.weight, model.center_embeddings.weight)
    ((train_set, valid_set, kept),) = given
    assert (len(train_set), len(valid_set)) == (25, 9)  # with "pad" each word has a window
    assert (kept["directory"], kept["vocabulary"]) == (tmp_path, "ids")  # it can be resumed


@pytest.fixture
def trained(monkeypatch):
    """Note what would be trained, and train nothing."""
    asked = []

    def stand_in(config, directory, **options):
        asked.append((config, options))
        return "a new checkpoint", None

    monkeypatch.setattr(pretraining, "pretrain", stand_in)
    return asked


def save(directory, seed=3, epoch=None, vocabulary=None, documents=100):
    """Save a model as a training on the whole corpus would, but for what is changed."""
    tokenizer = load_tokenizer("local")
    texts = load_documents("wikitext-2", "local", n_samples=documents, seed=CONFIG.seed)
    train_set, _ = preprocess(texts, tokenizer, valid_fraction=0.02, seed=CONFIG.seed)
    how = {
        "vocabulary": vocabulary or vocabulary_identity(tokenizer),
        "corpus": WindowDataset.from_documents(train_set, CONFIG.radius, CONFIG.border).identity(),
        "epoch": epoch,
    }
    return save_model(Word2Vec(5, CONFIG.dim), directory, replace(CONFIG, seed=seed), **how)


def test_a_checkpoint_of_the_same_settings_words_and_texts_is_found(
    wikitext, tmp_path, trained, capsys
):
    path = save(tmp_path)
    assert find_or_train(CONFIG, tmp_path, source="local") == path
    assert trained == [] and f"Found {path.name}.\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    "changes", [{"seed": 4}, {"epoch": 1}, {"vocabulary": "x"}, {"documents": 60}, None]
)
def test_a_checkpoint_that_is_missing_or_of_something_else_is_trained(
    wikitext, tmp_path, trained, capsys, changes
):
    said = "There is no {}: training it now."
    if changes is not None:
        save(tmp_path, **changes)
        said = "{} has other settings, words or texts: training it again."
    assert find_or_train(CONFIG, tmp_path, source="local") == "a new checkpoint"
    assert trained == [(CONFIG, {"source": "local"})]
    assert said.format(checkpoint_name(CONFIG)) in capsys.readouterr().out


def test_what_pretrain_saved_is_found(wikitext, tmp_path, capsys):
    path, _ = pretrain(CONFIG, tmp_path, source="local", progress=False)
    assert find_or_train(CONFIG, tmp_path, source="local") == path
    assert [file.name for file in tmp_path.iterdir() if file.is_file()] == [path.name]


def test_words_that_do_not_fit_are_refused_before_the_training(documents, tmp_path):
    options = {"vocab_size": 11, "vocabulary": "ids", "words": ["a"] * 11}
    with pytest.raises(ValueError, match="words must be 11 different ones"):
        train_and_save(documents, documents[:1], CONFIG, tmp_path / "new", **options)
    assert not (tmp_path / "new").exists()


def test_words_of_a_vocabulary_stay_with_the_checkpoint(tmp_path):
    texts = ["a b c d e a b c"] * 6
    tokenizer = w2v.Vocabulary.from_strings(texts).tokenizer()
    config = w2v.Word2VecConfig(dim=4, radius=1, ratio=2, batch_size=4, epochs=1)
    path, _ = w2v.pretrain_on_texts(texts, config, tmp_path, tokenizer=tokenizer)
    assert sorted(w2v.WordVectors.from_checkpoint(path).words) == [*"abcde"]


def test_the_fastest_engine_is_the_compiled_one_where_numba_is(monkeypatch, capsys):
    monkeypatch.setattr(pretraining, "find_spec", lambda name: object() if name == "numba" else 0)
    assert replace(CONFIG, border="drop", **fastest_engine()).engine == "hogwild"
    assert capsys.readouterr().out == ""
    monkeypatch.setattr(pretraining, "find_spec", lambda name: None)
    assert replace(CONFIG, **fastest_engine()).engine == "loader"
    assert "pip install 'w2v[fast]'" in capsys.readouterr().out
