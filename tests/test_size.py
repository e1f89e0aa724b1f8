"""What a corpus costs in memory; the corpus on disk: the same training, no silent damage."""

import subprocess
import sys
import tracemalloc
from dataclasses import replace
from itertools import repeat
from pathlib import Path

import numpy as np
import pytest
import torch
from golden import PAD, B, D, K, R, V
from torch.utils.data import DataLoader

from w2v.batches import make_loader
from w2v.config import Word2VecConfig
from w2v.files import CheckpointError, read_sealed, write_sealed
from w2v.model import Word2Vec
from w2v.training import train_word2vec
from w2v.windows import WindowDataset

ROOT = Path(__file__).parents[1]
N_WORDS = 2_000_000
LENGTH = 100  # words of a document
HOGWILD = Word2VecConfig(
    dim=D, radius=R, ratio=K, batch_size=B, epochs=2, engine="hogwild", learning_rate=0.05
)


def make_corpus(n_words: int = 600, border: str = "drop") -> WindowDataset:
    ids = np.random.default_rng(0).integers(1, V, n_words).tolist()
    documents = [{"input_ids": ids[i : i + LENGTH]} for i in range(0, n_words, LENGTH)]
    return WindowDataset.from_documents(documents, R, border, PAD)


# In memory


def test_a_dataset_is_built_at_five_bytes_a_word():
    document = {"input_ids": np.arange(LENGTH, dtype=np.int32)}
    tracemalloc.start()
    dataset = WindowDataset.from_documents(repeat(document, N_WORDS // LENGTH), R)
    kept, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(dataset.tokens) == N_WORDS
    assert 4 <= kept / N_WORDS <= peak / N_WORDS < 5


def test_the_arrays_of_a_dataset_take_five_bytes_a_word():
    dataset = make_corpus(100_000)
    arrays = [value for value in vars(dataset).values() if isinstance(value, torch.Tensor)]
    assert sum(array.nbytes for array in arrays) < 5 * len(dataset.tokens)


def peak_of(setting: str, action: str) -> float:
    """Bytes a word by which an action raises the peak memory of a process of its own."""
    script = f"""
import torch
from pathlib import Path
from w2v.batches import make_loader
from w2v.config import Word2VecConfig
from w2v.windows import WindowDataset

n, generator = 20_000_000, torch.Generator().manual_seed(0)
tokens = torch.zeros(n, dtype=torch.int32)
tokens.random_(30_000, generator=generator)
dataset = WindowDataset(tokens, torch.arange(0, n + 1, 100), 5, "pad")
{setting}
def peak():
    return int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0])

before = peak()
{action}
print((peak() - before) * 1024 / n)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return float(done.stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="asks the kernel for the peak")
@pytest.mark.parametrize(
    ("setting", "action", "limit"),
    [
        ("", "dataset.counts(30_000)", 0.5),
        (
            "config = Word2VecConfig(dim=8, radius=5, ratio=1, batch_size=512, epochs=1)\n"
            "loader = make_loader(dataset, config, 30_000, generator=generator)",
            "next(iter(loader))",
            4.5,
        ),
        (
            "from w2v.engines.thinning import subsample",
            "subsample(dataset, dataset.counts(30_000), 1e-5, generator)",
            4.5,
        ),
    ],
    ids=["counts", "order", "subsample"],
)
def test_beyond_the_tokens_a_pass_takes_at_most_four_bytes_a_word(setting, action, limit):
    assert peak_of(setting, action) < limit


def test_the_order_of_the_windows_is_torchs_own(config):
    dataset = make_corpus()
    ours, theirs = (torch.Generator().manual_seed(5) for _ in range(2))
    loader = make_loader(dataset, config, V, generator=ours)
    plain = DataLoader(dataset, B, shuffle=True, generator=theirs)
    words = torch.cat([batch["word_id"] for batch in loader])
    assert len(words) == len(dataset) == len(loader.sampler)
    first, _ = next(iter(plain))
    assert torch.equal(words[:B], first)


# On disk


@pytest.mark.parametrize("border", ["drop", "shift", "pad"])
def test_a_saved_corpus_serves_the_same_windows_whatever_is_asked_of_it(tmp_path, border):
    path = make_corpus().save(tmp_path / "corpus")
    opened = WindowDataset.load(path, R, border, PAD)
    expected = make_corpus(border=border)
    for found, wanted in zip(
        opened.gather(range(len(opened))),
        expected.gather(range(len(expected))),
        strict=True,
    ):
        assert torch.equal(found, wanted)


def test_equal_corpora_make_equal_files(tmp_path):
    first, second = (make_corpus().save(tmp_path / name, vocabulary="v") for name in "ab")
    assert first.read_bytes() == second.read_bytes()


@pytest.mark.parametrize("engine", ["loader", "hogwild"])
def test_a_corpus_on_disk_trains_to_the_same_bits(tmp_path, engine):
    if engine == "hogwild":
        pytest.importorskip("numba")
    config = replace(HOGWILD, engine=engine)
    in_memory = make_corpus()
    on_disk = WindowDataset.load(in_memory.save(tmp_path / "corpus"), R)
    threads, tables = torch.get_num_threads(), []
    torch.set_num_threads(1)
    try:
        for train_set in (in_memory, on_disk):
            model = Word2Vec(V, D, generator=torch.Generator().manual_seed(0))
            train_word2vec(model, train_set, in_memory, config, progress=False)
            tables.append(list(model.parameters()))
    finally:
        torch.set_num_threads(threads)
    assert all(torch.equal(a, b) for a, b in zip(*tables, strict=True))


@pytest.mark.skipif(sys.platform != "linux", reason="asks the kernel what is mapped")
def test_an_opened_corpus_is_mapped_and_not_copied(tmp_path):
    path = make_corpus(100_000).save(tmp_path / "corpus")
    dataset = WindowDataset.load(path, R)
    ranges = [line.split() for line in Path("/proc/self/maps").read_text().splitlines()]
    mapped = [line[0].split("-") for line in ranges if line[-1] == str(path)]
    address = dataset.tokens.data_ptr()
    assert any(int(start, 16) <= address < int(end, 16) for start, end in mapped)


def test_the_file_is_not_changed_by_what_is_done_to_the_tokens(tmp_path):
    path = make_corpus().save(tmp_path / "corpus")
    before = path.read_bytes()
    WindowDataset.load(path, R).tokens.zero_()
    assert path.read_bytes() == before


@pytest.mark.parametrize("part", [0, 0.5, 0.99])
def test_a_truncated_corpus_is_refused(tmp_path, part):
    path = make_corpus().save(tmp_path / "corpus")
    path.write_bytes(path.read_bytes()[: int(part * path.stat().st_size)])
    with pytest.raises(CheckpointError, match="must be a complete w2v file, got '.*corpus'; it"):
        WindowDataset.load(path, R)


def test_a_corpus_that_changed_by_a_bit_is_refused(tmp_path):
    path = make_corpus().save(tmp_path / "corpus")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match="does not match its digest"):
        WindowDataset.load(path, R)


def test_a_corpus_of_another_vocabulary_is_refused_saying_both(tmp_path):
    path = make_corpus().save(tmp_path / "corpus", vocabulary="words-1")
    assert len(WindowDataset.load(path, R, vocabulary="words-1")) == len(make_corpus())
    with pytest.raises(CheckpointError, match="vocabulary 'words-2', got 'words-1'; tokenise"):
        WindowDataset.load(path, R, vocabulary="words-2")


def test_a_corpus_that_is_not_there_is_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match="path must be an existing file"):
        WindowDataset.load(tmp_path / "corpus", R)


@pytest.mark.parametrize(
    "changes",
    [
        {"tokens": None},
        {"tokens": torch.zeros(600)},
        {"offsets": torch.tensor([], dtype=torch.int64)},
        {"offsets": torch.tensor([0, 10**9])},
        {"offsets": torch.tensor([-5, 600])},
        {"offsets": torch.tensor([0, 10**9, 600])},
    ],
    ids=["none", "type", "empty", "end", "start", "order"],
)
def test_offsets_that_would_read_beyond_the_tokens_are_refused(tmp_path, changes):
    saved = read_sealed(make_corpus().save(tmp_path / "corpus"))
    write_sealed(tmp_path / "other", {**saved, **changes})
    with pytest.raises(CheckpointError, match="must hold a tokenised corpus"):
        WindowDataset.load(tmp_path / "other", R)


@pytest.mark.skipif(sys.platform != "linux", reason="asks the kernel for the peak")
def test_peaks_are_seen_at_all():
    assert peak_of("", "copy = tokens.long()") > 7
