"""Statistics of runs: intervals, paired differences, rank correlation."""

import math
import statistics
import sys

import pytest

from w2v.studies.statistics import (
    ablation_rows,
    compare_with_base,
    epochs_needed,
    mean_interval,
    paired_differences,
    rank_correlation,
    summarise,
)


def make_run(system, seed, accuracy, labels=5, table=None):
    run = {"labels": labels, "system": system, "seed": seed, "table": table}
    return {**run, "accuracy": accuracy, "valid_accuracy": [0.25, accuracy]}


RUNS = [make_run("a", 0, 0.5), make_run("b", 0, 0.75), make_run("a", 1, 0.75)]
RUNS += [make_run("b", 1, 0.875), make_run("a", 0, 1.0, labels=9)]
RUNS += [make_run("a", 1, 0.5, labels=9)]


@pytest.mark.parametrize(("n", "quantile"), [(2, 12.706), (5, 2.776), (12, 2.201)])
def test_the_interval_is_the_mean_and_students_quantile(n, quantile):
    values = [0.5, 0.7, 0.9, 0.4, 0.6, 0.8, 0.3, 0.5, 0.2, 0.6, 0.1, 0.7][:n]
    mean, low, high = mean_interval(values)
    half = quantile * statistics.stdev(values) / math.sqrt(n)  # quantile: tables of Student's t
    assert mean == pytest.approx(statistics.mean(values))
    assert (low, high) == pytest.approx((mean - half, mean + half), abs=1e-4)


@pytest.mark.parametrize("n", [0, 1])
def test_too_few_seeds_have_no_interval(n):
    with pytest.raises(ValueError, match=f"values must hold 2 numbers or more .*, got {n}"):
        mean_interval([0.5] * n)


@pytest.mark.parametrize("compute", [mean_interval, lambda x: rank_correlation(x, x)])
def test_statistics_without_scipy_say_what_to_install(monkeypatch, compute):
    monkeypatch.setitem(sys.modules, "scipy.stats", None)  # as if it were not installed
    wanted = r"need scipy, which is not installed; pip install 'w2v\[studies\]'"
    with pytest.raises(ImportError, match=wanted):
        compute([0.5, 0.7])


def test_runs_are_summarised_by_system_and_number_of_labels():
    rows = summarise(RUNS, interval=True)
    assert [(row["labels"], row["system"], row["seeds"]) for row in rows] == [
        (5, "a", 2),
        (5, "b", 2),
        (9, "a", 2),
    ]
    assert [row["accuracy_mean"] for row in rows] == [0.625, 0.8125, 0.75]
    half = 12.7062 * 0.125  # 12.7062: tables of Student's t
    assert rows[0]["accuracy_high"] - 0.625 == pytest.approx(half)
    assert 0.625 - rows[0]["accuracy_low"] == pytest.approx(half)


def test_without_an_interval_the_spread_is_the_sample_deviation():
    row, *_ = summarise(RUNS)
    assert row["accuracy_std"] == pytest.approx(math.sqrt(0.03125))  # 2 * .125**2 / (2 - 1)
    (alone,) = summarise(RUNS[:1])
    assert alone["accuracy_mean"] == 0.5 and math.isnan(alone["accuracy_std"])


def test_differences_are_paired_by_seed():
    more = [make_run("b", 0, 0.75, labels=9), make_run("b", 1, 0.5, labels=9)]
    row, other = paired_differences(RUNS + more, "b", "a", interval=True)
    assert row["accuracy_mean"] == 0.1875  # of 0.25 and 0.125
    assert (other["labels"], other["accuracy_mean"]) == (9, -0.125)  # of -0.25 and 0
    assert row["accuracy_high"] - row["accuracy_mean"] == pytest.approx(12.7062 * 0.0625)


def test_systems_and_runs_that_are_not_there_are_refused_by_name():
    for names, argument in ((("c", "a"), "first"), (("a", "c"), "second")):
        with pytest.raises(ValueError, match=f"{argument} must be one of 'a', 'b', got 'c'"):
            paired_differences(RUNS, *names)
    with pytest.raises(ValueError, match="rows must hold 'b' at 9 labels, seed 0, got none"):
        paired_differences(RUNS, "a", "b")
    with pytest.raises(TypeError, match="rows must be those of compare_pretraining, got"):
        summarise([{"labels": 5, "system": "a", "seed": 0}])


def test_epochs_needed_are_counted_to_the_best_of_the_other():
    slow, fast = make_run("slow", 0, 0.5), make_run("fast", 0, 0.5)
    slow["valid_accuracy"] = [0.3, 0.6, 0.5]
    fast["valid_accuracy"] = [0.5, 0.6, 0.8]
    never = make_run("slow", 1, 0.5), make_run("fast", 1, 0.3)
    assert epochs_needed([slow, fast, *never], "fast", "slow") == [
        {"labels": 5, "seed": 0, "epochs": 2, "best_epoch": 2},
        {"labels": 5, "seed": 1, "epochs": None, "best_epoch": 2},
    ]


def test_scores_of_the_tables_stand_beside_the_accuracy_of_their_own_point():
    runs = [
        make_run(name, seed, 0.5 + seed / 4, table={"point": name, "seed": seed})
        for name in "pq"
        for seed in (0, 1)
    ]
    auc = {"p": 0.75, "q": 0.25}
    tables = [
        {"settings": table, "result": {"valid_auc": auc[table["point"]] + table["seed"] / 8}}
        for table in (run["table"] for run in runs)
    ]
    rows = ablation_rows(runs, tables)
    assert [(row["system"], row["valid_auc"]) for row in rows] == [("p", 0.8125), ("q", 0.3125)]
    assert [row["accuracy_mean"] for row in rows] == [0.625, 0.625]


def test_a_seed_counts_once_however_many_tables_it_has():
    accuracies = {"base": [[0.5, 0.25], [0.75, 0.5]], "other": [[0.75, 0.5], [1.0, 0.25]]}
    runs = [
        make_run(name, seed, accuracy, table={"config": {"seed": of_table}})
        for name, by_table in accuracies.items()
        for of_table, by_seed in enumerate(by_table)
        for seed, accuracy in enumerate(by_seed)
    ]
    base, other = compare_with_base(runs, "base")
    assert (other["seeds"], other["accuracy_mean"]) == (2, 0.625)
    assert other["difference_mean"] == 0.125  # of 0.25 and 0, the means over the tables
    half = 12.7062 * 0.125
    assert other["difference_high"] - other["difference_mean"] == pytest.approx(half)
    assert other["between_tables"] == 0  # both tables have a mean of 0.625
    assert base["between_tables"] == pytest.approx(0.25 / math.sqrt(2))  # 0.375 and 0.625
    assert base["difference_low"] == base["difference_high"] == 0


def test_rank_correlation_against_the_closed_form_and_ties():
    first, second = [3, 1, 2, 5, 4], [2, 1, 4, 5, 3]
    squares = sum((a - b) ** 2 for a, b in zip(first, second, strict=True))
    assert rank_correlation(first, second) == pytest.approx(1 - 6 * squares / (5 * 24))
    assert rank_correlation([1, 10, 100], [-3, -2, 7]) == pytest.approx(1)
    # ranks 1.5, 1.5, 3 against 1, 2, 3: covariance 1.5, variances 1.5 and 2
    assert rank_correlation([7, 7, 9], [1, 2, 3]) == pytest.approx(1.5 / math.sqrt(3))


@pytest.mark.parametrize("first", [[1, 1], [1, 2, 3]])
def test_scores_that_are_all_equal_or_not_as_many_have_no_rank(first):
    with pytest.raises(ValueError, match="scores must be of one length and not constant"):
        rank_correlation(first, [1, 2])
