"""One run of a study: its table, its control, its yardsticks."""

from functools import partial

import pytest
import torch

from w2v import studies, systems
from w2v.classifier import TextDataset
from w2v.systems import CONTROLS, Data, control_table, mean_vectors, run_system, train_table

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
    )
    monkeypatch.setattr(systems, "load_data", lambda source: data)
    monkeypatch.setattr(studies, "load_data", lambda source: data)
    return data


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


def test_a_table_is_trained_on_its_share_and_scored_on_documents_held_out(tmp_path):
    whole = train_table(tmp_path, TABLE)
    half = train_table(tmp_path, TABLE | {"share": 0.5})
    n_rest = 500 - systems.N_DOCUMENTS_HELD_OUT
    assert (whole["n_words"], half["n_words"]) == (12 * n_rest, 12 * n_rest // 2)
    assert whole["valid_loss"] != half["valid_loss"]
    assert len(list(tmp_path.iterdir())) == 2  # a folder each, though the file names agree
    assert 0 < whole["common_auc"] < 1


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
    assert on_test["accuracy"] * 40 == pytest.approx(round(on_test["accuracy"] * 40))


def test_random_and_pretrained_runs_differ_in_the_table_alone(tmp_path, monkeypatch):
    made = []
    monkeypatch.setattr(
        systems,
        "train_classifier",
        lambda classifier, *_, **__: made.append(classifier) or systems_history(),
    )
    train_table(tmp_path, TABLE)
    for table in (TABLE, None):
        run_system(tmp_path, BEST | RUN | {"table": table, "dim": D})
    pretrained, random = (classifier.state_dict() for classifier in made)
    for name in random:
        assert torch.equal(random[name], pretrained[name]) == (name != "embeddings.weight")


def systems_history():
    from w2v.classifier import ClassifierHistory

    return ClassifierHistory()


def test_every_study_names_runs_that_the_systems_take(planted_data):
    for study in studies.STUDIES.values():
        for run in study((0, 1), "planted"):
            assert run["part"] == "test" and run["name"]
            if run["system"] == "attention":
                systems.ClassifierConfig(**run["training"], seed=run["seed"])
                systems.ClassAttentionModel(V, D, 4, **run["model"])
            if run.get("table"):
                systems.Word2VecConfig(**run["table"]["config"])


def test_the_points_of_the_ablation_train_about_as_many_pairs_as_the_base():
    for run in studies.ablation_study((0,), "planted"):
        config, share = run["table"]["config"], run["table"]["share"]
        pairs = config["radius"] * config["epochs"] * share
        wanted = studies.BASE["radius"] * studies.BASE["epochs"]
        assert (pairs == wanted) == (run["name"] not in studies.FREE_BUDGET)


def test_a_study_is_written_with_its_rows_and_can_be_read(tmp_path, monkeypatch):
    monkeypatch.setattr(studies, "POINTS", {"base": {}, "untrained": {"learning_rate": 1e-9}})
    monkeypatch.setattr(studies, "BASE", CONFIG)
    ablation_study = studies.ablation_study
    monkeypatch.setitem(
        studies.STUDIES,
        "ablation",
        lambda seeds, source: [
            run | {"n_labels": 5, "training": {"batch_size": 5, "epochs": 1}}
            for run in ablation_study(seeds, source)
        ],
    )
    in_this_process(monkeypatch)
    options = {"source": "planted", "seeds": (0, 1)}
    studies.write_study("ablation", tmp_path / "work", tmp_path / "results", **options)
    rows = studies.read_results("ablation", tmp_path / "results")
    assert [row["system"] for row in rows] == ["base", "untrained"]
    assert all(row["accuracy_low"] <= row["accuracy_mean"] <= row["accuracy_high"] for row in rows)
    assert {row["split"] for row in rows} == {"planted rows"}


def in_this_process(monkeypatch):
    """Make the runs of a grid here: other processes would not know of the planted texts."""

    def run_grid(run, grid, directory, **_):
        return [{"settings": s, "result": run(s), "seconds": 0.0} for s in grid]

    monkeypatch.setattr(studies, "run_grid", run_grid)


def test_results_that_are_missing_say_how_to_make_them(tmp_path, capsys):
    assert studies.read_results("labels", tmp_path) == []
    assert "python -m w2v ablation --study labels makes it" in capsys.readouterr().out


def test_an_unknown_study_is_refused(tmp_path):
    with pytest.raises(ValueError, match="study must be one of labels, .* got 'all'"):
        studies.write_study("all", tmp_path, tmp_path)


@pytest.mark.parametrize("n", [0, 1, 11])
def test_seeds_without_an_interval_are_refused_before_anything_is_run(tmp_path, monkeypatch, n):
    monkeypatch.setattr(studies, "run_grid", None)
    with pytest.raises(ValueError, match=f"seeds must be 2 to 10, got {n}"):
        studies.write_study("labels", tmp_path, tmp_path / "results", seeds=range(n))
    assert not (tmp_path / "results").exists()  # an earlier file stays as it is
