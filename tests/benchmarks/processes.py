"""What every benchmark needs: a process of its own, so that peak memory is its own; the machine."""

import multiprocessing
import os
import resource
import statistics
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import torch

from w2v.studies.grid import processor, versions

STATUS = Path("/proc/self/status")
PACKAGES = ("torch", "numpy", "numba", "gensim")


def in_process(function, *arguments):
    """Call a function of a module in a fresh process, and give what it returns."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


def peak_mb() -> float:
    """The most memory this process has held, in MB; a page of a mapped file counts as held."""
    if STATUS.exists():  # ru_maxrss would count what the process that started this one held
        return int(STATUS.read_text().partition("VmHWM:")[2].split()[0]) * 1024 / 1e6
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1e6 if sys.platform == "darwin" else 1e3)


def machine() -> dict:
    """Say on what a benchmark runs."""
    from w2v.engines.lanes import INSTRUCTIONS

    facts = {
        "processor": processor(),
        "instruction_set": INSTRUCTIONS,
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "sgemm_gflops": round(sgemm_rate() / 1e9, 1),
    }
    return facts | versions(PACKAGES)


def sgemm_rate() -> float:
    """Measure floating-point operations a second in products of large matrices."""
    size, times = 2048, []
    a, b = torch.randn(size, size), torch.randn(size, size)
    for _ in range(6):
        start = time.perf_counter()
        a @ b
        times.append(time.perf_counter() - start)
    return 2 * size**3 / statistics.median(times)
