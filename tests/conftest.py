"""What the tests share: one hypothesis profile, and tiny inputs."""

import faulthandler
import os

os.environ["MPLBACKEND"] = "Agg"  # figures are made, never shown
os.environ["OMP_NUM_THREADS"] = "1"  # tiny tensors: several threads only wait for one another

import hub_standin
import pytest
import torch
from golden import B, D, K, R, V
from hypothesis import HealthCheck, settings
from text_files import NEWS, RAW_LINES, WIKITEXT_LINES, write, write_news

from w2v.config import Word2VecConfig
from w2v.model import Word2Vec
from w2v.text import corpus, sources

# The same examples at every run, however slow the machine is today.
settings.register_profile(
    "w2v", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("w2v")


HANGS_AFTER = 600  # seconds, of a test here; a cell of a notebook may take longer
STDERR = pytest.StashKey[int]()


def pytest_configure(config):
    config.stash[STDERR] = os.dup(2)  # as it is now: pytest captures it while a test runs


@pytest.fixture(autouse=True)
def no_test_hangs(pytestconfig):
    """End the run, and show where, if a test waits for ever."""
    stderr = pytestconfig.stash[STDERR]
    faulthandler.dump_traceback_later(HANGS_AFTER, exit=True, file=stderr)
    yield
    faulthandler.cancel_dump_traceback_later()


@pytest.fixture
def config() -> Word2VecConfig:
    return Word2VecConfig(dim=D, radius=R, ratio=K, batch_size=B, epochs=2)


@pytest.fixture
def documents() -> list[dict]:
    """Documents of 9, 0, 5 (2R+1), 4 (2R), 1 and 6 words, over the ids 1 ... 10."""
    draw = torch.Generator().manual_seed(3)
    lengths = (9, 0, 2 * R + 1, 2 * R, 1, 6)
    return [{"input_ids": torch.randint(1, V, (n,), generator=draw).tolist()} for n in lengths]


@pytest.fixture
def model() -> Word2Vec:
    """A model in float64 whose tables both hold numbers of order 1."""
    draw = torch.Generator().manual_seed(7)
    model = Word2Vec(V, D, generator=draw).double()
    with torch.no_grad():
        for table in model.parameters():
            table.normal_(generator=draw)
    return model


@pytest.fixture
def fresh_process(monkeypatch):
    """Forget where an earlier test settled to take text from, and let no test reach a network."""
    monkeypatch.setattr(sources, "_settled", {})
    monkeypatch.setattr(sources, "_hub_answers", lambda: False)
    monkeypatch.setattr(sources, "_is_cached", lambda name: False)


@pytest.fixture
def real_data(fresh_process):
    """Require the real files."""
    if not os.environ.get("W2V_DATA"):
        pytest.skip("W2V_DATA names no directory with the real files")


@pytest.fixture
def data(fresh_process, tmp_path, monkeypatch):
    """Make a small directory in the layout of W2V_DATA."""
    monkeypatch.setenv("W2V_DATA", str(tmp_path))
    monkeypatch.setattr(corpus, "BERT_VOCABULARY", hub_standin.BERT_VOCABULARY)
    for split in ("train", "valid", "test"):
        lines = [line.replace("hello", f"{split} hello") for line in WIKITEXT_LINES]
        write(tmp_path / f"wikitext-2-v1/wiki.{split}.tokens.gz", "".join(lines))
        if split != "train":
            write(tmp_path / f"wikitext-2-raw/wiki.{split}.raw.txt.gz", "".join(RAW_LINES))
    write_news(tmp_path / "ag_news/train_partial.csv.gz", NEWS)
    for name, content in hub_standin.bert(hub_standin.BERT_WORDS).items():
        write(tmp_path / "bert-base-uncased" / name, content.decode())
    return tmp_path
