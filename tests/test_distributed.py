"""Several processes that torchrun starts: one model, one writer, the loss of a single process."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from golden import D, K, R

from w2v.config import Word2VecConfig
from w2v.engines.distributed import cut_into_shards, join
from w2v.evaluation import evaluate_word2vec
from w2v.model import Word2Vec
from w2v.training import train_word2vec
from w2v.windows import WindowDataset

ROOT = Path(__file__).parents[1]
V, TOPIC = 60, 10
CONFIG = Word2VecConfig(
    dim=D,
    radius=R,
    ratio=K,
    batch_size=8,
    epochs=2,
    engine="hogwild",
    decay=True,
    learning_rate=0.05,
    noise="unigram^0.75",
)


def planted(n_documents: int, seed: int) -> WindowDataset:
    """Documents of 25 words, each on one of six topics."""
    random = np.random.default_rng(seed)
    topics = random.integers(V // TOPIC, size=n_documents)
    documents = [{"input_ids": TOPIC * t + random.integers(TOPIC, size=25)} for t in topics]
    return WindowDataset.from_documents(documents, CONFIG.radius)


def trained(directory=None, config=CONFIG, n_documents: int = 200):
    """Train as every process does; give the model and its held-out loss."""
    torch.set_num_threads(1)
    train_set, valid_set = planted(n_documents, seed=0), planted(400, seed=1)
    model = Word2Vec(V, config.dim, generator=torch.Generator().manual_seed(0))
    history = train_word2vec(
        model, train_set, valid_set, config, directory=directory, vocabulary="words-1"
    )
    counts = train_set.counts(V)
    return model, history, evaluate_word2vec(model, valid_set, config, counts=counts).loss


def torchrun(script: str, n_processes: int = 2) -> subprocess.CompletedProcess:
    """Run a script in several processes; it finds the functions above."""
    command = ["torch.distributed.run", "--standalone", "--nproc-per-node", str(n_processes)]
    lines = "import sys; sys.path.insert(0, 'tests'); import test_distributed as test\n" + script
    return subprocess.run(
        [sys.executable, "-m", *command, "--no-python", sys.executable, "-c", lines],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=500,
    )


@pytest.fixture(scope="module")
def one() -> tuple:
    """What a single process gives."""
    pytest.importorskip("numba")
    _, history, loss = trained()
    return history, loss


@pytest.fixture(scope="module")
def two(one, tmp_path_factory) -> Path:
    """What two processes leave in a directory; the engine is compiled by then."""
    directory = tmp_path_factory.mktemp("two")
    done = torchrun(f"""
import json, os, torch
from pathlib import Path
from w2v import checkpoint
directory, rank = Path({str(directory)!r}), os.environ["RANK"]
written, replace = [], os.replace
def recorded(old, new):
    replace(old, new)
    if directory in Path(new).parents:  # numba keeps its compiled code
        written.append(str(new))
os.replace = recorded
model, history, loss = test.trained(directory / "files")
torch.save(list(model.parameters()), directory / f"tables{{rank}}")
result = {{"loss": loss, "train_loss": history.train_loss, "written": written}}
(directory / f"result{{rank}}").write_text(json.dumps(result))
""")
    assert done.returncode == 0, done.stderr
    return directory


def result(two: Path, rank: int) -> dict:
    return json.loads((two / f"result{rank}").read_text())


def test_two_processes_reach_the_loss_of_one(one, two):
    _, loss = one
    assert loss < 0.6 * np.log(2)  # it has learned, so that 1 % says something
    assert result(two, 0)["loss"] == pytest.approx(loss, rel=0.01)


def test_all_processes_end_with_the_same_tables_and_numbers(two):
    first, second = (torch.load(two / f"tables{rank}", weights_only=True) for rank in (0, 1))
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
    assert result(two, 0)["train_loss"] == result(two, 1)["train_loss"]


def test_only_the_first_process_writes(two):
    assert result(two, 1)["written"] == []
    names = {Path(path).name for path in result(two, 0)["written"]}
    assert len(names) == 2 and any(name.endswith(".last") for name in names)


def test_an_empty_share_is_refused_by_all_processes_alike():
    pytest.importorskip("numba")
    done = torchrun("""
try:
    test.trained(n_documents=1)
except ValueError as error:
    print(error)
""")
    assert done.stdout.count("train_set must hold a window for each of 2 processes, got [") == 2
    assert done.returncode == 0, done.stderr


def test_the_loader_is_for_one_process(monkeypatch):
    monkeypatch.setattr("w2v.engines.distributed.join", lambda: (0, 2))
    with pytest.raises(
        ValueError, match='engine must be "hogwild" for several processes, got .loader'
    ):
        trained(config=replace(CONFIG, engine="loader"))


def test_without_torchrun_there_is_one_process():
    assert join() == (0, 1)


@pytest.mark.parametrize("n_ranks", [1, 2, 3])
def test_the_shares_of_all_processes_are_the_text(n_ranks):
    train_set = planted(100, seed=0)
    shares = cut_into_shards(train_set, n_ranks, 300)
    n_pieces = {len(pieces) for pieces in shares}
    assert n_pieces == {round(2500 / 300 / n_ranks)}
    in_order = [piece for turn in zip(*shares, strict=True) for piece in turn]
    assert torch.equal(torch.cat([piece.tokens for piece in in_order]), train_set.tokens)
    lengths = torch.cat([piece.offsets.diff() for piece in in_order])
    assert torch.equal(lengths, train_set.offsets.diff())
    assert max(len(p.tokens) for p in in_order) - min(len(p.tokens) for p in in_order) <= 50


def test_few_long_documents_make_one_piece_for_each_process():
    documents = [{"input_ids": [1] * 1000}, {"input_ids": [2] * 1000}]
    shares = cut_into_shards(WindowDataset.from_documents(documents, 2), 2, 100)
    assert [[piece.tokens.unique().tolist() for piece in pieces] for pieces in shares] == [
        [[1]],
        [[2]],
    ]


def test_processes_that_share_no_disk_go_on_together_or_not_at_all(one, tmp_path):
    script = f"""
import os
from pathlib import Path
from w2v.training import train_epochs
rank, directory = os.environ["RANK"], Path({str(tmp_path)!r})
def epochs(place, n_documents=200):
    generator = test.torch.Generator().manual_seed(0)
    model = test.Word2Vec(test.V, test.CONFIG.dim, generator=generator)
    sets = test.planted(n_documents, seed=0), test.planted(40, seed=1)
    return train_epochs(model, *sets, test.CONFIG, directory=directory / (place + rank))
whole = [*epochs("whole")][-1]
next(epochs("cut"))  # the first process alone keeps how to go on
assert [*epochs("cut")][-1] == whole
try:
    next(epochs("other", 200 + int(rank)))
except ValueError as error:
    assert "settings and texts must be the same in all processes" in str(error)
else:
    raise AssertionError
"""
    done = torchrun(script)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "cut0").is_dir() and not list((tmp_path / "cut1").iterdir())
