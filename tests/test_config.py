"""Settings: five that must be given, all checked, none changed afterwards."""

from dataclasses import FrozenInstanceError, asdict, fields, replace

import numpy as np
import pytest
import torch

from w2v.checks import check_choice, check_positive, check_positive_int, check_seed
from w2v.config import ClassifierConfig, Word2VecConfig, learning_rate_at, noise_exponent

NAMING = {"dim": 7, "radius": 2, "ratio": 5, "batch_size": 3, "epochs": 2}


def test_the_five_values_that_name_a_checkpoint_have_no_default():
    for name in NAMING:
        rest = {key: value for key, value in NAMING.items() if key != name}
        with pytest.raises(TypeError, match=f"missing 1 required keyword-only argument: '{name}'"):
            Word2VecConfig(**rest)


def test_settings_are_given_by_name_only():
    with pytest.raises(TypeError, match="positional"):
        Word2VecConfig(7, 2, 5, 3, 2)
    with pytest.raises(TypeError, match="positional"):
        ClassifierConfig(3, 2)


@pytest.mark.parametrize(
    "config", [Word2VecConfig(**NAMING), ClassifierConfig(batch_size=3, epochs=2)]
)
def test_settings_do_not_change_but_are_replaced(config):
    with pytest.raises(FrozenInstanceError):
        config.epochs = 9
    other = replace(config, epochs=9)
    assert asdict(other) == {**asdict(config), "epochs": 9}
    with pytest.raises(ValueError, match="epochs must be a positive integer, got 0"):
        replace(config, epochs=0)


def test_the_choices_of_the_assignment_are_the_default():
    config = Word2VecConfig(**NAMING)
    assert (config.border, config.noise, config.seed) == ("drop", "uniform", 0)


def test_every_setting_explains_itself_on_a_command_line():
    for settings in (Word2VecConfig, ClassifierConfig):
        assert all(field.metadata["help"] for field in fields(settings))


@pytest.mark.parametrize("name", NAMING)
@pytest.mark.parametrize("value", [0, -1])
def test_sizes_below_one_are_refused(name, value):
    with pytest.raises(ValueError, match=f"^{name} must be a positive integer, got {value}$"):
        Word2VecConfig(**{**NAMING, name: value})


@pytest.mark.parametrize("name", NAMING)
@pytest.mark.parametrize("value", [2.0, "2", True, None])
def test_sizes_of_another_type_are_refused(name, value):
    with pytest.raises(TypeError, match=f"^{name} must be a positive integer, got {value!r}$"):
        Word2VecConfig(**{**NAMING, name: value})


@pytest.mark.parametrize("settings", [Word2VecConfig, ClassifierConfig])
@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"learning_rate": 0}, ValueError, "learning_rate must be a finite number above 0, got 0"),
        ({"learning_rate": -1e-3}, ValueError, "learning_rate must be .* got -0.001"),
        ({"learning_rate": float("nan")}, ValueError, "learning_rate must be .* got nan"),
        ({"learning_rate": float("inf")}, ValueError, "learning_rate must be .* got inf"),
        ({"learning_rate": "0.1"}, TypeError, "learning_rate must be a number .* got '0.1'"),
        ({"seed": -1}, ValueError, r"seed must lie in 0 \.\.\. 2\*\*31 - 1, got -1"),
        ({"seed": 2**31}, ValueError, "seed must lie in .* got 2147483648"),
        ({"seed": 0.5}, TypeError, "seed must be an integer, got 0.5"),
    ],
)
def test_other_settings_out_of_range_are_refused(settings, change, error, message):
    given = NAMING if settings is Word2VecConfig else {"batch_size": 3, "epochs": 2}
    with pytest.raises(error, match=message):
        settings(**{**given, **change})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"table_rate": 0}, "table_rate must be a finite number above 0, got 0"),
        ({"attention_rate": -1.0}, "attention_rate must be a finite number above 0, got -1.0"),
        ({"word_dropout": 1.0}, r"word_dropout must lie in \[0, 1\), got 1.0"),
        ({"word_dropout": -0.1}, r"word_dropout must lie in \[0, 1\), got -0.1"),
    ],
)
def test_shares_of_a_classifiers_training_out_of_range_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        ClassifierConfig(batch_size=3, epochs=2, **change)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"border": "wrap"}, "border must be one of 'drop', 'shift', 'pad', got 'wrap'"),
        ({"noise": "zipf"}, "noise must be .* got 'zipf'"),
        ({"noise": "unigram"}, "noise must be .* got 'unigram'"),
        ({"noise": "unigram^-1"}, r"noise must be .* got 'unigram\^-1'"),
        ({"noise": "unigram^nan"}, r"noise must be .* got 'unigram\^nan'"),
    ],
)
def test_unknown_borders_and_noises_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        Word2VecConfig(**{**NAMING, **change})


def test_the_loader_refuses_shared_negatives_and_names_the_engines_that_take_them():
    message = "shared_negatives must be off for engine 'loader', got True; .*'hogwild' or 'blocks'"
    with pytest.raises(ValueError, match=message):
        Word2VecConfig(**NAMING, shared_negatives=True)


@pytest.mark.parametrize("engine", ["hogwild", "blocks"])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"objective": "cbow"}, "objective must be 'sgns' for engine '{}', got 'cbow'; take"),
        ({"objective": "skipgram"}, "objective must be 'sgns' for engine '{}', got 'skipgram'"),
        ({"max_norm": 1.0}, "max_norm must be 0 for engine '{}', got 1.0; take engine='loader'"),
    ],
)
def test_what_the_loader_alone_can_do_is_refused_elsewhere(engine, change, message):
    with pytest.raises(ValueError, match=message.format(engine)):
        Word2VecConfig(**NAMING, engine=engine, **change)
    assert Word2VecConfig(**NAMING, **change)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"objective": "glove"}, "objective must be one of 'sgns', 'skipgram', .* got 'glove'"),
        ({"max_norm": -1}, "max_norm must be a finite number above 0, got -1"),
        ({"subsample_rule": "zipf"}, "subsample_rule must be one of .* got 'zipf'"),
        (
            {"subsample_rule": "percentile", "subsample": 101},
            "subsample must be a percentile up to 100, got 101",
        ),
    ],
)
def test_unknown_objectives_rules_and_limits_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        Word2VecConfig(**NAMING, **change)


@pytest.mark.parametrize("engine", ["loader", "hogwild", "blocks"])
def test_every_engine_takes_the_settings_that_change_the_result(engine):
    settings = {"dynamic_window": True, "subsample": 1e-3, "decay": True, "border": "pad"}
    settings |= {"subsample_rule": "paper"}
    config = Word2VecConfig(**NAMING, engine=engine, **settings)
    assert settings.items() <= asdict(config).items()
    with pytest.raises(ValueError, match="subsample must be a finite number above 0, got -1"):
        replace(config, subsample=-1)


def test_the_learning_rate_stays_or_falls_to_its_floor():
    config = Word2VecConfig(**NAMING, learning_rate=0.5)  # two epochs
    points = [(1, 0.0), (1, 0.5), (2, 0.0), (2, 0.5), (2, 1.0)]
    assert [learning_rate_at(config, *point) for point in points] == [0.5] * 5
    falling = [learning_rate_at(replace(config, decay=True), *point) for point in points]
    assert falling == pytest.approx([0.5, 0.375, 0.25, 0.125, 0.5e-4])


def test_numbers_of_numpy_become_plain():
    config = Word2VecConfig(**NAMING, learning_rate=np.float32(0.25), max_norm=np.float64(2))
    assert (type(config.learning_rate), type(config.max_norm)) == (float, float)
    assert (config.learning_rate, config.max_norm) == (0.25, 2.0)


def test_the_largest_seed_is_taken():
    assert Word2VecConfig(**NAMING, seed=2**31 - 1).seed == 2**31 - 1


@pytest.mark.parametrize(
    ("noise", "exponent"), [("uniform", 0.0), ("unigram^0.75", 0.75), ("unigram^1", 1.0)]
)
def test_the_exponent_stands_in_the_name_of_the_noise(noise, exponent):
    assert noise_exponent(noise) == exponent


def test_checks_let_good_values_pass():
    for one in (1, np.int64(1), np.uint8(1), torch.tensor(1)):
        assert type(check_positive_int("n", one)) is int and check_positive_int("n", one) == 1
    assert check_positive("x", 1e-9) == 1e-9
    assert check_seed(np.int32(0)) == 0
    assert check_choice("which", "a", ("a", "b")) is None
