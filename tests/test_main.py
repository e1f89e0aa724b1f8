"""The command line: settings as options, one line for an error."""

from types import SimpleNamespace

import numpy as np
import pytest
from golden import V

import w2v
from w2v import __main__ as command
from w2v import corpus, experiments


def test_train_takes_the_configs_fields_as_options(monkeypatch, capsys):
    asked = {}

    def pretrain(config, directory, **options):
        asked.update(options, config=config, directory=directory)
        return "the path", experiments.History(valid_loss=[0.5], valid_auc=[0.75], train_loss=[1])

    monkeypatch.setattr(experiments, "pretrain", pretrain)
    status = command.main(
        "train --dim 7 --radius 2 --ratio 5 --batch_size 3 --epochs 1 --noise unigram^0.75 "
        "--source builtin --n_samples 0 --directory there".split()
    )
    assert status == 0
    config = asked["config"]
    assert (config.dim, config.radius, config.ratio) == (7, 2, 5)
    assert (config.batch_size, config.epochs, config.noise) == (3, 1, "unigram^0.75")
    assert asked["n_samples"] is None and asked["directory"] == "there"
    assert capsys.readouterr().out.splitlines() == [
        "epoch 1: validation loss 0.5000 nats per pair, AUC 0.7500",
        "the path",
    ]


@pytest.mark.parametrize("arguments", [[], ["fly"]])
def test_an_unknown_command_prints_the_commands_there_are(arguments, capsys):
    assert command.main(arguments) == 2
    assert "python -m w2v train" in capsys.readouterr().err


def test_help_is_no_error(capsys):
    assert command.main(["--help"]) == 0
    assert "python -m w2v classify" in capsys.readouterr().out


def test_a_setting_out_of_range_is_one_line_and_no_trace(capsys):
    options = "--dim 0 --radius 2 --ratio 5 --batch_size 3 --epochs 1".split()
    assert command.main(["train", *options]) == 2
    assert capsys.readouterr().err == "w2v: dim must be a positive integer, got 0\n"


def test_neighbours_needs_a_checkpoint_and_words(capsys):
    assert command.main(["neighbours", "some.ckpt"]) == 2
    assert "neighbours must get a checkpoint and words" in capsys.readouterr().err


@pytest.fixture
def checkpoint(tmp_path, monkeypatch, config, model):
    """A saved model whose rows are the words of a stand-in for the tokenizer."""

    class Tokenizer(SimpleNamespace):
        def __len__(self):
            return V

    names = [f"word{row}" for row in range(V)]
    tokenizer = Tokenizer(convert_ids_to_tokens=lambda ids: [names[row] for row in ids])
    monkeypatch.setattr(corpus, "load_tokenizer", lambda: tokenizer)
    monkeypatch.setattr(corpus, "vocabulary_identity", lambda tokenizer: "words-1")
    return w2v.save_model(model.float(), tmp_path, config, vocabulary="words-1")


@pytest.mark.parametrize("suffix", [".txt", ".bin"])
def test_export_writes_the_center_table_for_other_tools(checkpoint, capsys, model, suffix):
    output = checkpoint.with_name(f"vectors{suffix}")
    assert command.main(["export", str(checkpoint), "--output", str(output)]) == 0
    assert capsys.readouterr().out == f"11 vectors in {output}\n"
    vectors = w2v.WordVectors.load_word2vec_format(output, binary=suffix == ".bin")
    assert vectors.words == [f"word{row}" for row in range(V)]
    assert np.array_equal(vectors.vectors, model.center_embeddings.weight.detach().numpy())


def test_export_refuses_a_format_it_does_not_know(checkpoint, capsys):
    output = str(checkpoint.with_name("vectors.csv"))
    assert command.main(["export", str(checkpoint), "--output", output]) == 2
    assert capsys.readouterr().err == f"w2v: output must end in .txt or .bin, got {output!r}\n"
    assert not checkpoint.with_name("vectors.csv").exists()


def test_export_refuses_a_checkpoint_of_other_words(checkpoint, capsys, monkeypatch):
    monkeypatch.setattr(corpus, "vocabulary_identity", lambda tokenizer: "words-2")
    output = checkpoint.with_name("vectors.txt")
    assert command.main(["export", str(checkpoint), "--output", str(output)]) == 2
    assert "must hold vocabulary 'words-2', got 'words-1'" in capsys.readouterr().err
    assert not output.exists()


@pytest.mark.parametrize(("arguments", "status"), [(["--help"], 0), ([], 2), (["a.ckpt"], 2)])
def test_export_says_what_it_wants(capsys, arguments, status):
    with pytest.raises(SystemExit) as left:
        command.main(["export", *arguments])
    assert left.value.code == status
    printed = capsys.readouterr()
    assert "--output" in printed.out + printed.err


def test_neighbours_prints_the_words_nearest_to_each(checkpoint, capsys):
    assert command.main(["neighbours", str(checkpoint), "word3", "word5"]) == 0
    printed = capsys.readouterr().out
    assert "word3" in printed and "word5" in printed and "word7" in printed
