"""A grid of runs: each made once, kept at once, in the order asked for."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
import torch
from text_files import ROOT

from w2v.files import write_json
from w2v.studies.grid import digest, run_grid, write_results


def note(settings):
    """Leave a trace of every run in a file of its own, then square a number."""
    with open(settings["trace"], "a") as file:
        file.write(f"{settings['n']} {os.getpid()} {torch.get_num_threads()}\n")
    if settings["n"] == 13:
        raise ValueError("n must not be 13, got 13")
    return {"square": settings["n"] ** 2}


def grid_of(tmp_path, *numbers):
    return [{"n": n, "trace": str(tmp_path / f"trace{n}")} for n in numbers]


def traces(tmp_path):
    files = sorted(tmp_path.glob("trace*"))
    return {file.name: len(file.read_text().splitlines()) for file in files}


def test_rows_come_in_the_order_of_the_grid_and_equal_runs_are_made_once(tmp_path):
    grid = grid_of(tmp_path, 3, 1, 2, 1)
    rows = run_grid(note, grid, tmp_path / "runs", workers=2, progress=False)
    assert [row["result"]["square"] for row in rows] == [9, 1, 4, 1]
    assert [row["settings"] for row in rows] == grid
    assert all(row["seconds"] >= 0 for row in rows)
    assert traces(tmp_path) == {"trace1": 1, "trace2": 1, "trace3": 1}


def test_a_grid_that_was_cut_off_goes_on_where_it_was(tmp_path, capsys):
    with pytest.raises(ValueError, match="n must not be 13"):
        run_grid(note, grid_of(tmp_path, 4, 13), tmp_path / "runs", workers=1, progress=False)
    rows = run_grid(note, grid_of(tmp_path, 5, 4), tmp_path / "runs", workers=1, progress=True)
    assert "1/1" in capsys.readouterr().err  # what is left to do
    assert [row["result"]["square"] for row in rows] == [25, 16]
    assert traces(tmp_path)["trace4"] == 1  # kept although the grid failed after it


SPOILT = {
    "empty": lambda content: b"",
    "cut": lambda content: content[:40],
    "not UTF-8": lambda content: b"\xff" + content[1:],
    "a list": lambda content: b"[]",
    "deep": lambda content: b"[" * 100_000,
    "no result": lambda content: b'{"settings": {}}',
    "sealed again without its result": lambda content: resealed(content, "result"),
    "sealed again without its time": lambda content: resealed(content, "seconds"),
    "sealed again with a list": lambda content: resealed(content, "result", result=[1]),
    "another result": lambda content: content.replace(b'"square": 16', b'"square": 17'),
    "other settings": lambda content: content.replace(b'"n": 4', b'"n": 5'),
}


def resealed(content, part, **changes):
    row = json.loads(content)
    del row[part], row["digest"]
    row |= changes
    return json.dumps(row | {"digest": digest(row)}).encode()


@pytest.mark.parametrize("spoil", SPOILT.values(), ids=SPOILT.keys())
def test_a_finished_run_that_is_damaged_is_made_again(tmp_path, capsys, spoil):
    grid = grid_of(tmp_path, 4)
    rows = run_grid(note, grid, tmp_path / "runs", workers=0, progress=False)
    (file,) = (tmp_path / "runs").iterdir()
    file.write_bytes(spoil(file.read_bytes()))
    again = run_grid(note, grid, tmp_path / "runs", workers=0, progress=False)
    assert [row["result"] for row in again] == [row["result"] for row in rows]
    assert file.name in capsys.readouterr().out and traces(tmp_path) == {"trace4": 2}


def test_runs_on_other_texts_are_made_again(tmp_path, monkeypatch, capsys):
    grid, directory = grid_of(tmp_path, 4), tmp_path / "runs"
    for texts, n_runs in (("one", 1), ("one", 1), ("two", 2)):
        run_grid(note, grid, directory, texts=texts, workers=0, progress=False)
        assert traces(tmp_path) == {"trace4": n_runs}
    assert "comes from other texts" in capsys.readouterr().out
    for texts, n_runs in (("three", 3), ("three", 3), ("four", 4)):
        monkeypatch.setenv("W2V_DATA", texts)
        run_grid(note, grid, directory, workers=0, progress=False)
        assert traces(tmp_path) == {"trace4": n_runs}


def test_a_run_whose_files_are_gone_is_made_again(tmp_path):
    grid, directory = grid_of(tmp_path, 4), tmp_path / "runs"
    for _ in range(2):
        run_grid(note, grid, directory, is_whole=lambda settings: False, workers=0, progress=False)
    assert traces(tmp_path) == {"trace4": 2}


def test_runs_are_made_in_other_processes_of_one_thread_each(tmp_path, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    run_grid(note, grid_of(tmp_path, 6), tmp_path / "runs", workers=1, progress=False)
    _, process, n_threads = (tmp_path / "trace6").read_text().split()
    assert process != str(os.getpid()) and n_threads == "1"


def test_without_workers_runs_are_made_here(tmp_path):
    rows = run_grid(note, grid_of(tmp_path, 7, 8), tmp_path / "runs", workers=0, progress=False)
    assert [row["result"]["square"] for row in rows] == [49, 64]
    assert (tmp_path / "trace7").read_text().split()[1] == str(os.getpid())


def test_runs_are_named_by_their_settings_whatever_the_order_of_keys():
    assert digest({"a": 1, "b": [2]}) == digest({"b": [2], "a": 1})
    assert digest({"a": 1}) != digest({"a": 1.5})
    assert len(digest({})) == 16


def test_a_file_that_cannot_be_written_leaves_the_old_one_whole(tmp_path):
    path = write_json(tmp_path / "new" / "rows.json", {"n": 1})
    with pytest.raises(ValueError):
        write_json(path, {"n": float("nan")})
    assert json.loads(path.read_text()) == {"n": 1}
    assert [file.name for file in path.parent.iterdir()] == ["rows.json"]


def test_results_hold_rows_runs_versions_and_time(tmp_path):
    runs = [{"settings": {"seed": s}, "result": {"x": s}, "seconds": 1.5} for s in (0, 1)]
    path = write_results(tmp_path / "labels.json", runs, [{"mean": 0.5}], split="held out")
    saved = json.loads(path.read_text())
    assert saved["rows"] == [{"mean": 0.5}] and saved["split"] == "held out"
    assert saved["run_seconds"] == 3.0
    assert saved["runs"][1] == {"settings": {"seed": 1}, "result": {"x": 1}}
    assert {"python", "torch", "numpy"} <= set(saved["versions"])
    assert saved["machine"]["processor"].strip() and saved["machine"]["cores"] >= 1


SLEEPERS = """
import os, sys, time
from pathlib import Path
from w2v.studies.grid import run_grid

def sleep(settings):
    Path(sys.argv[1], f"worker{os.getpid()}").touch()
    time.sleep(100)
    return {}

if __name__ == "__main__":
    run_grid(sleep, [{"n": 1}, {"n": 2}], sys.argv[1], workers=2, progress=False)
"""


def is_running(process):
    """Tell whether there is such a process that has not ended."""
    try:
        os.kill(process, 0)
        with open(f"/proc/{process}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False


def wait_until(condition):
    end = time.time() + 60
    while not condition() and time.time() < end:
        time.sleep(0.1)
    assert condition()


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="needs /proc to see processes end")
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_no_process_outlives_a_grid_that_is_ended(tmp_path, sent):
    (tmp_path / "sleepers.py").write_text(SLEEPERS)
    with subprocess.Popen(
        [sys.executable, tmp_path / "sleepers.py", tmp_path],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
        text=True,
    ) as grid:
        wait_until(lambda: len(list(tmp_path.glob("worker*"))) == 2)
        grid.send_signal(sent)
        _, error = grid.communicate(timeout=60)
    workers = [int(file.name.removeprefix("worker")) for file in tmp_path.glob("worker*")]
    wait_until(lambda: not any(map(is_running, workers)))
    assert error.count("Traceback") == (sent == signal.SIGINT)  # that of the script itself


@pytest.mark.parametrize("result", [{"x": float("nan")}, {1: 2}, {"x": (1, 2)}, {"x": note}, None])
def test_a_result_that_would_not_come_back_is_refused(tmp_path, result):
    with pytest.raises(TypeError, match="result must hold dicts of finite numbers"):
        run_grid(lambda _: result, [{"n": 1}], tmp_path / "runs", workers=0, progress=False)
    assert list((tmp_path / "runs").iterdir()) == []


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"run": None}, "run must be a function"),
        ({"grid": 5}, "grid must be an iterable"),
        ({"grid": [5]}, "grid must hold dicts"),
        ({"grid": [{"n": torch.ones(1)}]}, "grid must hold dicts"),
        ({"texts": 5}, "texts must be a string or None"),
        ({"workers": "2"}, "workers must be an integer or None"),
        ({"workers": -1}, "workers must be 0 or more"),
    ],
)
def test_a_grid_that_cannot_be_run_is_refused_first(tmp_path, changes, message):
    how = {"run": note, "grid": grid_of(tmp_path, 4), "directory": tmp_path / "runs"} | changes
    with pytest.raises((TypeError, ValueError), match=message):
        run_grid(**how)
    assert list(tmp_path.iterdir()) == []


def killed(settings):
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_process_that_is_killed_is_named(tmp_path):
    with pytest.raises(ChildProcessError, match="got one that was killed, .*take fewer workers"):
        run_grid(killed, [{"n": 1}], tmp_path / "runs", workers=1, progress=False)
