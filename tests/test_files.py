"""Files: whole or not at all, equal bytes for equal content, and where caches lie."""

import gzip
import os
import random
import signal
import subprocess
import sys
import time
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from children import FORKS, KilledAtLine, exit_code, fill_the_disk, in_child, trace

import w2v
from w2v import files
from w2v.archive import DTYPES
from w2v.files import CheckpointError, is_same, locked, read_sealed, write_sealed

# content


def test_equal_payloads_give_equal_bytes_whatever_the_name_and_the_time(tmp_path):
    first = write_sealed(tmp_path / "first", {"a": "word", "b": ["word"], "c": torch.ones(2)})
    time.sleep(0.01)
    word = "".join(["wo", "rd"])  # an equal string, but another object
    second = write_sealed(tmp_path / "2", {"a": "word", "b": [word], "c": torch.ones(2)})
    assert first.read_bytes() == second.read_bytes()


def test_a_view_is_saved_without_the_storage_behind_it(tmp_path):
    path = write_sealed(tmp_path / "view", {"rows": torch.zeros(100_000)[:2]})
    assert path.stat().st_size < 10_000


def test_resume_states_come_back_as_they_were(tmp_path):
    state = {"step": 3, "rate": 0.5, "best": float("inf"), "betas": (0.9, 0.999), "none": None}
    nested = {"seen": True, "losses": [0.7, 0.6], "state": {0: state}}
    path = write_sealed(tmp_path / "resume", nested)
    assert read_sealed(path) == nested


def test_what_is_no_plain_value_is_refused_before_anything_is_written(tmp_path):
    with pytest.raises(TypeError, match=r"payload\['a'\]\[1\] must be a tensor or a plain value"):
        write_sealed(tmp_path / "file", {"a": [1, object()]})
    assert list(tmp_path.iterdir()) == []


def test_sparse_tensors_are_refused(tmp_path):
    with pytest.raises(TypeError, match=r"payload\['a'\] must be a dense tensor"):
        write_sealed(tmp_path / "file", {"a": torch.eye(2).to_sparse()})


# files that declare more than they hold


def doubled(n_times: int) -> list:
    """Lists within lists: a few bytes for each doubling."""
    nested = []
    for _ in range(n_times):
        nested = [nested, nested]
    return nested


SHARED = torch.ones(4)
HUGE = {
    "a stride of 0": torch.ones(1).as_strided((2**20, 2**12), (0, 0)),
    "lists within lists": doubled(60),
    "a record of two tensors": [SHARED, SHARED[1:]],
    "another order of numbers": torch.ones(2, 3).T,
    "a bytearray": bytearray(3),
    "a tuple for a key": {(1, (2,)): 3},
}


@pytest.mark.parametrize("part", HUGE.values(), ids=HUGE.keys())
@pytest.mark.parametrize("mmap", [False, True])
def test_a_file_that_declares_more_than_it_holds_is_refused_at_once(tmp_path, part, mmap):
    path = tmp_path / "huge"
    torch.save({"a": part}, path)
    with path.open("r+b") as file:
        files._seal(file)
    started = time.perf_counter()
    with pytest.raises(CheckpointError, match="path must be a complete w2v file, got '.*huge'; "):
        read_sealed(path, mmap=mmap)
    assert path.stat().st_size < 10_000 and time.perf_counter() - started < 5


def test_a_packed_archive_is_refused(tmp_path):
    path = write_sealed(tmp_path / "plain", {"a": torch.zeros(1000)})
    with zipfile.ZipFile(path) as archive, zipfile.ZipFile(tmp_path / "packed", "w") as packed:
        for name in archive.namelist():
            packed.writestr(name, archive.read(name), zipfile.ZIP_DEFLATED)
    with (tmp_path / "packed").open("r+b") as file:
        files._seal(file)
    with pytest.raises(CheckpointError, match="not one that torch.save writes"):
        read_sealed(tmp_path / "packed")


def test_every_dtype_and_shape_comes_back(tmp_path):
    shapes = [(), (0,), (0, 3), (1, 2), (2, 1, 3)]
    tensors = [torch.ones(shape).to(dtype) for shape in shapes for dtype in DTYPES.values()]
    found = read_sealed(write_sealed(tmp_path / "all", {"tensors": tensors}))["tensors"]
    for one, other in zip(tensors, found, strict=True):
        assert (one.dtype, one.shape) == (other.dtype, other.shape) and torch.equal(one, other)


# kills and full disks


def test_a_save_is_flushed_before_it_takes_the_old_files_place(tmp_path, monkeypatch):
    events = []
    for name in ("fsync", "replace"):
        original = getattr(os, name)

        def recorded(*arguments, name=name, original=original):
            events.append(name)
            return original(*arguments)

        monkeypatch.setattr(os, name, recorded)
    write_sealed(tmp_path / "file", {"a": 1})
    assert events == ["fsync", "replace", "fsync"]  # the content, the step, the new name


def test_what_killed_saves_left_is_removed_but_not_what_is_being_written(tmp_path):
    left = [tmp_path / f".{name}.00c0ffee.tmp" for name in ("file", "another file")]
    for temporary in left:
        temporary.write_bytes(b"half")
    with files.replaced(tmp_path / "file") as slow:
        slow.write(b"slow")
        write_sealed(tmp_path / "file", {"a": 1})
        assert not any(temporary.exists() for temporary in left)
        assert Path(slow.name).exists()
    assert [file.name for file in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_bytes() == b"slow"


class TestKills:
    pytestmark = FORKS

    def test_a_kill_at_any_line_of_a_save_leaves_the_old_or_the_new_file_whole(self, tmp_path):
        path = tmp_path / "killed.ckpt"
        old, new = {"tables": [0.0], "n": 0}, {"tables": [1.0] * 3, "n": 1}
        seen, line, code = [], 0, -signal.SIGKILL

        def killed_save():
            killer = KilledAtLine(files.__file__, line)
            trace(killer, lambda: write_sealed(path, new))

        while code != 0:
            write_sealed(path, old)
            line += 1
            code = exit_code(in_child(killed_save))
            assert code in (0, -signal.SIGKILL)
            payload = read_sealed(path)
            assert payload in (old, new)
            seen.append(payload["n"])
            for left_behind in tmp_path.glob(".*.tmp"):  # each would lengthen the next save
                left_behind.unlink()
        assert line > 40
        assert seen == sorted(seen)  # the old one at every line up to the step, then the new one

    def test_a_kill_at_a_random_moment_leaves_the_old_or_the_new_file_whole(self, tmp_path):
        path = tmp_path / "killed.ckpt"
        payloads = [{"table": torch.full((size,), float(size))} for size in (50_000, 60_000)]
        seed = random.randrange(2**31)
        chance = random.Random(seed)
        write_sealed(path, payloads[0])

        def save_for_ever():
            while True:
                for payload in payloads:
                    write_sealed(path, payload)

        for _ in range(40):
            pid = in_child(save_for_ever)
            time.sleep(chance.uniform(0.0, 0.05))
            os.kill(pid, signal.SIGKILL)
            assert exit_code(pid) == -signal.SIGKILL
            table = read_sealed(path)["table"]
            assert len(table) in (50_000, 60_000), f"seed {seed}"
            assert bool((table == len(table)).all()), f"seed {seed}"

    def test_a_full_disk_leaves_the_old_file_whole_and_no_temporary(self, tmp_path):
        path = tmp_path / "full.ckpt"
        write_sealed(path, {"table": torch.zeros(20_000)})
        before = path.read_bytes()

        def save_on_a_full_disk(limit):
            fill_the_disk(limit)
            with pytest.raises(CheckpointError, match=r"full.ckpt'; .*File too large"):
                write_sealed(path, {"table": torch.ones(20_000)})
            assert list(tmp_path.iterdir()) == [path]

        for limit in [0, 1, 100, 1_000, *range(5_000, len(before), 5_000), len(before) - 1]:
            assert exit_code(in_child(lambda limit=limit: save_on_a_full_disk(limit))) == 0
            assert path.read_bytes() == before
        assert list(tmp_path.iterdir()) == [path]

    def test_a_disk_that_is_just_large_enough_is_no_full_disk(self, tmp_path):
        path = write_sealed(tmp_path / "full.ckpt", {"table": torch.zeros(20_000)})
        size = path.stat().st_size

        def save_on_a_small_disk():
            fill_the_disk(size)
            write_sealed(path, {"table": torch.ones(20_000)})

        assert exit_code(in_child(save_on_a_small_disk)) == 0


def test_a_directory_that_cannot_be_made_is_one_clear_error(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(CheckpointError, match=r"can be written, got '.*file/x.ckpt'; .*exists"):
        write_sealed(tmp_path / "file" / "x.ckpt", {"a": 1})


# the cache directory


@pytest.mark.parametrize(
    ("platform", "variables", "expected"),
    [
        ("linux", {"XDG_CACHE_HOME": "/x"}, "/x/w2v"),
        ("linux", {"HOME": "/h"}, "/h/.cache/w2v"),
        ("darwin", {"HOME": "/h", "XDG_CACHE_HOME": "/x"}, "/h/Library/Caches/w2v"),
        ("win32", {"LOCALAPPDATA": "/l"}, "/l/w2v"),
        ("linux", {"W2V_CACHE": "/c", "XDG_CACHE_HOME": "/x"}, "/c"),
    ],
)
def test_the_cache_lies_where_the_platform_keeps_caches(monkeypatch, platform, variables, expected):
    for name in ("W2V_CACHE", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(files.sys, "platform", platform)
    assert files.cache_directory() == Path(expected)


def test_two_values_are_the_same_if_their_types_are():
    same = [(1, 1), ([1, {"a": (2.0, None)}], [1, {"a": (2.0, None)}]), ("x", "x"), ({}, {})]
    other = [(1, True), (1, 1.0), ([1], (1,)), ([1], [1, 2]), ({"a": 1}, {"b": 1}), (None, 0)]
    other += [({"a": 1}, {"a": 1, "b": 2}), ({1: 2}, {True: 2.0}), ("1", 1)]
    assert all(is_same(a, b) for a, b in same) and not any(is_same(a, b) for a, b in other)
    assert not any(is_same(b, a) for a, b in other)


def test_a_lock_leaves_what_its_name_is_a_link_to(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / ".model.lock").symlink_to(tmp_path / "notes.txt")
    with locked(tmp_path / "model.ckpt.last"):
        pass
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_a_second_lock_of_one_process_leaves_the_first(tmp_path):
    path = tmp_path / "model.ckpt.last"
    code = "import sys; from w2v.files import locked; locked(sys.argv[1]).__enter__()"
    other = [sys.executable, "-c", code, str(path)]
    with locked(path):
        with locked(path):  # a cell that is run again
            pass
        found = subprocess.run(other, capture_output=True, text=True)
        assert "must be used by one process at a time" in found.stderr
    assert not list(tmp_path.iterdir())
    assert subprocess.run(other, capture_output=True).returncode == 0


def test_nested_keys_take_no_more_memory_than_they_hold(tmp_path):
    payload = leaf = {}
    for i in range(200):
        leaf[f"{i}" + "k" * 500] = leaf = {}  # 100 kB of keys
    leaf["last"] = torch.tensor([float("nan")])
    tracemalloc.start()
    with pytest.raises(CheckpointError, match="payload.*kkk.*'last'. must be finite"):
        write_sealed(tmp_path / "deep", payload)
    leaf["last"] = 1
    read_sealed(write_sealed(tmp_path / "deep", payload))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5e6


def test_a_number_of_any_length_comes_back(tmp_path):
    payload = {"a": 10**3000, 2: -(2**70)}
    assert read_sealed(write_sealed(tmp_path / "long", payload)) == payload


@pytest.mark.skipif(os.name != "posix", reason="needs links and permissions")
def test_a_link_stays_a_link_and_a_private_file_private(tmp_path):
    target, link = tmp_path / "disk" / "file", tmp_path / "link"
    write_sealed(target, {"a": 1})
    target.chmod(0o600)
    link.symlink_to(target)
    write_sealed(link, {"a": 2})
    assert link.is_symlink() and read_sealed(target) == {"a": 2}
    assert target.stat().st_mode & 0o777 == 0o600
    assert [file.name for file in target.parent.iterdir()] == ["file"]


@pytest.mark.parametrize(
    "read",
    [
        w2v.load_texts,
        w2v.load_csv,
        w2v.WordVectors.load_word2vec_format,
        w2v.WordVectors(["a", "b"], np.eye(2)).evaluate_word_pairs,
    ],
)
def test_a_small_file_that_unpacks_to_gigabytes_is_refused_at_once(tmp_path, monkeypatch, read):
    monkeypatch.setattr(files, "UNPACKED", 10**6)
    (tmp_path / "bomb.gz").write_bytes(gzip.compress(b"a" * 3 * 10**6, 9))
    with pytest.raises(ValueError, match="bomb.gz must be packed text, got 29.. bytes that unpack"):
        read(tmp_path / "bomb.gz")
    monkeypatch.setattr(files, "SMALL", 10**3)  # then it is judged by its beginning
    with pytest.raises(ValueError, match="bomb.gz must be packed text, got 29.. bytes that unpack"):
        read(tmp_path / "bomb.gz")
