"""One run of a study: its embedding table, its control, its baselines."""

import json
import sys
from dataclasses import replace
from fractions import Fraction
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from text_files import write_news

from w2v.checkpoint import load_word2vec
from w2v.classify.texts import TextDataset
from w2v.classify.training import ClassifierHistory
from w2v.config import Word2VecConfig
from w2v.evaluation import evaluate_word2vec
from w2v.files import CheckpointError
from w2v.studies import plans, systems
from w2v.studies.grid import digest
from w2v.studies.systems import (
    CONTROLS,
    N_DOCUMENTS_HELD_OUT,
    Data,
    control_table,
    load_data,
    mean_vectors,
    run_system,
    table_path,
    train_table,
)
from w2v.text.labelled import split_labelled
from w2v.windows import WindowDataset

ROOT = Path(__file__).parents[1]
V, D, N_CLASSES = 40, 8, 4
CONFIG = {"dim": D, "radius": 2, "ratio": 2, "batch_size": 8, "epochs": 3, "seed": 3}
TABLE = {"config": CONFIG, "share": 1.0, "source": "planted"}
RUN = {"part": "test", "n_labels": 60, "seed": 0, "source": "planted"}
BEST = {
    "system": "attention",
    "table": TABLE,
    "read": {"table": "sum", "standardise": True},
    "model": {"readout": "class", "start": "uniform"},
    "training": {"batch_size": 8, "epochs": 3, "learning_rate": 0.05},
}


def planted(n_texts, seed, n_words=6):
    """Texts of words of their class, ten words a class."""
    draw = torch.Generator().manual_seed(seed)
    return [
        {
            "input_ids": (10 * (i % 4) + torch.randint(10, (n_words,), generator=draw)).tolist(),
            "label": i % 4,
        }
        for i in range(n_texts)
    ]


@pytest.fixture(autouse=True)
def planted_data(monkeypatch):
    parts = {"train": planted(80, 1), "valid": planted(20, 2), "test": planted(40, 3)}
    texts = {
        part: [" ".join(f"word{i}" for i in row["input_ids"]) for row in rows]
        for part, rows in parts.items()
    }
    data = Data(
        **{part: TextDataset.from_documents(rows) for part, rows in parts.items()},
        texts=texts,
        documents=planted(500, 4, n_words=12),
        vocabulary="planted",
        vocab_size=V,
        n_classes=N_CLASSES,
        split="planted rows",
        digest="of planted rows",
    )
    monkeypatch.setattr(systems, "load_data", lambda source: data)
    monkeypatch.setattr(plans, "load_data", lambda source: data)
    return data


@pytest.fixture
def trained(monkeypatch):
    """Note what each classifier would be trained with, and train none."""
    runs = []

    def train_classifier(classifier, train_set, valid_set, config, **_):
        state = {name: value.clone() for name, value in classifier.state_dict().items()}
        runs.append(
            SimpleNamespace(
                start=state, learned=listed(train_set), watched=listed(valid_set), config=config
            )
        )
        return ClassifierHistory()

    monkeypatch.setattr(systems, "train_classifier", train_classifier)
    return runs


def listed(texts):
    """The ids and the label of each text."""
    return [(tuple(texts[i]["input_ids"].tolist()), texts[i]["label"]) for i in range(len(texts))]


def saved_model(directory):
    """The one table that was trained there, after its last epoch."""
    (path,) = last_checkpoints(directory)
    return load_word2vec(path, vocabulary="planted")[0]


def last_checkpoints(directory):
    return [path for path in directory.rglob("*.ckpt") if path.parent.name != "best"]


def test_held_out_rows_are_kept_from_word2vec_and_each_part_keeps_its_texts(data, monkeypatch):
    words = ("hello", "the", "world")
    rows = [
        [str(i % 4 + 1), words[i // 9], f"{words[i // 3 % 3]} {words[i % 3]}"] for i in range(20)
    ]
    write_news(data / "ag_news/train_partial.csv.gz", rows)
    split = partial(split_labelled, n_valid=4, n_test=6)
    monkeypatch.setattr(systems, "split_labelled", split)
    loaded, again = (load_data.__wrapped__("local") for _ in range(2))
    ids = {"hello": 7592, "the": 1996, "world": 2088}
    label_of = {" ".join(row[1:]): int(row[0]) - 1 for row in rows}
    *parts, _ = split("ag_news", "local")
    for part, wanted in zip(systems.PARTS, parts, strict=True):
        texts = loaded.texts[part]
        assert texts == wanted["text"][:]
        assert listed(getattr(loaded, part)) == [
            (tuple(ids[word] for word in text.split()), label_of[text]) for text in texts
        ]
    documents = [tuple(int(i) for i in row["input_ids"]) for row in loaded.documents]
    learned, tested = ({text for text, _ in listed(part)} for part in (loaded.train, loaded.test))
    watched = {text for text, _ in listed(loaded.valid)}
    assert learned <= set(documents) and not (watched | tested) & set(documents)
    assert (len(learned), len(watched), len(tested)) == (10, 4, 6)
    assert len(documents) == 10 + 3  # three paragraphs of WikiText-2
    assert {documents.index(text) for text in learned} != set(range(10))  # mixed
    assert [tuple(row["input_ids"]) for row in again.documents] == documents
    assert (loaded.n_classes, loaded.split) == (4, "held-out training rows")
    assert loaded.vocab_size > 7592 and loaded.vocabulary == again.vocabulary != ""


def test_shuffled_rows_are_the_same_rows_in_another_order():
    table = torch.randn(V, D, generator=torch.Generator().manual_seed(0))
    changed = control_table(table, CONTROLS[1], torch.Generator().manual_seed(1))
    assert not torch.equal(changed, table)
    assert sorted(changed.tolist()) == sorted(table.tolist())


def test_random_rows_keep_the_norms_and_nothing_else():
    table = torch.randn(V, D, generator=torch.Generator().manual_seed(0))
    changed = control_table(table, CONTROLS[2], torch.Generator().manual_seed(1))
    torch.testing.assert_close(changed.norm(dim=1), table.norm(dim=1))
    cosines = torch.nn.functional.cosine_similarity(changed, table)
    assert cosines.abs().mean() < 0.5  # of equal rows it would be 1


def test_no_control_leaves_the_table_as_it_is():
    table = torch.randn(V, D, generator=torch.Generator().manual_seed(0))
    assert torch.equal(control_table(table, CONTROLS[0], torch.Generator()), table)


def test_means_equal_plain_loops():
    rows = [{"input_ids": ids, "label": 0} for ids in ([3, 1, 3], [], [7])]
    table = torch.randn(V, D, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    means = mean_vectors(table, TextDataset.from_documents(rows)).tolist()
    for row, mean in zip(rows, means, strict=True):
        vectors = [table[i].tolist() for i in row["input_ids"]]
        expected = [sum(x) / len(x) for x in zip(*vectors, strict=True)] or [0.0] * D
        assert mean == pytest.approx(expected, rel=1e-5)


def test_a_table_is_trained_on_its_share_and_scored_on_documents_held_out(tmp_path, planted_data):
    whole = train_table(tmp_path, TABLE)
    half = train_table(tmp_path / "half", TABLE | {"share": 0.5})
    n_rest = 500 - N_DOCUMENTS_HELD_OUT
    assert (whole["n_words"], half["n_words"]) == (12 * n_rest, 12 * n_rest // 2)
    assert whole["valid_loss"] != half["valid_loss"]
    held_out, rest = (planted_data.documents[part] for part in (slice(400), slice(400, None)))
    config = Word2VecConfig(**CONFIG)
    counts = WindowDataset.from_documents(rest, 2).counts(V)
    for question, prefix in ((config, "valid"), (systems.COMMON, "common")):
        windows = WindowDataset.from_documents(held_out, question.radius)
        (path,) = (path for path in last_checkpoints(tmp_path) if "half" not in path.parts)
        scores = evaluate_word2vec(load_word2vec(path)[0], windows, question, counts=counts)
        assert (whole[f"{prefix}_loss"], whole[f"{prefix}_auc"]) == (scores.loss, scores.model.auc)


def test_tables_of_other_settings_lie_apart_and_start_from_their_seed(tmp_path):
    still = {"learning_rate": 1e-30, "epochs": 1}
    tables = [TABLE | {"config": {**CONFIG, **still, "seed": seed}} for seed in (3, 4)]
    for table in (*tables, tables[0] | {"share": 0.5}):
        train_table(tmp_path, table)
    paths = list(tmp_path.iterdir())
    assert len(paths) == 3  # though the file names agree
    found = [saved_model(path).center_embeddings.weight for path in paths]
    assert len({table[0, 0].item() for table in found}) == 2


@pytest.mark.parametrize("system", ["attention", "mean of vectors", "TF-IDF"])
def test_each_system_learns_a_planted_question_and_repeats(tmp_path, system):
    if system != "attention":
        pytest.importorskip("sklearn")
    train_table(tmp_path, TABLE)
    run = partial(run_system, tmp_path, BEST | RUN | {"system": system})
    first = run()
    assert first["accuracy"] > 0.6  # guessing gives 0.25
    assert run() == first


def test_a_run_is_measured_on_the_part_that_its_settings_name(tmp_path, planted_data):
    train_table(tmp_path, TABLE)
    on_test, on_valid = (
        run_system(tmp_path, BEST | RUN | {"part": part}) for part in ("test", "valid")
    )
    assert on_valid["accuracy"] == on_valid["valid_accuracy"][-1]  # all 20 rows are watched
    assert on_test["valid_accuracy"] == on_valid["valid_accuracy"]


@pytest.mark.parametrize("system", ["mean of vectors", "TF-IDF"])
def test_validation_rows_choose_the_regularisation_of_a_baseline(tmp_path, monkeypatch, system):
    linear_model = pytest.importorskip("sklearn.linear_model")
    n_valid = 20

    class Regression:
        def __init__(self, C, **_):  # noqa: N803 (its name there)
            self.strength = C

        def fit(self, inputs, labels):
            return self

        def score(self, inputs, labels):
            on_valid = len(labels) == n_valid
            return {1: 0.1, 10: 0.9, 100: 0.5}[self.strength] if on_valid else self.strength / 1000

    train_table(tmp_path, TABLE)
    monkeypatch.setattr(linear_model, "LogisticRegression", Regression)
    found = run_system(tmp_path, BEST | RUN | {"system": system, "part": "test"})
    assert found["accuracy"] == 0.01


def test_no_system_learns_from_the_rows_that_it_is_measured_on(tmp_path, monkeypatch, planted_data):
    """The test rows carry the next class: who learns from training rows alone gets none right."""
    pytest.importorskip("sklearn")
    train_table(tmp_path, TABLE)
    test = planted_data.test
    moved = TextDataset(test.tokens, test.starts, test.ends, (test.labels + 1) % N_CLASSES)
    data = replace(planted_data, test=moved)
    monkeypatch.setattr(systems, "load_data", lambda source: data)
    for system in ("attention", "mean of vectors", "TF-IDF"):
        run = BEST | RUN | {"system": system}
        on_test, on_valid, of_few = (
            run_system(tmp_path, run | change)["accuracy"]
            for change in ({}, {"part": "valid"}, {"part": "valid", "n_labels": 3})
        )
        assert on_test < 0.2 and on_valid > 0.8, system  # guessing gives 0.25
        # Of three texts logistic regression knows three classes at the most.
        assert system == "attention" or of_few <= 0.75, system


def test_a_run_learns_from_its_own_training_rows_and_is_watched_on_validation_rows(
    tmp_path, trained, planted_data
):
    train_table(tmp_path, TABLE)
    for seed in (0, 0, 1):
        run_system(tmp_path, BEST | RUN | {"seed": seed, "n_labels": 30})
    first, again, other = trained
    for run in trained:
        assert len(set(run.learned)) == 30 and set(run.learned) <= set(listed(planted_data.train))
        assert run.watched == listed(planted_data.valid)
    assert first.learned == again.learned != listed(planted_data.train)[:30]
    assert set(first.learned) != set(other.learned)
    assert (first.config.seed, other.config.seed) == (0, 1)
    assert first.config.learning_rate == 0.05
    assert torch.equal(first.start["q.weight"], again.start["q.weight"])
    assert not torch.equal(first.start["q.weight"], other.start["q.weight"])


def test_random_and_pretrained_runs_differ_in_the_table_alone(tmp_path, trained):
    train_table(tmp_path, TABLE)
    for table in (TABLE, None):
        run_system(tmp_path, BEST | RUN | {"table": table, "dim": D})
    pretrained, random = (run.start for run in trained)
    for name in random:
        assert torch.equal(random[name], pretrained[name]) == (name != "embeddings.weight")


def test_a_run_starts_from_the_table_and_the_form_that_its_settings_name(tmp_path, trained):
    train_table(tmp_path, TABLE)
    model = saved_model(tmp_path)
    center, context = (table.detach() for table in model.parameters())
    for change in (
        {"read": {"table": "context"}},
        {"read": {"table": "sum"}, "control": CONTROLS[1]},
        {"read": {"table": "sum"}, "control": CONTROLS[2]},
        {"read": {"table": "sum"}, "model": {}, "align_values": True},
        {"read": {"table": "sum"}, "model": {}},
    ):
        run_system(tmp_path, BEST | RUN | change)
    plain, shuffled, random, aligned, drawn = (run.start for run in trained)
    assert torch.equal(plain["embeddings.weight"], context)
    assert "class_readout" in plain and "class_readout" not in aligned
    table = center + context
    for start, control in ((shuffled, CONTROLS[1]), (random, CONTROLS[2])):
        changed = start["embeddings.weight"]
        kept = (
            (changed, table) if control == CONTROLS[1] else (changed.norm(dim=1), table.norm(dim=1))
        )
        torch.testing.assert_close(*(torch.sort(x, dim=0).values for x in kept))
        assert not torch.allclose(changed, table)
    for start in (aligned, drawn):
        assert torch.equal(start["embeddings.weight"], table)
    mean = table.double().mean(0) / table.double().mean(0).norm()
    torch.testing.assert_close(aligned["v.weight"], mean.float().expand(D, D))
    assert drawn["v.weight"].std(0).min() > 0.01  # as PyTorch draws them


def test_a_table_of_another_vocabulary_is_refused(tmp_path, monkeypatch, planted_data):
    train_table(tmp_path, TABLE)
    data = replace(planted_data, vocabulary="other words")
    monkeypatch.setattr(systems, "load_data", lambda source: data)
    with pytest.raises(CheckpointError, match="vocabulary 'other words', got 'planted'"):
        run_system(tmp_path, BEST | RUN)


def test_every_study_names_runs_that_the_systems_take(planted_data):
    for study in plans.STUDIES.values():
        for run in study((0, 1), "planted"):
            assert run["part"] == "test" and run["name"]
            if run["system"] == "attention":
                systems.ClassifierConfig(**run["training"], seed=run["seed"])
                systems.ClassAttentionModel(V, D, 4, **run["model"])
            if run.get("table"):
                systems.Word2VecConfig(**run["table"]["config"])


def flat(settings, path=""):
    """Each setting of a run by its path."""
    found = {}
    for key, value in settings.items():
        inner = isinstance(value, dict) and key != "table"
        found |= flat(value, f"{path}{key}.") if inner else {f"{path}{key}": value}
    return found


CHANGED = {  # by the name of a run: the settings that differ from the tuned classifier
    "tuned (sum of both tables)": {},
    "frozen": {"training.freeze": True},
    "center table": {"read.table": "center"},
    "context table": {"read.table": "context"},
    "shuffled rows": {"control": "shuffled rows"},
    "random rows of the same norms": {"control": "random rows of the same norms"},
    "all options": {},
    "class readout, no hidden layer": {"model.readout": "class"},
    "hidden layer": {"model.readout": "hidden"},
    "without class readout": {"model.readout": None},
    "without uniform start": {"model.start": None},
    "without standardised table": {"read.standardise": None},
    "without slow attention": {"training.attention_rate": 1.0},
    "without slow table": {"training.table_rate": 1.0},
    "without falling rate": {"training.decay": False},
    "without word dropout": {"training.word_dropout": 0.0},
}


@pytest.mark.parametrize("study", [plans.controls_study, plans.options_study])
def test_each_run_of_a_study_changes_in_the_tuned_classifier_what_its_name_says(study):
    runs = study((0, 1), "planted")
    assert {(run["n_labels"], run["seed"]) for run in runs} == {
        (n, s) for n in (500, 5000) for s in (0, 1)
    }
    assert len({run["name"] for run in runs}) * 4 == len(runs)
    for run in runs:
        seed, n = run["seed"], run["n_labels"]
        form = {**plans.tuned_classifier(n), "table": plans.table_settings(seed, "planted")}
        expected = flat(form) | CHANGED[run["name"]]
        found = flat(run)
        assert {path: found.get(path) for path in expected} == expected, run["name"]
        assert found["table"]["config"]["seed"] == seed


def test_the_labs_classifier_is_measured_with_its_values_as_drawn_too():
    labels = plans.labels_study((0, 1), "x", (500, 5000))
    pairs = {
        plans.RANDOM: plans.RANDOM_AS_DRAWN,
        plans.WIKI: plans.WIKI_AS_DRAWN,
        plans.PRETRAINED: plans.VALUES_AS_DRAWN,
    }
    for name, as_drawn in pairs.items():
        aligned, drawn = ([run for run in labels if run["name"] == n] for n in (name, as_drawn))
        assert len(aligned) == 4 and all(run["align_values"] for run in aligned)
        assert drawn == [run | {"name": as_drawn, "align_values": False} for run in aligned]


def test_a_table_of_wikipedia_differs_in_its_text_alone():
    runs = plans.labels_study((0, 1), "x", (500,))
    both, wiki = (
        [run["table"] for run in runs if run["name"] == name]
        for name in (plans.PRETRAINED, plans.WIKI)
    )
    assert wiki == [table | {"only_wiki": True} for table in both]


def test_with_and_without_pretraining_differ_in_the_table_alone():
    runs = {
        (run["n_labels"], run["seed"], run["name"]): run for run in plans.labels_study((0, 1), "x")
    }
    assert len(runs) == len(plans.LABELS) * 2 * 9
    for (n, seed, name), run in runs.items():
        table = run.get("table")
        assert table is None or table["config"]["seed"] == seed
        if name == plans.RANDOM:
            pretrained = runs[n, seed, plans.PRETRAINED]
            d = pretrained["table"]["config"]["dim"]
            assert run == pretrained | {"name": name, "table": None, "dim": d}
            assert run["align_values"] and run["training"] == plans.LAB_TRAINING[n]


SETTING_OF = {"R": "radius", "K": "ratio", "d": "dim", "E": "epochs", "corpus": "share"}


def test_each_point_of_the_ablation_changes_in_the_base_what_its_name_says():
    runs = plans.ablation_study((0, 1), "planted")
    base = plans.table_settings(0, "planted", plans.BASE)
    base = {**base["config"], "share": base["share"]}
    assert len({(run["name"], run["seed"]) for run in runs}) == len(runs) == 2 * len(plans.POINTS)
    for run in runs:
        table = run["table"]
        assert run["seed"] == table["config"]["seed"]
        assert run["n_labels"] == plans.ABLATION_LABELS
        form = plans.tuned_classifier(plans.ABLATION_LABELS, freeze=True)
        assert {part: run[part] for part in form} == form and run["training"]["freeze"]
        found = {**table["config"], "share": table["share"]}
        changed = {key for key in found if found[key] != base.get(key)} - {"seed", "epochs"}
        setting, _, value = run["name"].partition("=")
        setting = SETTING_OF.get(setting, setting)
        assert changed == {setting} - {"base", "epochs"}
        if setting != "base":
            assert str(found[setting]) == (str(float(Fraction(value))) if "/" in value else value)
        n_pairs = found["radius"] * found["epochs"] * found["share"]  # a word, but for K
        same = n_pairs == base["radius"] * base["epochs"]
        assert same == (run["name"] not in plans.FREE_BUDGET)


def test_each_point_of_the_lab_s_ablation_changes_what_its_name_says():
    runs = plans.lab_ablation_study((0, 1), "planted")
    base = plans.table_settings(0, "planted", plans.LAB_BASE)
    base = {**base["config"], "share": base["share"], "only_wiki": base["only_wiki"]}
    keys = {(run["name"], run["seed"], run["table"]["config"]["seed"]) for run in runs}
    assert len(keys) == len(runs) and {key[1:] for key in keys} == {
        (seed, of_table) for seed in (0, 1) for of_table in plans.LAB_TABLES
    }
    for run in runs:
        assert run["n_labels"] == plans.LAB_LABELS and run["align_values"]
        assert run["training"] == plans.LAB_TRAINING[plans.LAB_LABELS]
        table = run["table"]
        found = {**table["config"], "share": table["share"], "only_wiki": table["only_wiki"]}
        name = run["name"].removesuffix(plans.SAME_PAIRS)
        changed = {key for key in found if found[key] != base.get(key)} - {"seed"}
        setting, _, value = name.partition("=")
        if name.startswith("as "):
            others = {key for key in plans.WORD2VEC if found[key] != plans.WORD2VEC[key]}
            left_out = {"noise=uniform": {"noise"}, "no thinning": {"subsample"}, "R=5": {"radius"}}
            assert others == left_out.get(name.partition(", but ")[2], set())
            assert found["only_wiki"]
        elif name == "with AG News text":
            assert changed - {"epochs"} == {"only_wiki"}
        elif name in ("center table", "context table"):
            assert not changed and run["read"] == {"table": name.split()[0]}
        elif name != "base":
            setting = SETTING_OF.get(setting, setting)
            assert changed | {"epochs"} == {setting, "epochs"}
            if setting in ("noise", "border"):
                assert found[setting] == value
            else:
                assert found[setting] == float(Fraction(value))
        if name != run["name"] and name != "with AG News text":  # negatives are pairs too
            pairs = [
                s["radius"] * (1 + s["ratio"]) * s["epochs"] * s["share"] for s in (found, base)
            ]
            assert pairs[0] == pairs[1]
        elif name not in ("base", "E=1", "E=12") and not name.startswith("as "):
            assert (found["epochs"] == base["epochs"]) == (name == run["name"])


def test_a_table_whose_checkpoint_is_gone_is_trained_again(tmp_path):
    run = {**BEST, **RUN, "name": "n", "table": {**TABLE, "config": {**CONFIG, "epochs": 1}}}
    for change in ({}, {"align_values": True}):  # another run, so that the table is needed again
        plans.run_study([{**run, **change}], tmp_path, texts="planted", workers=0, progress=False)
        for path in last_checkpoints(tmp_path):
            path.unlink()


def test_a_study_is_written_with_its_rows_and_can_be_read(tmp_path, monkeypatch):
    monkeypatch.setattr(plans, "POINTS", {"base": {}, "untrained": {"learning_rate": 1e-9}})
    monkeypatch.setattr(plans, "BASE", CONFIG)
    ablation_study = plans.ablation_study
    monkeypatch.setitem(
        plans.STUDIES,
        "ablation",
        lambda seeds, source: [
            run | {"n_labels": 5, "training": {"batch_size": 5, "epochs": 1}}
            for run in ablation_study(seeds, source)
        ],
    )
    in_this_process(monkeypatch)
    options = {"source": "planted", "seeds": (0, 1)}
    plans.write_study("ablation", tmp_path / "work", tmp_path / "results", **options)
    rows = plans.read_results("ablation", tmp_path / "results")
    assert [row["system"] for row in rows] == ["base", "untrained"]
    assert all(row["accuracy_low"] <= row["accuracy_mean"] <= row["accuracy_high"] for row in rows)
    assert {row["split"] for row in rows} == {"planted rows"}


def write_with_made_up_results(monkeypatch, directory, name, result_of):
    """Write a study whose runs are not made; give what is in its file, and what was asked for."""
    asked = []

    def run_grid(run, grid, _, **options):
        grid = list(grid)
        asked.append((run, grid, options))
        return [{"settings": s, "result": result_of(s), "seconds": 1.0} for s in grid]

    monkeypatch.setattr(plans, "run_grid", run_grid)
    options = {"source": "planted", "seeds": (0, 1), "workers": 3}
    path = plans.write_study(name, directory / "work", directory / "results", **options)
    return json.loads(path.read_text()), asked


def test_the_study_of_labels_says_what_pretraining_adds_and_how_soon(tmp_path, monkeypatch):
    def result_of(settings):
        if "system" not in settings:
            return {"valid_auc": 0.5}
        curve = [0.6, 0.7] if settings.get("table") else [0.4, 0.6]
        return {"accuracy": 0.1 + curve[-1] + settings["seed"] / 8, "valid_accuracy": curve}

    monkeypatch.setitem(plans.STUDIES, "labels", partial(plans.labels_study, labels=(100,)))
    saved, asked = write_with_made_up_results(monkeypatch, tmp_path, "labels", result_of)
    (gain,) = saved["paired_gain"]
    assert (gain["labels"], gain["accuracy_mean"]) == (100, pytest.approx(0.1))
    epochs = [(row["seed"], row["epochs"], row["best_epoch"]) for row in saved["epochs_needed"]]
    assert epochs == [(0, 1, 2), (1, 1, 2)]
    means = {row["system"]: row["accuracy_mean"] for row in saved["rows"]}
    with_table = {name for name, mean in means.items() if mean == pytest.approx(0.8625)}
    assert len(means) == 9 and means.keys() - with_table == {
        "TF-IDF + logistic regression",
        plans.RANDOM,
        plans.RANDOM_AS_DRAWN,
    }
    assert saved["seeds"] == [0, 1] and saved["split"] == "planted rows"
    assert saved["held_out_texts"] == 40
    (train, tables, options), (run, runs, _) = asked
    assert (train.func, run.func) == (train_table, run_system) and train.args == run.args
    assert [table["config"]["seed"] for table in tables] == [0, 0, 0, 1, 1, 1]  # three kinds
    assert len(runs) == 18 and not any("name" in settings for settings in runs)
    assert options["workers"] == 3
    assert [row["settings"] for row in saved["runs"]] == tables + runs


def test_the_ablation_says_whether_a_better_table_goes_with_a_better_classifier(
    tmp_path, monkeypatch
):
    points = {"base": {}, "d=32": {"dim": 32}, "E=2": {"epochs": 2}}
    monkeypatch.setattr(plans, "POINTS", points)

    def result_of(settings):
        config = settings.get("table", settings)["config"]
        score = 0.6 if config["epochs"] == 2 else 0.7 if config["dim"] == 32 else 0.8
        if "system" in settings:
            return {"accuracy": score + settings["seed"] / 8}
        return {"valid_auc": score, "common_auc": 1 - score}

    saved, _ = write_with_made_up_results(monkeypatch, tmp_path, "ablation", result_of)
    assert saved["rank_correlation"] == pytest.approx({"valid_auc": 1, "common_auc": -1})
    assert [(row["system"], row["valid_auc"], row["pairs"]) for row in saved["rows"]] == [
        ("base", pytest.approx(0.8), "as the base"),
        ("d=32", pytest.approx(0.7), "as the base"),
        ("E=2", pytest.approx(0.6), "of its own"),
    ]
    assert all(row["seeds"] == 2 for row in saved["rows"])


def in_this_process(monkeypatch):
    """Make the runs of a grid here: other processes would not know of the planted texts."""

    def run_grid(run, grid, directory, **_):
        return [{"settings": s, "result": run(s), "seconds": 0.0} for s in grid]

    monkeypatch.setattr(plans, "run_grid", run_grid)


def test_results_that_are_missing_say_how_to_make_them(tmp_path, capsys):
    assert plans.read_results("labels", tmp_path) == []
    assert "python -m w2v study --name labels makes it" in capsys.readouterr().out


def test_an_unknown_study_is_refused(tmp_path):
    with pytest.raises(ValueError, match="name must be one of labels, .* got 'all'"):
        plans.write_study("all", tmp_path, tmp_path)


@pytest.mark.parametrize("n", [0, 1])
def test_seeds_without_an_interval_are_refused_before_anything_is_run(tmp_path, monkeypatch, n):
    monkeypatch.setattr(plans, "run_grid", None)
    with pytest.raises(ValueError, match=f"seeds must be 2 or more for an interval, got {n}"):
        plans.write_study("labels", tmp_path, tmp_path / "results", seeds=range(n))
    assert not (tmp_path / "results").exists()  # an earlier file stays as it is


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"name": ["labels"]}, "name must be a string, got"),
        ({"seeds": (1, 1)}, r"seeds must differ, got \[1, 1\]"),
        ({"seeds": (0, -1)}, "seed must lie in 0 ..."),
        ({"seeds": (0, "1")}, "seed must be an integer, got '1'"),
        ({"workers": -1}, "workers must be an integer of 0 or more, or None, got -1"),
        ({"workers": 1.5}, "workers must be an integer"),
        ({"directory": "file/work"}, "directory must be one that can be written"),
        ({"results": "file/results"}, "directory must be one that can be written"),
        ({"results": "."}, "path must be a file, got the directory"),
    ],
)
def test_what_the_end_of_a_study_would_refuse_is_refused_before_it(
    tmp_path, monkeypatch, bad, message
):
    monkeypatch.setattr(plans, "run_grid", None)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    (tmp_path / "labels.json").mkdir()
    call = {"name": "labels", "directory": "work", "results": "results", "source": "planted"}
    with pytest.raises((TypeError, ValueError), match=message):
        plans.write_study(**{**call, **bad})


def test_a_study_of_other_texts_is_another_study(tmp_path, monkeypatch):
    asked = write_with_made_up_results(
        monkeypatch, tmp_path, "options", lambda settings: {"accuracy": 0.5, "valid_auc": 0.5}
    )[1]
    assert {options["texts"] for *_, options in asked} == {"of planted rows"}


@pytest.mark.parametrize("change", ["a word", "a label"])
def test_the_digest_of_all_texts_tells_a_word_and_a_label(data, monkeypatch, change):
    def digest_of(rows):
        write_news(data / "ag_news/train_partial.csv.gz", rows)
        return load_data.__wrapped__("local").digest

    monkeypatch.setattr(systems, "split_labelled", partial(split_labelled, n_valid=2, n_test=2))
    rows = [[str(i % 4 + 1), f"hello the {'world ' * i}", "the"] for i in range(12)]
    first = digest_of(rows)
    assert digest_of(rows) == first
    if change == "a word":
        rows[5] = [rows[5][0], rows[5][1], "world"]
    else:
        rows[5] = [str((int(rows[5][0]) % 4) + 1), *rows[5][1:]]
    assert digest_of(rows) != first


def test_a_table_of_other_settings_is_not_taken_for_the_one_of_a_run(tmp_path):
    table = {**TABLE, "config": {**CONFIG, "epochs": 1}}
    train_table(str(tmp_path), table)
    other = {**TABLE, "config": {**CONFIG, "epochs": 1, "seed": 7}}
    table_path(str(tmp_path), table).parent.rename(table_path(str(tmp_path), other).parent)
    with pytest.raises(CheckpointError, match="must hold a table of the settings that name its"):
        run_system(str(tmp_path), {**BEST, **RUN, "table": other})


def test_a_study_says_what_to_install_before_anything_is_run(tmp_path, monkeypatch):
    monkeypatch.setattr(plans, "run_grid", None)
    monkeypatch.setitem(sys.modules, "sklearn", None)  # as if it were not installed
    wanted = r"need sklearn, which is not installed; pip install 'w2v\[studies\]'"
    with pytest.raises(ImportError, match=wanted):
        plans.write_study("labels", tmp_path, tmp_path / "results")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", plans.STUDIES)
def test_the_stored_results_are_those_of_the_runs_that_a_study_lists(name):
    stored = json.loads((ROOT / f"report/results/{name}.json").read_text("utf-8"))
    listed = plans.STUDIES[name](stored["seeds"], "local")
    assert {row["system"] for row in stored["rows"]} == {run["name"] for run in listed}
    named = {digest({**run, "name": None}) for run in listed}
    found = [run for run in stored["runs"] if "system" in run["settings"]]
    assert {digest({**run["settings"], "name": None}) for run in found} == named
