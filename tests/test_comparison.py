"""The comparison with and without pretraining: paired in everything but the table."""

import json
import math
from functools import partial

import pytest
import torch

from w2v.classify.attention import ClassAttentionModel
from w2v.config import ClassifierConfig
from w2v.studies.comparison import compare_pretraining, learning_curves
from w2v.studies.statistics import paired_differences, summarise

V, D, N_CLASSES = 11, 7, 4
CONFIG = ClassifierConfig(batch_size=4, epochs=2, learning_rate=1e-2, seed=99)


def labelled_rows(n_texts, first=0):
    """Text i holds the ids i mod 11 and its class, so that texts can be told apart."""
    return [
        {"input_ids": [i % V, i % N_CLASSES, i // V], "label": i % N_CLASSES}
        for i in range(first, first + n_texts)
    ]


class Recorder:
    """Stand in for the classifier's maker and the table's loader; note what each run was given."""

    def __init__(self):
        self.runs = []

    def make(self, generator):
        model = ClassAttentionModel(V, D, N_CLASSES, generator=generator)
        run = {"start": {k: v.clone() for k, v in model.state_dict().items()}, "texts": []}
        model.register_forward_pre_hook(partial(self.note, run))
        self.runs.append(run)
        return model

    @staticmethod
    def note(run, model, inputs):
        if model.training:
            run.setdefault("free", []).append(model.embeddings.weight.requires_grad)
            run.setdefault("table", model.embeddings.weight.detach().clone())
            run["texts"] += [tuple(ids[mask].tolist()) for ids, mask in zip(*inputs, strict=True)]


def fill(classifier):
    with torch.no_grad():
        classifier.embeddings.weight.fill_(0.5)


def compare(recorder=None, config=CONFIG, n_labels=(4, 8), seeds=(0, 1)):
    make = recorder.make if recorder else partial(ClassAttentionModel, V, D, N_CLASSES)
    train_set, valid_set = labelled_rows(30), labelled_rows(12, first=30)
    return compare_pretraining(
        make,
        fill,
        train_set,
        valid_set,
        config=config,
        n_labels=n_labels,
        seeds=seeds,
        progress=False,
    )


def recorded_pairs(recorder):
    return zip(recorder.runs[::2], recorder.runs[1::2], strict=True)


def test_every_number_of_labels_and_seed_is_run_with_both_tables():
    rows = compare()
    assert [(row["seed"], row["labels"], row["system"]) for row in rows] == [
        (seed, n, table) for seed in (0, 1) for n in (4, 8) for table in ("random", "pretrained")
    ]
    assert all(len(row["valid_accuracy"]) == CONFIG.epochs for row in rows)


def test_paired_runs_see_the_same_texts_in_the_same_order():
    recorder = Recorder()
    compare(recorder)
    for random, pretrained in recorded_pairs(recorder):
        assert random["texts"] == pretrained["texts"]
    assert recorder.runs[0]["texts"] != recorder.runs[4]["texts"]  # another seed


def test_paired_runs_start_from_the_same_layers_and_differ_in_the_table_alone():
    recorder = Recorder()
    compare(recorder)
    for random, pretrained in recorded_pairs(recorder):
        for name in random["start"]:
            assert torch.equal(random["start"][name], pretrained["start"][name])
        assert torch.equal(random["table"], random["start"]["embeddings.weight"])
        assert torch.equal(pretrained["table"], torch.full((V, D), 0.5))
    assert not torch.equal(
        recorder.runs[0]["start"]["q.weight"], recorder.runs[4]["start"]["q.weight"]
    )


@pytest.mark.parametrize("freeze", [True, False])
def test_frozen_and_tuned_runs_never_mix(freeze):
    recorder = Recorder()
    config = ClassifierConfig(batch_size=4, epochs=2, learning_rate=1e-2, freeze=freeze)
    compare(recorder, config)
    assert {free for run in recorder.runs for free in run["free"]} == {not freeze}


def test_fewer_labels_are_among_the_more_of_the_same_seed():
    recorder = Recorder()
    compare(recorder)
    few, many = recorder.runs[0], recorder.runs[2]
    assert len(few["texts"]) == 4 * CONFIG.epochs and len(many["texts"]) == 8 * CONFIG.epochs
    assert set(few["texts"]) < set(many["texts"])


def test_training_texts_are_drawn_from_the_training_set_alone():
    recorder = Recorder()
    compare(recorder, n_labels=(30,))
    texts = {tuple(row["input_ids"]) for row in labelled_rows(30)}
    assert all(set(run["texts"]) == texts for run in recorder.runs)


def test_rows_repeat_and_are_plain_numbers():
    first, second = compare(), compare()
    assert first == second
    assert json.loads(json.dumps(first)) == first
    assert all(row["accuracy"] == row["valid_accuracy"][-1] for row in first)


def test_rows_are_summarised_and_paired():
    rows = compare()
    by_run = {(row["labels"], row["system"], row["seed"]): row["accuracy"] for row in rows}
    for row in summarise(rows):
        runs = [by_run[row["labels"], row["system"], seed] for seed in (0, 1)]
        assert row["accuracy_mean"] == sum(runs) / 2 and row["seeds"] == 2
    for row in paired_differences(rows):
        first, second = (
            by_run[row["labels"], "pretrained", seed] - by_run[row["labels"], "random", seed]
            for seed in (0, 1)
        )
        assert row["accuracy_mean"] == pytest.approx((first + second) / 2)
        assert row["accuracy_std"] == pytest.approx(abs(first - second) / math.sqrt(2))


@pytest.mark.parametrize(
    ("grid", "error", "message"),
    [
        ({"seeds": ()}, ValueError, r"seeds must hold at least one seed, got \(\)"),
        ({"n_labels": (4, 0)}, ValueError, "n_labels must be a positive integer, got 0"),
        ({"n_labels": (4.0,)}, TypeError, "n_labels must be a positive integer, got 4.0"),
        (
            {"n_labels": (4, 31)},
            ValueError,
            "n_labels must be at most the 30 texts of train_set, g",
        ),
    ],
)
def test_wrong_grids_are_refused_before_anything_is_trained(grid, error, message):
    recorder = Recorder()
    with pytest.raises(error, match=message):
        compare(recorder, **grid)
    assert recorder.runs == []


def test_both_tables_are_prepared_once_they_are_in_place():
    seen = []

    def fill(classifier):
        torch.nn.init.constant_(classifier.embeddings.weight, 7.0)

    compare_pretraining(
        lambda generator: ClassAttentionModel(V, D, N_CLASSES, generator=generator),
        fill,
        labelled_rows(12),
        labelled_rows(8, first=12),
        config=CONFIG,
        n_labels=(4,),
        seeds=(0,),
        prepare=lambda classifier: seen.append(classifier.embeddings.weight[0, 0].item()),
        progress=False,
    )
    assert len(seen) == 2
    assert seen[0] != 7.0 and seen[1] == 7.0  # random first, then pretrained


def test_several_tables_are_compared_with_each_other():
    recorder = Recorder()
    rows = compare_pretraining(
        recorder.make,
        {"drawn": None, "one half": fill},
        labelled_rows(9),
        labelled_rows(6, first=40),
        config=CONFIG,
        n_labels=(4,),
        seeds=(0, 1),
    )
    runs = [(seed, table) for seed in (0, 1) for table in ("drawn", "one half")]
    assert [(row["seed"], row["system"]) for row in rows] == runs
    filled = [bool((run["table"] == 0.5).all()) for run in recorder.runs]
    assert filled == [False, True, False, True]
    assert recorder.runs[0]["texts"] == recorder.runs[1]["texts"]  # paired


def test_learning_curves_are_the_runs_of_one_number_of_labels_in_time():
    rows = compare()
    curves = learning_curves(rows, 8)
    assert set(curves) == {"random", "pretrained"}
    for table, series in curves.items():
        runs = [row for row in rows if (row["labels"], row["system"]) == (8, table)]
        assert len(runs) == 2  # seeds
        for name in ("train_loss", "valid_loss", "train_accuracy", "valid_accuracy"):
            assert series[name] == [row[name] for row in runs]
            assert all(len(run) == CONFIG.epochs for run in series[name])
