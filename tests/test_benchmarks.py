"""What the benchmarks share."""

import pytest

pytest.importorskip("numba")
from tests.benchmarks import loader  # noqa: E402
from tests.benchmarks.optimisers import run_one  # noqa: E402
from tests.benchmarks.processes import machine  # noqa: E402


def test_results_name_the_machine():
    facts = machine()
    assert facts["processor"].strip()
    assert facts["instruction_set"] in ("AVX-512", "AVX2", "AVX", "NEON", "SSE")
    assert facts["cores"] >= facts["threads"] >= 1
    assert facts["sgemm_gflops"] > 0
    assert {"torch", "numpy", "numba", "python"} <= set(facts)


def test_an_optimiser_is_scored_at_its_rate_and_a_rate_that_diverges_says_so(monkeypatch):
    monkeypatch.setenv("W2V_DATA", "")
    learns, diverges = (run_one(*of, 0, 60) for of in (("Adagrad", 0.1), ("SGD", 1e7)))
    assert 0 < learns["held_out_loss"] < 0.69 and learns["words_per_second"] > 0
    assert diverges["chosen_on"] == diverges["held_out_loss"] == float("inf")


@pytest.mark.parametrize("system", loader.SYSTEMS)
def test_the_loader_and_the_student_s_loop_are_trained_and_scored(monkeypatch, system):
    monkeypatch.setenv("W2V_DATA", "")
    monkeypatch.setattr(loader, "N_DOCUMENTS", 40)
    found = loader.run_one(system, 0)
    assert 0 < found["held_out_loss"] < 0.8 and found["words_per_second"] > 0
