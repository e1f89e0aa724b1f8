"""What the benchmarks share."""

import pytest

pytest.importorskip("numba")
from tests.benchmarks.processes import machine  # noqa: E402


def test_results_name_the_machine():
    facts = machine()
    assert facts["processor"].strip()
    assert facts["instruction_set"] in ("AVX-512", "AVX2", "AVX", "NEON", "SSE")
    assert facts["cores"] >= facts["threads"] >= 1
    assert facts["sgemm_gflops"] > 0
    assert {"torch", "numpy", "numba", "python"} <= set(facts)
