"""What the tests share: one hypothesis profile, and tiny inputs."""

import os

os.environ["MPLBACKEND"] = "Agg"  # figures are made, never shown
os.environ["OMP_NUM_THREADS"] = "1"  # tiny tensors: several threads only wait for one another

import pytest
import torch
from golden import B, D, K, R, V
from hypothesis import HealthCheck, settings

from w2v.config import Word2VecConfig
from w2v.model import Word2Vec

# The same examples at every run, however slow the machine is today.
settings.register_profile(
    "w2v", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("w2v")


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
