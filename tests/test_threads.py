"""PyTorch's number of threads, set for a while."""

import pytest
import torch

from w2v import threads
from w2v.threads import free_threads, idle_cores, one_thread


@pytest.fixture(autouse=True)
def two_threads():
    n_threads = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(n_threads)


def test_one_thread_inside_and_the_callers_number_after_an_error():
    with pytest.raises(KeyError), one_thread():
        assert torch.get_num_threads() == 1
        raise KeyError
    assert torch.get_num_threads() == 2


@pytest.mark.parametrize(("idle", "n"), [(0, 1), (1.2, 1), (1.7, 2), (60, 2), (float("inf"), 2)])
def test_as_many_threads_as_cores_are_idle(monkeypatch, idle, n):
    monkeypatch.setattr(threads, "idle_cores", lambda: idle)
    with pytest.raises(KeyError), free_threads():
        assert torch.get_num_threads() == n
        raise KeyError
    assert torch.get_num_threads() == 2


@pytest.mark.skipif(not threads.STAT.exists(), reason="only Linux says what its cores do")
def test_a_core_counts_by_the_share_of_time_that_it_was_idle(monkeypatch, tmp_path):
    cores = sorted(threads.os.sched_getaffinity(0))
    stat = tmp_path / "stat"
    names = ["cpu", *(f"cpu{core}" for core in cores), "cpu9999", "intr"]

    def write(busy, idle):
        stat.write_text("\n".join(f"{name} {busy} 0 0 {idle} 0 0 0 0 0 0" for name in names))

    write(100, 200)
    monkeypatch.setattr(threads, "STAT", stat)
    monkeypatch.setattr(threads.time, "sleep", lambda seconds: write(101, 203))
    assert idle_cores() == pytest.approx(0.75 * len(cores))
    monkeypatch.setattr(threads, "STAT", tmp_path / "none")
    assert idle_cores() == float("inf")


def test_the_plain_loop_learns_the_same_tables_with_one_thread_or_two(monkeypatch):
    from w2v import WindowDataset, Word2Vec, Word2VecConfig, train_word2vec

    draw = torch.Generator().manual_seed(0)
    windows = WindowDataset.from_documents([torch.randint(99, (3000,), generator=draw)], 5)
    config = Word2VecConfig(dim=64, radius=5, ratio=5, batch_size=2048, epochs=2)
    models = []
    for idle in (1, 2):
        monkeypatch.setattr(threads, "idle_cores", lambda n=idle: n)
        models.append(Word2Vec(99, 64, generator=torch.Generator().manual_seed(0)))
        train_word2vec(models[-1], windows, windows, config)
    for table, other in zip(*(model.parameters() for model in models), strict=True):
        assert torch.equal(table, other) and table.any()
