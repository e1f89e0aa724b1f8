"""The command line: settings as options, one line for an error."""

import pytest

from w2v import __main__ as command
from w2v import experiments


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
