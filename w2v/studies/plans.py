"""The studies of the report: which runs each consists of, and its results file (Q4.3, Q4.4)."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from w2v.checks import as_int, check_seed, checked, shown
from w2v.files import CheckpointError, check_writable, read_json
from w2v.studies import Row, import_extra
from w2v.studies.grid import digest, run_grid, write_results
from w2v.studies.statistics import (
    ablation_rows,
    compare_with_base,
    epochs_needed,
    paired_differences,
    rank_correlation,
    summarise,
)
from w2v.studies.systems import CONTROLS, load_data, run_system, table_path, train_table

LABELS = (100, 500, 1000, 5000, 20000)
SEEDS = (0, 1, 2, 3, 4)

# Word2Vec for the classifier. These settings, and those of the tuned classifier below, were chosen
# on validation rows; d, K, B and the learning rate of Word2Vec were not searched.
WORD2VEC = {
    "dim": 128,
    "radius": 10,
    "ratio": 5,
    "batch_size": 512,
    "epochs": 15,
    "noise": "unigram^0.75",
    "engine": "hogwild",
    "shared_negatives": True,
    "decay": True,
    "subsample": 1e-4,
}
# Word2Vec for the lab's classifier, chosen on validation rows among ten settings.
LAB_WORD2VEC = {
    "dim": 128,
    "radius": 10,
    "ratio": 5,
    "batch_size": 512,
    "epochs": 2,
    "noise": "uniform",
    "engine": "hogwild",
    "shared_negatives": True,
    "decay": True,
}
# Names of systems. The lab's classifier (mean read-out) starts with random embeddings, or with
# embeddings from WikiText-2 or from both texts; `align_values` is off where the name says as drawn.
PRETRAINED = "lab's classifier, WikiText-2 and AG News text"
WIKI, RANDOM = "lab's classifier, WikiText-2", "lab's classifier, random embeddings"
VALUES_AS_DRAWN, WIKI_AS_DRAWN, RANDOM_AS_DRAWN = (
    f"{name}, values as drawn" for name in (PRETRAINED, WIKI, RANDOM)
)
TUNED = "tuned classifier, WikiText-2 and AG News text"
TF_IDF = "TF-IDF + logistic regression"
# The lab's classifier, and the tuned one with the highest accuracy on validation rows, each with
# training settings of its own, searched at each number of labels. A hidden layer helps from 5,000
# labels on; at 1,000 it costs one point.
LAB = {"model": {}, "read": {"table": "sum"}, "align_values": True}
TUNED_READ = {"table": "sum", "standardise": True}
TUNED_READOUT = {100: "class", 500: "class", 1000: "class", 5000: "hidden", 20000: "hidden"}
LAB_TRAINING = {
    100: {"batch_size": 8, "epochs": 12, "learning_rate": 1e-3, "decay": True},
    500: {"batch_size": 16, "epochs": 8, "learning_rate": 1e-3, "decay": True},
    1000: {
        "batch_size": 16,
        "epochs": 8,
        "learning_rate": 1e-3,
        "decay": True,
        "word_dropout": 0.3,
    },
    5000: {
        "batch_size": 16,
        "epochs": 4,
        "learning_rate": 1e-3,
        "decay": True,
        "word_dropout": 0.3,
    },
    20000: {
        "batch_size": 32,
        "epochs": 3,
        "learning_rate": 1e-3,
        "decay": True,
        "word_dropout": 0.3,
    },
}
TUNED_RATES = {"learning_rate": 0.01, "attention_rate": 0.01, "word_dropout": 0.5, "decay": True}
TUNED_TRAINING = {
    100: {"batch_size": 10, "epochs": 10, "table_rate": 0.1, **TUNED_RATES},
    500: {"batch_size": 16, "epochs": 8, "table_rate": 0.3, **TUNED_RATES},
    1000: {"batch_size": 32, "epochs": 10, "table_rate": 0.3, **TUNED_RATES},
    5000: {"batch_size": 64, "epochs": 8, "table_rate": 0.3, **TUNED_RATES, "word_dropout": 0.7},
    20000: {"batch_size": 128, "epochs": 8, "table_rate": 0.5, **TUNED_RATES, "word_dropout": 0.7},
}
# The ablation. Each point changes one setting of the base; its epochs are set so that all points
# train on equally many pairs, except those of FREE_BUDGET.
BASE = {**WORD2VEC, "radius": 5, "epochs": 6}
POINTS: dict[str, Row] = {
    "base": {},
    "R=2": {"radius": 2, "epochs": 15},
    "R=10": {"radius": 10, "epochs": 3},
    "K=1": {"ratio": 1},
    "K=15": {"ratio": 15},
    "d=32": {"dim": 32},
    "d=256": {"dim": 256},
    "E=2": {"epochs": 2},
    "E=18": {"epochs": 18},
    "noise=uniform": {"noise": "uniform"},
    "border=shift": {"border": "shift"},
    "border=pad": {"border": "pad"},
    "corpus=1/2": {"share": 0.5, "epochs": 12},
    "corpus=1/4": {"share": 0.25, "epochs": 24},
}
FREE_BUDGET = ("E=2", "E=18")  # these vary the number of pairs itself
ABLATION_LABELS = 1000
# The ablation in the assignment's own setting: the lab's classifier, not frozen, with embeddings
# from WikiText-2. Each point changes one setting of the base. The first part keeps the epochs, so
# a point may train more pairs; the second keeps the pairs, so a point may see the text more often.
LAB_LABELS = 500
LAB_TABLES = (0, 1, 2)  # seeds of Word2Vec; each table is used with every seed of the classifier
LAB_BASE = {**LAB_WORD2VEC, "radius": 5, "epochs": 4, "only_wiki": True}
EQUAL_EPOCHS: dict[str, Row] = {
    "base": {},
    "R=2": {"radius": 2},
    "R=10": {"radius": 10},
    "K=1": {"ratio": 1},
    "K=11": {"ratio": 11},
    "d=32": {"dim": 32},
    "d=256": {"dim": 256},
    "E=1": {"epochs": 1},
    "E=12": {"epochs": 12},
    "noise=unigram^0.75": {"noise": "unigram^0.75"},
    "border=shift": {"border": "shift"},
    "border=pad": {"border": "pad"},
    "subsample=1e-4": {"subsample": 1e-4},
    "corpus=1/2": {"share": 0.5},
    "corpus=1/4": {"share": 0.25},
    "with AG News text": {"only_wiki": False},
    "as for the tuned classifier": WORD2VEC,
    "as tuned, but noise=uniform": {**WORD2VEC, "noise": "uniform"},
    "as tuned, but no thinning": {**WORD2VEC, "subsample": 0.0},
    "as tuned, but R=5": {**WORD2VEC, "radius": 5},
}
EQUAL_PAIRS: dict[str, Row] = {
    "R=2": {"radius": 2, "epochs": 10},
    "R=10": {"radius": 10, "epochs": 2},
    "K=1": {"ratio": 1, "epochs": 12},
    "K=11": {"ratio": 11, "epochs": 2},
    "corpus=1/2": {"share": 0.5, "epochs": 8},
    "corpus=1/4": {"share": 0.25, "epochs": 16},
    "with AG News text": {"only_wiki": False, "epochs": 2},
}
SAME_PAIRS = ", as many pairs"  # ends the name of a point of EQUAL_PAIRS


def table_settings(seed: int, source: str, config: Row = WORD2VEC) -> Row:
    """Build the settings of one embedding table.

    Args:
        seed: of Word2Vec.
        source: where text comes from.
        config: the other fields of `Word2VecConfig`, and perhaps `share` and `only_wiki`.

    Returns:
        What `systems.train_table` takes.

    Source: assignment Q4.4.
    """
    config = {**config, "seed": seed}
    kept = {key: config.pop(key) for key in ("only_wiki",) if key in config}
    return {"share": config.pop("share", 1.0), "config": config, "source": source, **kept}


def tuned_classifier(n_labels: int, **changes: Any) -> Row:
    """Build the settings of the tuned classifier at a number of labels.

    Args:
        n_labels: one of `LABELS`.
        changes: fields of `ClassifierConfig` that differ.

    Returns:
        `model`, `read` and `training`, as `systems.run_system` takes them.

    Source: assignment Q4.3.
    """
    return {
        "model": {"readout": TUNED_READOUT[n_labels], "start": "uniform"},
        "read": TUNED_READ,
        "training": {**TUNED_TRAINING[n_labels], **changes},
    }


def labels_study(seeds: Sequence[int], source: str, labels: Sequence[int] = LABELS) -> list[Row]:
    """List the runs with and without pretraining, and of the baselines, at each number of labels.

    Args:
        seeds: of texts, layers, order and embedding table.
        source: where text comes from.
        labels: numbers of labelled texts.

    Returns:
        Settings of `systems.run_system`, each with the `name` of its system.

    Source: assignment Q4.3.
    """
    runs = []
    for n in labels:
        for seed in seeds:
            table = table_settings(seed, source)
            of_lab = table_settings(seed, source, LAB_WORD2VEC)
            of_wiki = table_settings(seed, source, {**LAB_WORD2VEC, "only_wiki": True})
            lab = {**LAB, "training": LAB_TRAINING[n]}
            drawn = {**lab, "align_values": False}
            random = {"table": None, "dim": LAB_WORD2VEC["dim"]}
            systems = {
                TF_IDF: {"system": "TF-IDF"},
                RANDOM: {**lab, **random},
                RANDOM_AS_DRAWN: {**drawn, **random},
                WIKI: {**lab, "table": of_wiki},
                WIKI_AS_DRAWN: {**drawn, "table": of_wiki},
                PRETRAINED: {**lab, "table": of_lab},
                VALUES_AS_DRAWN: {**drawn, "table": of_lab},
                TUNED: {**tuned_classifier(n), "table": table},
                "mean of vectors + logistic regression": {
                    "system": "mean of vectors",
                    "read": TUNED_READ,
                    "table": table,
                },
            }
            runs += [_run(name, n, seed, source, **s) for name, s in systems.items()]
    return runs


def controls_study(seeds: Sequence[int], source: str) -> list[Row]:
    """List the runs that show what in the embedding table helps.

    Args:
        seeds: of texts, layers, order and table.
        source: where text comes from.

    Returns:
        Settings of `systems.run_system`, each with the `name` of its system.

    Source: assignment Q4.3.
    """
    runs = []
    for n in (500, 5000):
        training = TUNED_TRAINING[n]
        changes: dict[str, Row] = {
            "tuned (sum of both tables)": {},
            "frozen": {"training": {**training, "freeze": True}},
            "center table": {"read": {**TUNED_READ, "table": "center"}},
            "context table": {"read": {**TUNED_READ, "table": "context"}},
            **{control: {"control": control} for control in CONTROLS[1:]},
        }
        runs += _changed(tuned_classifier(n), changes, n, seeds, source)
    return runs


def options_study(seeds: Sequence[int], source: str) -> list[Row]:
    """List the runs that measure each option: the tuned classifier without it.

    `align_values` is an option of the lab's classifier; the study of labels measures it.

    Args:
        seeds: of texts, layers, order and table.
        source: where text comes from.

    Returns:
        Settings of `systems.run_system`, each with the `name` of its system.

    Source: assignment Q4.3.
    """
    runs = []
    for n in (500, 5000):
        training = TUNED_TRAINING[n]
        changes: dict[str, Row] = {
            "all options": {},
            "class readout, no hidden layer": {"model": {"readout": "class", "start": "uniform"}},
            "hidden layer": {"model": {"readout": "hidden", "start": "uniform"}},
            "without class readout": {"model": {"start": "uniform"}},
            "without uniform start": {"model": {"readout": TUNED_READOUT[n]}},
            "without standardised table": {"read": {"table": "sum"}},
            "without slow attention": {"training": {**training, "attention_rate": 1.0}},
            "without slow table": {"training": {**training, "table_rate": 1.0}},
            "without falling rate": {"training": {**training, "decay": False}},
            "without word dropout": {"training": {**training, "word_dropout": 0.0}},
        }
        runs += _changed(tuned_classifier(n), changes, n, seeds, source)
    return runs


def ablation_study(seeds: Sequence[int], source: str) -> list[Row]:
    """List the runs of the ablation: one embedding table and one classifier per point and seed.

    The table is frozen, so the accuracy depends on what Word2Vec learned and on no later change.

    Args:
        seeds: of texts, layers, order and table.
        source: where text comes from.

    Returns:
        Settings of `systems.run_system`, each with the `name` of its system.

    Source: assignment Q4.4.
    """
    frozen = tuned_classifier(ABLATION_LABELS, freeze=True)
    runs = []
    for name, changes in POINTS.items():
        for seed in seeds:
            table = table_settings(seed, source, {**BASE, **changes})
            runs.append(_run(name, ABLATION_LABELS, seed, source, **frozen, table=table))
    return runs


def lab_ablation_study(seeds: Sequence[int], source: str) -> list[Row]:
    """List the runs of the ablation in the assignment's own setting.

    Each point has the embedding tables of `LAB_TABLES`, and with each of them a classifier per
    seed. The points "center table" and "context table" read one table of the base, which reads
    the sum of both.

    Args:
        seeds: of texts, layers and order.
        source: where text comes from.

    Returns:
        Settings of `systems.run_system`, each with the `name` of its system.

    Source: assignment Q4.4.
    """
    points = {name: (changes, "sum") for name, changes in EQUAL_EPOCHS.items()}
    points |= {name + SAME_PAIRS: (changes, "sum") for name, changes in EQUAL_PAIRS.items()}
    points |= {f"{read} table": ({}, read) for read in ("center", "context")}
    lab = {**LAB, "training": LAB_TRAINING[LAB_LABELS]}
    runs = []
    for of_word2vec in LAB_TABLES:
        for name, (changes, read) in points.items():
            table = table_settings(of_word2vec, source, {**LAB_BASE, **changes})
            settings = {**lab, "read": {"table": read}, "table": table}
            runs += [_run(name, LAB_LABELS, seed, source, **settings) for seed in seeds]
    return runs


STUDIES: dict[str, Callable[..., list[Row]]] = {
    "labels": labels_study,
    "controls": controls_study,
    "options": options_study,
    "ablation": ablation_study,
    "lab_ablation": lab_ablation_study,
}


def run_study(
    runs: Sequence[Row],
    directory: str | Path,
    *,
    texts: str,
    workers: int | None = None,
    progress: bool | None = None,
) -> tuple[list[Row], list[Row]]:
    """Train the embedding tables that some runs need, then make the runs.

    Tables and runs that are finished already are read from their files.

    Args:
        runs: what a study lists.
        directory: where tables and finished runs are stored.
        texts: identity of the texts, as in `grid.run_grid`.
        workers: number of processes; None takes one per core, 0 runs all in this process.
        progress: show a bar on stderr; None: on a terminal only.

    Returns:
        The finished runs, as `grid.run_grid` returns them, each with its `name`; and the finished
        tables. The name is no part of the settings, since several studies may share a run.

    Source: assignment Q4.3 and Q4.4.
    """
    tables = {digest(run["table"]): run["table"] for run in runs if run.get("table")}
    checkpoints, finished = f"{directory}/tables", f"{directory}/runs"
    common = {"texts": texts, "workers": workers, "progress": progress}
    trained = run_grid(
        partial(train_table, checkpoints),
        tables.values(),
        finished,
        is_whole=lambda settings: table_path(checkpoints, settings).exists(),
        title="tables",
        **common,
    )
    nameless = [{key: run[key] for key in run if key != "name"} for run in runs]
    done = run_grid(
        partial(run_system, checkpoints), nameless, finished, title="classifiers", **common
    )
    named = [{"name": run["name"], **row} for run, row in zip(runs, done, strict=True)]
    return named, trained


@checked
def write_study(
    name: str,
    directory: str | Path,
    results: str | Path,
    *,
    source: str = "auto",
    seeds: Sequence[int] = SEEDS,
    workers: int | None = None,
    progress: bool | None = None,
) -> Path:
    """Run one study of the report and write its results file.

    Args:
        name: "labels", "controls", "options", "ablation" or "lab_ablation".
        directory: where embedding tables and finished runs are stored.
        results: the folder of the file `<name>.json`.
        source: "local", "hub" or "builtin".
        seeds: two or more.
        workers: number of processes; None takes one per core, 0 runs all in this process.
        progress: show a bar on stderr; None: on a terminal only.

    Returns:
        The path of the file.

    Raises:
        TypeError, ValueError: another name of a study, fewer than two seeds, or a number of workers
            that is none; a folder that cannot be written. Nothing has run then.
        ImportError: scipy or scikit-learn is not installed; nothing has run then.

    Source: assignment Q4.3 and Q4.4.
    """
    if name not in STUDIES:
        raise ValueError(f"name must be one of {', '.join(STUDIES)}, got {name!r}")
    if len(seeds) < 2:
        raise ValueError(f"seeds must be 2 or more for an interval, got {len(seeds)}")
    seeds = [check_seed(seed) for seed in seeds]
    if len(set(seeds)) < len(seeds):
        raise ValueError(f"seeds must differ, got {seeds!r}")
    if workers is not None and (as_int(workers) is None or workers < 0):
        raise ValueError(f"workers must be an integer of 0 or more, or None, got {shown(workers)}")
    for module in ("scipy", "sklearn"):
        import_extra(module)
    check_writable(results, f"{name}.json")
    check_writable(directory)
    listed = STUDIES[name](seeds, source)
    data = load_data(source)
    how = {"texts": data.digest, "workers": workers, "progress": progress}
    runs, tables = run_study(listed, directory, **how)
    by_run = [
        {"labels": run["settings"]["n_labels"], "system": run["name"], **run["result"]}
        | {key: run["settings"].get(key) for key in ("seed", "table")}
        for run in runs
    ]
    facts: Row = {"seeds": list(seeds), "split": data.split, "held_out_texts": len(data.test)}
    if name == "labels":
        facts["paired_gain"] = paired_differences(by_run, PRETRAINED, RANDOM, interval=True)
        facts["paired_with_tf_idf"] = paired_differences(by_run, PRETRAINED, TF_IDF, interval=True)
        facts["epochs_needed"] = epochs_needed(by_run, PRETRAINED, RANDOM)
    if name == "lab_ablation":
        rows = compare_with_base(by_run, "base")
        facts["tables"] = len(LAB_TABLES)
    elif name == "ablation":
        rows = ablation_rows(by_run, tables)
        for row in rows:
            row["pairs"] = "of its own" if row["system"] in FREE_BUDGET else "as the base"
        accuracies = [row["accuracy_mean"] for row in rows]
        facts["rank_correlation"] = {
            score: rank_correlation([row[score] for row in rows], accuracies)
            for score in ("valid_auc", "common_auc")
        }
    else:
        rows = summarise(by_run, interval=True)
    rows = [{**row, "split": data.split} for row in rows]
    return write_results(Path(results) / f"{name}.json", [*tables, *runs], rows, **facts)


@checked
def read_results(name: str, results: str | Path) -> list[Row]:
    """Read the rows of a results file.

    Args:
        name: of the study.
        results: the folder of the files.

    Returns:
        The rows; an empty list if the file is missing, after a sentence that says how to make it.

    Source: assignment Q4.4.
    """
    path = Path(results) / f"{name}.json"
    if not path.exists():
        print(f"There is no {path.name}: python -m w2v study --name {name} makes it.")
        return []
    rows = read_json(path).get("rows")
    if not isinstance(rows, list):
        raise CheckpointError(f"{str(path)!r} must hold the rows of a study, got none")
    return rows


def _changed(
    classifier: Row, changes: dict[str, Row], n_labels: int, seeds: Sequence[int], source: str
) -> list[Row]:
    """List the runs of a classifier, each with one change."""
    runs = []
    for seed in seeds:
        table = table_settings(seed, source)
        for name, change in changes.items():
            runs.append(
                _run(name, n_labels, seed, source, **{**classifier, "table": table, **change})
            )
    return runs


def _run(name: str, n_labels: int, seed: int, source: str, **settings: Any) -> Row:
    """Build the settings of one run, measured on test rows."""
    common = {"name": name, "n_labels": n_labels, "seed": seed, "source": source}
    return {"system": "attention", "part": "test", **common, **settings}
