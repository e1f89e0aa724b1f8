"""Run a grid of settings in parallel; keep the result of each run in a file of its own."""

import hashlib
import json
import multiprocessing
import os
import platform
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from w2v.checks import checked, shown
from w2v.files import CheckpointError, is_same, read_json, user_path, write_json
from w2v.studies import Row

CPUINFO = Path("/proc/cpuinfo")
PACKAGES = ("torch", "numpy", "numba", "transformers", "datasets", "scikit-learn", "scipy")


@checked
def run_grid(
    run: Callable[[Row], Row],
    grid: Iterable[Row],
    directory: str | Path,
    *,
    texts: str | None = None,
    is_whole: Callable[[Row], bool] | None = None,
    workers: int | None = None,
    title: str = "runs",
    progress: bool | None = None,
) -> list[Row]:
    """Run all settings of a grid that have no result yet.

    Each process works on one run at a time, with one torch thread. Each finished run is written
    to its own file at once, and the file is named by the settings. So an interruption loses only
    the unfinished runs, and equal settings run once, in this grid or in another. A file that is
    damaged, or comes from other texts, is not used: its run is made again.

    Args:
        run: called with the settings of a run; returns its result, plain numbers and strings. It
            must be a function at the top of a module (or a `partial` of one).
        grid: the settings of each run, plain numbers, strings, lists and dicts.
        directory: where the files are.
        texts: identity of the texts behind the runs; None takes the directory in W2V_DATA.
        is_whole: called with the settings of a finished run; tells whether what the run left
            elsewhere is still there. None where runs leave nothing.
        workers: number of processes; None takes one per core, 0 runs all in this process.
        title: shown with the progress and the time left.
        progress: show a bar on stderr; None: on a terminal only.

    Returns:
        One row per run, in the order of the grid: `settings`, `result` and `seconds`.

    Raises:
        Exception: whatever the first failing run raises; finished runs are kept.
        TypeError: settings or a result that JSON cannot hold as they are.
        ChildProcessError: a process was killed.
        CheckpointError: another process changed a file in the meantime.

    Source: assignment Q4.4.
    """
    if workers is not None and workers < 0:
        raise ValueError(f"workers must be 0 or more, or None, got {workers!r}")
    grid, directory = list(grid), user_path(directory)
    for settings in grid:
        _check_row("grid", settings)
    directory.mkdir(parents=True, exist_ok=True)
    texts = os.environ.get("W2V_DATA", "") if texts is None else texts
    files = [directory / f"{digest(settings)}.json" for settings in grid]
    missing = {
        file: settings
        for file, settings in dict(zip(files, grid, strict=True)).items()
        if _finished(file, settings, texts) is None or (is_whole and not is_whole(settings))
    }
    disable = None if progress is None else not progress  # tqdm: None hides it off a terminal
    with tqdm(total=len(missing), desc=title, unit=" runs", disable=disable) as bar:
        keep = partial(_run_and_keep, run, texts)
        if workers == 0:
            for file, settings in missing.items():
                keep(settings, file)
                bar.update()
        elif missing:
            _run_in_processes(keep, missing, workers or os.cpu_count() or 1, bar)
    rows = []
    for file, settings in zip(files, grid, strict=True):
        row = _finished(file, settings, texts)
        if row is None:
            raise CheckpointError(f"{str(file)!r} must hold the run that was just finished")
        rows.append(row)
    return rows


def digest(settings: Row) -> str:
    """Compute the name of a run from its settings.

    Args:
        settings: plain numbers, strings, lists and dicts.

    Returns:
        16 hexadecimal digits; the order of keys does not matter.
    """
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:16]


def write_results(path: str | Path, runs: Sequence[Row], rows: Sequence[Row], **facts: Any) -> Path:
    """Write the rows of a study with the settings, machine and versions behind them.

    Args:
        path: the file, JSON; replaced in one step.
        runs: what `run_grid` returned for every run that the rows are computed from.
        rows: the rows, plain numbers and strings.
        facts: other values to store, by name.

    Returns:
        The path.
    """
    payload = {
        **facts,
        "rows": list(rows),
        "machine": {"processor": processor(), "cores": os.cpu_count()},
        "versions": versions(PACKAGES),
        "run_seconds": sum(run["seconds"] for run in runs),
        "runs": [{key: run[key] for key in run if key != "seconds"} for run in runs],
    }
    return write_json(path, payload)


def _run_in_processes(
    keep: Callable[[Row, Path], None], missing: dict[Path, Row], workers: int, bar: tqdm
) -> None:
    """Run what is missing, in as many processes as there are workers."""
    before = multiprocessing.active_children()
    pool = ProcessPoolExecutor(
        min(workers, len(missing)),
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_start_worker,
    )
    try:
        jobs = [pool.submit(keep, settings, file) for file, settings in missing.items()]
        for job in as_completed(jobs):
            job.result()
            bar.update()
    except BrokenProcessPool:
        raise ChildProcessError(
            "each process must end with a result, got one that was killed, perhaps for memory; "
            "take fewer workers: finished runs are kept"
        ) from None
    except KeyboardInterrupt:  # unfinished runs are lost anyway
        for process in multiprocessing.active_children():
            if process not in before:
                process.terminate()
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _start_worker() -> None:
    """Compute with one thread; end without a word when the parent ends, or with Ctrl-C."""
    torch.set_num_threads(1)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """Wait for the end of the parent process, which may be killed, and end this one."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _run_and_keep(run: Callable[[Row], Row], texts: str, settings: Row, file: Path) -> None:
    """Run one set of settings in this process, and write its file."""
    started = time.perf_counter()
    result = run(settings)
    seconds = round(time.perf_counter() - started, 2)
    _check_row("result", result)
    row = {"settings": settings, "result": result, "seconds": seconds}
    write_json(file, {**row, "texts": texts, "digest": digest({**row, "texts": texts})})


def _check_row(name: str, row: Row) -> None:
    """Refuse what would not come back from JSON as it was."""
    try:
        is_plain = isinstance(row, dict) and is_same(json.loads(json.dumps(row)), row)
    except (RecursionError, TypeError, ValueError):
        is_plain = False
    if not is_plain:  # nan is not the same either
        raise TypeError(
            f"{name} must hold dicts of finite numbers, strings and lists, got {shown(row)}"
        )


def _finished(file: Path, settings: Row, texts: str) -> Row | None:
    """Read a finished run; None where it is missing, damaged, or of something else."""
    try:
        row = read_json(file)
    except FileNotFoundError:
        return None
    except CheckpointError as error:
        print(f"{error}: its run is made again.")
        return None
    seal, found = row.pop("digest", None), row.pop("texts", None)
    is_damaged = seal != digest({**row, "texts": found})
    kinds = {"settings": dict, "result": dict, "seconds": float}
    is_damaged |= {name: type(part) for name, part in row.items()} != kinds
    if is_damaged or digest(row["settings"]) != digest(settings):
        print(f"{file.name} is damaged, or belongs to other settings: its run is made again.")
    elif found != texts:
        print(f"{file.name} comes from other texts: its run is made again.")
    else:
        return row
    return None


def processor() -> str:
    """Name the processor of this machine.

    Returns:
        The name that the maker gave it; the architecture where the system does not tell.
    """
    if CPUINFO.exists():
        for line in CPUINFO.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    if sys.platform == "darwin":
        command = ["sysctl", "-n", "machdep.cpu.brand_string"]
        return subprocess.run(command, capture_output=True, text=True).stdout.strip()
    return platform.processor() or platform.machine()


def versions(packages: Iterable[str]) -> dict[str, str]:
    """List the versions of Python and of the packages that a result may depend on.

    Args:
        packages: names of packages; those that are not installed are left out.

    Returns:
        The version of each, by name.
    """
    found = {"python": platform.python_version()}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue  # an extra that is not installed
    return found
