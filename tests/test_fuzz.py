"""A small sweep of damaged files and kills at every run; `make fuzz` is the large one."""

import os
import subprocess
import sys

import pytest
from text_files import ROOT

SWEEP = """
from tests import fuzz
found = fuzz.sweep(n_files=680, n_kills=4, seed=1)
for name in ("files", "kills"):
    assert found[name]["tried"] == found[name]["refused"] + found[name]["same"], found[name]
assert found["files"]["tried"] == 680 and found["kills"]["tried"] == 4
assert all(row["tried"] == 40 for row in found["rows"])
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="readers run in forked processes")
def test_damaged_files_are_refused_or_made_again_and_kills_lose_nothing():
    run = subprocess.run(
        [sys.executable, "-c", SWEEP],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-3000:]
