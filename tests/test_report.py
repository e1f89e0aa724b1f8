"""The report: short, typed without a single result, and true to whatever results are there."""

import json
import re
import shutil
from importlib.metadata import version
from pathlib import Path

import pytest

pytest.importorskip("typst", reason="the extra [report], which typesets the report, is not here")

from report.build import FOLDER, build, make_compiler  # noqa: E402
from w2v.studies import plans  # noqa: E402

LABELS = (100, 500, 1000, 5000, 20000)
CONFIG = {"dim": 128, "radius": 5, "ratio": 5, "batch_size": 512, "epochs": 6, "noise": "uniform"}
RUNS = [
    {"settings": {"config": CONFIG | {"noise": noise}}} for noise in ("uniform", "unigram^0.75")
]

# Digits that are no results. Everything else in the source must come from a file.
STRUCTURAL = (
    r"^#let .*// given.*$",  # fixed before anything was measured, and marked so
    r"//.*$",
    r"\bQ\d(\.\d+)?(–\d(\.\d+)?)?",  # questions
    r"\b(19|20)\d\d\b",  # years of publications
    r"\b[RKBEd] = (\w = )?\d+\b",  # settings that define a unit, by name
    r"-?\b\d+(\.\d+)?(pt|cm|em|fr)\b|footer-descent: \d+%|luma\(\d+%\)",  # sizes
    r'digits: \d|colspan: \d|columns: \d|named: \d|level: \d|\.at\(\d\)|paper: "a4"',
    r'\b(change|point)\("[^"]*"',  # names of points of an ablation
    r"[A-Za-z_]\w*\d\w*",  # names: Word2Vec, held_out_loss_1
    r"\(2\)|\b2 (R|K R|d)\b|1\\/2|ln 2|[XE]_\w?\^?[12]|WikiText-2",  # parts of equations
    r"(?<![\d.,])[01](?![\d.,]\d|\d| (seed|label|time|point|word|%))",  # too small for a result
)


def digits_of_results(source: str) -> list[str]:
    """The lines of a source that hold a number which is not structural."""
    for pattern in STRUCTURAL:
        source = re.sub(pattern, "", source, flags=re.MULTILINE)
    return [line.strip() for line in source.splitlines() if re.search(r"\d", line)]


PAIRS = {"n_pairs": 6000, "all_negative_accuracy": 0.75} | {
    name: {"accuracy": 0.875, "balanced_accuracy": 0.625, "auc": 0.8125}
    for name in ("model", "frequency")
}


def accuracy(mean: float, half: float = 0.01) -> dict:
    return {"accuracy_mean": mean, "accuracy_low": mean - half, "accuracy_high": mean + half}


def made_up_results(*, gain: float = 0.2, shuffled: float = 0.5, rho: float = 0.9) -> dict:
    """Results of the form that the studies and benchmarks write, none of them measured."""

    def rows(names, counts, mean=0.8):
        return [{"labels": n, "system": s, **accuracy(mean)} for n in counts for s in names]

    facts = {"seeds": [0, 1, 2, 3, 4], "split": "made-up texts", "runs": RUNS}
    facts |= {"held_out_texts": 900, "versions": {"torch": "1.2.3"}}
    controls = ["tuned (sum of both tables)", "frozen", "center table", "context table"]
    controls = rows([*controls, "random rows of the same norms"], (500, 5000))
    controls += rows(["shuffled rows"], (500, 5000), shuffled)
    for row in controls:
        if row["system"].startswith("random rows"):
            row.update(accuracy(0.5))
    points = ["base", "R=2", "noise=uniform", "border=shift", "border=pad", "K=1", "d=32"]
    systems = ["TF-IDF + logistic regression", "lab's classifier, random embeddings"]
    both = "WikiText-2 and AG News text"
    systems += [f"lab's classifier, {both}", f"tuned classifier, {both}"]
    of_lab = [*plans.EQUAL_EPOCHS, "center table", "context table"]
    of_lab += [name + plans.SAME_PAIRS for name in plans.EQUAL_PAIRS]
    differences = {"difference_mean": 0.1, "difference_low": 0.0, "difference_high": 0.2}
    speed = {"w60": 1000, "seconds_to_reference_loss": 2.0, "held_out_loss_1": 2.5}
    speed |= {"peak_mb": 500, "sgemm_share": 0.5, "runs": [{}] * 3}
    speed["wordsim"] = 0.25
    found = {"noise": "uniform", "epochs": 1, "seed": 0, "words": 1000, "held_out_loss": 2.5}
    training = {"batch_size": 8, "epochs": 2, "learning_rate": 0.1, "attention_rate": 0.1}
    classifiers = [
        {
            "name": name,
            "settings": {"n_labels": n, "training": {**training}},
            "result": {"valid_loss": [0.5, 0.5], "train_loss": [0.5, 0.5]},
        }
        for name in systems[1:]
        for n in LABELS
    ]
    median = {"median": 3.0, "min": 2.0, "max": 4.0, "runs": [2.0, 3.0, 4.0]}
    loops = ("w2v, engine=loader", "student loop, dense Adagrad", "student loop, dense Adam 1e-3")
    columns = ("words_per_second", "held_out_loss", "training_mb")
    return {
        "labels": {
            "rows": rows([*systems, "mean of vectors + logistic regression"], LABELS),
            "paired_gain": [{"labels": n, **accuracy(gain)} for n in LABELS],
            "epochs_needed": [
                {"labels": n, "seed": seed, "epochs": seed or None, "best_epoch": 4}
                for n in LABELS
                for seed in range(5)
            ],
            **facts,
            "runs": [*RUNS, *classifiers],
        },
        "controls": {"rows": controls, **facts},
        "options": {
            "rows": rows(["all options", "without class readout"], (500, 5000)),
            **facts,
        },
        "ablation": {
            "rows": [
                {**row, "valid_auc": 0.8 + i / 100, "common_auc": 0.7 + i / 100}
                for i, row in enumerate(rows(points, (1000,)))
            ],
            "rank_correlation": {"valid_auc": 0.0, "common_auc": rho},
            **facts,
        },
        "lab_ablation": {
            "rows": [row | differences for row in rows(of_lab, (500,))],
            "tables": 3,
            **facts,
        },
        "loader": {
            "config": CONFIG,
            "threads": 2,
            "systems": {name: dict.fromkeys(columns, median) for name in loops},
            "ratio_to_student_adam": median,
            "ratio_to_student_adagrad": median,
        },
        "speed": {
            "machine": {"processor": "made-up", "instruction_set": "AVX", "threads": 2},
            "corpus": {"name": "made-up text", "words": 9, "vocab_size": 5},
            "reference": {"system": "gensim", "held_out_loss": 2.5},
            "times_gensim": [5.0, 6.0],
            "rows": [{"system": name, **speed} for name in ("gensim", "hogwild")],
            "quality": [{"system": name, **found} for name in ("gensim", "hogwild")],
        },
        "optimisers": {
            "config": CONFIG,
            "machine": {"processor": "made-up processor", "threads": 2},
            "rows": [
                {
                    "optimiser": name,
                    "learning_rate": 0.5,
                    "searched": [[0.5, 0.4]],
                    "held_out_loss": median,
                    "words_per_second": median,
                }
                for name in ("Adagrad", "Adam", "SGD")
            ],
        },
        "word2vec": {
            "config": {**CONFIG, "learning_rate": 0.5},
            "documents": 100,
            "train_windows": 1000,
            "history": {"train_loss": [0.5, 0.25], "valid_loss": [0.5, 0.375]},
            "scores": PAIRS,
            "frequent_scores": PAIRS,
            "batch_sizes": [{"batch_size": 512, "valid_loss": 0.375}],
            "lengths": {"max_length": 256, "whole_documents": 0.75, "kept_ids": 0.875},
            "bigger": {
                "config": CONFIG,
                "valid_loss": [0.5, 0.25, 0.125],
                "scores": PAIRS,
                "frequent_scores": PAIRS,
                "neighbours": {"sea": ["ship", "water", "coast"]},
                "map": [
                    {"theme": theme, "word": theme, "x": i / 4, "y": i / 2}
                    for i, theme in enumerate(("sea", "land"))
                ],
            },
        },
        "distributed": {"ratio_of_words_per_second": median},
        "size": {
            "runs": [{"words": n, "bytes_a_word": 4.25} for n in (1000, 100_000, 1000)],
            "rate_of_large_to_small": [0.9, 1.0],
        },
    }


@pytest.fixture
def report(tmp_path):
    """Put the report beside other results: gives its folder."""

    def put(results: dict) -> Path:
        shutil.rmtree(tmp_path / "results", ignore_errors=True)
        (tmp_path / "results").mkdir()
        for source in FOLDER.glob("*.typ"):
            shutil.copy(source, tmp_path)
        for name, content in results.items():
            (tmp_path / "results" / f"{name}.json").write_text(json.dumps(content))
        return tmp_path

    return put


def n_pages(folder: Path) -> int:
    pages = make_compiler(folder).compile(format="png", ppi=10.0)
    return len(pages) if isinstance(pages, list) else 1


def words_of(folder: Path) -> str:
    """All that paragraphs, tables and captions say."""

    def texts(node):
        if isinstance(node, dict):
            if node.get("func") == "space":
                yield " "
            for value in node.values():
                yield from [value] if value is node.get("text") else texts(value)
        elif isinstance(node, list):
            for child in node:
                yield from texts(child)

    compiler = make_compiler(folder)
    found = [json.loads(compiler.query(kind)) for kind in ("par", "figure")]
    return re.sub(r"\s+", " ", "".join(text for text in texts(found) if isinstance(text, str)))


def test_the_report_has_at_most_four_pages_with_the_stored_results():
    assert n_pages(FOLDER) <= 4


@pytest.mark.parametrize("results", [{}, made_up_results()], ids=["no results", "all results"])
def test_the_report_has_at_most_four_pages_whatever_is_there(report, results):
    assert 1 <= n_pages(report(results)) <= 4


def test_the_stored_report_is_the_one_that_its_results_make():
    pins = (FOLDER.parent / "constraints.txt").read_text()
    if f"typst=={version('typst')}\n" not in pins:
        pytest.skip("another version of typst than the stored report was made with")
    stored = (FOLDER / "report.pdf").read_bytes()
    assert stored == build(), "report.pdf is older than what it shows; make report"


def test_a_folder_makes_one_file_byte_for_byte_and_its_own(report):
    folder = report({})
    assert build(folder) == build(folder) != build()


def test_no_result_is_typed_into_the_report():
    assert digits_of_results((FOLDER / "report.typ").read_text("utf-8")) == []


@pytest.mark.parametrize(
    "typed",
    [
        "0.835",
        "87 %",
        "2.2 times",
        "5 seeds",
        "12,810 words",
        "1 point",
        "$83.3$",
        "of 1.4M",
        "1,0",
    ],
)
def test_a_result_typed_into_the_report_is_found(typed):
    assert digits_of_results(f"The table reaches {typed} in all.") != []


def test_what_draws_and_writes_numbers_holds_none_of_its_own():
    source = (FOLDER / "parts.typ").read_text("utf-8")
    source = re.sub(r'//.*|"#[0-9A-F]{6}"|"0"|"\[1-9\]"', "", source)  # colours, digits as such
    printed = re.findall(r'"[^"]*"|\[[^\]]*\]', source)
    assert printed
    assert [text for text in printed if re.search(r"\d", text)] == []


def test_nothing_is_called_not_measured_where_all_results_are_there(report):
    assert "not measured" not in words_of(report(made_up_results()))


@pytest.mark.parametrize("name", sorted(made_up_results()))
def test_a_missing_file_is_called_not_measured(report, name):
    results = made_up_results()
    del results[name]
    folder = report(results)
    (folder / f"results/{name}.txt").touch()  # of another kind
    assert "not measured" in words_of(folder)


@pytest.mark.parametrize("key", ["w60", "held_out_loss_1", "peak_mb", "wordsim"])
def test_a_value_that_is_null_is_called_not_measured(report, key):
    results = made_up_results()
    results["speed"]["rows"][1][key] = None
    assert "not measured" in words_of(report(results))


@pytest.mark.parametrize("loss, said", [(2.75, "not reached"), (2.25, "not measured")])
def test_a_time_that_is_null_is_not_reached_where_the_loss_is_too_high(report, loss, said):
    results = made_up_results()
    results["speed"]["rows"][1].update(seconds_to_reference_loss=None, held_out_loss_1=loss)
    words = words_of(report(results))
    assert [text in words for text in ("not reached", "not measured")] == [
        text == said for text in ("not reached", "not measured")
    ]


def test_the_report_and_the_first_notebook_give_the_same_scores():
    stored = json.loads((FOLDER / "results/word2vec.json").read_text("utf-8"))
    page = json.loads((FOLDER.parent / "notebooks/word2vec.ipynb").read_text("utf-8"))
    shown = "".join(
        "".join(output.get("text", []))
        for cell in page["cells"]
        for output in cell.get("outputs", [])
    )
    scores, history = stored["scores"], stored["history"]
    assert f"loss {scores['loss']:.4f} nats per pair" in shown
    assert f"{scores['n_pairs']:,} pairs" in shown
    for name, of in (("model", "model"), ("frequency only", "frequency")):
        assert f"{name:<15} accuracy {scores[of]['accuracy']:.3f}" in shown
    for epoch, losses in enumerate(zip(history["train_loss"], history["valid_loss"], strict=True)):
        train, valid = losses
        assert f"epoch {epoch + 1}: train loss {train:.4f}, valid loss {valid:.4f}" in shown
    harder = stored["frequent_scores"]
    assert f"model {harder['model']['auc']:.4f}" in shown
    of_bigger = stored["bigger"]["frequent_scores"]  # the report says that each is ahead
    assert harder["frequency"]["auc"] < harder["model"]["auc"] < of_bigger["model"]["auc"]


def test_what_is_said_of_the_lab_s_ablation_holds_in_its_file():
    """The report and the second notebook say these in words."""
    rows = json.loads((FOLDER / "results/lab_ablation.json").read_text("utf-8"))["rows"]
    change = {row["system"]: row["difference_mean"] for row in rows}
    below = {row["system"] for row in rows if row["difference_high"] < 0}
    above = {row["system"] for row in rows if row["difference_low"] > 0}
    pairs = ", as many pairs"
    costly = {"corpus=1/4", "E=1", "R=2", "d=32", "center table", "corpus=1/2", "K=1", "d=256"}
    assert costly | {"K=11" + pairs, "as for the tuned classifier"} <= below
    assert {"with AG News text", "R=10", "E=12", "K=1" + pairs} <= above
    assert max(change, key=change.get).startswith("with AG News text")
    assert min(change, key=change.get) == "corpus=1/4"
    for name in ("border=shift", "border=pad", "R=10" + pairs):
        assert name not in below | above
    for name in ("R=2", "K=1", "corpus=1/2"):
        assert change[name] < 2 * change[name + pairs]
    assert all(name.startswith("with AG") for name in sorted(change, key=change.get)[-2:])
    options = json.loads((FOLDER / "results/options.json").read_text("utf-8"))["rows"]
    whole = {
        row["labels"]: row["accuracy_mean"] for row in options if row["system"] == "all options"
    }
    said = ("all options", "without class readout", "without slow attention")
    others = [
        row["accuracy_mean"] - whole[row["labels"]] for row in options if row["system"] not in said
    ]
    assert others and max(map(abs, others)) < 0.02
    for name in ("noise=unigram^0.75", "subsample=1e-4", "R=10", "E=12", "context table"):
        assert abs(change[name]) < abs(change["as for the tuned classifier"]) / 4
    for name in ("noise=uniform", "no thinning"):
        assert change["as tuned, but " + name] > change["as for the tuned classifier"] / 4
    assert change["as tuned, but R=5"] < change["as for the tuned classifier"] / 2


def test_the_report_shows_the_numbers_of_the_files(report):
    results = made_up_results()
    results["labels"]["rows"][0].update(accuracy(0.6789, 0.0123))
    results["loader"]["ratio_to_student_adam"] = {**results["loader"]["ratio_to_student_adam"]}
    results["loader"]["ratio_to_student_adam"]["median"] = 7.77
    results["speed"]["rows"][1]["w60"] = 2345678
    run = next(run for run in results["labels"]["runs"] if run.get("name") == plans.PRETRAINED)
    run["settings"]["training"] |= {"batch_size": 12, "epochs": 34, "word_dropout": 0.56}
    run["result"] |= {"valid_loss": [0.98, 0.76, 0.87], "train_loss": [0.9, 0.6, 0.43]}
    words = words_of(report(results))
    assert "67.9±1.2" in words
    assert "900 held-out texts" in words
    assert "80.0 % is known to ±2.6 points" in words  # 1.96 sqrt(.16 / 900)
    assert "7.8 times" in words
    assert "3.00 times the rate of one (2.00–4.00, 3 pairs)" in words
    assert "2,345,678" in words
    assert "12 / 34 / 0.56" in words
    assert "Pretrained: 0.76, at the end 0.87, on training texts 0.43" in words


@pytest.mark.parametrize(
    "changes, said, unsaid",
    [
        ({"gain": 0.2}, "whole interval above zero", "interval includes zero"),
        ({"gain": 0.001}, "interval includes zero", "whole interval above zero"),
        ({"gain": -0.2}, "pretrained embeddings are worse", "pretrained embeddings are better"),
        ({"shuffled": 0.5}, "which word has", "Not every control"),
        ({"shuffled": 0.8}, "Not every control", "which word has"),
        ({"rho": 0.9}, "a better score goes with a better classifier", "worse classifier"),
        ({"rho": -0.9}, "worse classifier", "a better score goes with a better classifier"),
    ],
)
def test_the_words_follow_the_numbers(report, changes, said, unsaid):
    words = words_of(report(made_up_results(**changes)))
    assert said in words
    assert unsaid not in words
