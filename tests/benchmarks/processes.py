"""Functions that run in a process of their own, so that peak memory is theirs alone."""

import multiprocessing
import resource
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

STATUS = Path("/proc/self/status")


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
