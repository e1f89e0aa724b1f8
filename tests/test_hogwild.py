"""The hogwild engine trains the pairs, the loss and the gradient that the definitions say."""

import gc
import importlib
import math
import sys
import zlib
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from w2v.batches import NoiseDistribution
from w2v.config import Word2VecConfig
from w2v.engines.thinning import vary_radii
from w2v.model import Word2Vec
from w2v.windows import WindowDataset

pytest.importorskip("numba")
from w2v.engines import hogwild, lanes, uncollected  # noqa: E402

V, R, K = 13, 2, 1


def settings(**changes):
    values = dict(
        dim=V,
        radius=R,
        ratio=K,
        epochs=1,
        learning_rate=1e-6,
        decay=False,
        border="drop",
        shared_negatives=True,
    )
    return SimpleNamespace(**values | changes)


def corpus(documents, config, pad_id=0):
    rows = [{"input_ids": ids} for ids in documents]
    return WindowDataset.from_documents(rows, config.radius, config.border, pad_id)


def random_documents(n_documents, seed=0, below=V - 1):
    random = np.random.default_rng(seed)
    lengths = random.integers(0, 6 * R, n_documents)
    return [random.integers(below, size=length).tolist() for length in lengths]


def only(word, vocab_size=V):
    return NoiseDistribution(torch.nn.functional.one_hot(torch.tensor(word), vocab_size))


def one_hot_model():
    """Center rows are unit vectors, context rows zero: each step then counts a pair (w, c)."""
    model = Word2Vec(V, V)
    with torch.no_grad():
        model.center_embeddings.weight.copy_(torch.eye(V))
    return model


def train(model, train_set, config, noise, *, epoch=1, seed=0, report=lambda n_words, loss: None):
    generator = torch.Generator().manual_seed(seed)
    engine = hogwild.HogwildEngine(model, config, noise)
    return engine.train_epoch(train_set, epoch, generator, report)


def counted_pairs(model, config):
    """Read the number of steps of each pair (w, c) off the context table of `one_hot_model`."""
    return model.context_embeddings.weight.detach().T / (config.learning_rate / 2)


def served_pairs(train_set):
    words, contexts = train_set.gather(range(len(train_set)))
    mask = torch.ones_like(contexts, dtype=torch.bool)
    if train_set.fill_id is not None:
        mask = contexts != train_set.fill_id
    pairs = words[:, None].expand_as(contexts)[mask] * V + contexts[mask]
    return torch.bincount(pairs, minlength=V * V).reshape(V, V)


@pytest.fixture(autouse=True)
def one_thread():
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(n_threads)


@pytest.mark.parametrize("n_hot", [0, 4, 64])
@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("border", ["drop", "shift", "pad"])
def test_the_trained_pairs_are_those_of_the_window_dataset(border, shared, n_hot, monkeypatch):
    monkeypatch.setattr(hogwild, "HOT", n_hot)
    config = settings(border=border, shared_negatives=shared)
    train_set = corpus(random_documents(60), config)
    model = one_hot_model()
    train(model, train_set, config, only(V - 1))  # negatives never hit a word of the text
    counted = counted_pairs(model, config)[: V - 1, : V - 1]
    assert torch.equal(counted.round().long(), served_pairs(train_set)[: V - 1, : V - 1])
    assert (counted - counted.round()).abs().max() < 0.1


@pytest.mark.parametrize("border", ["drop", "shift", "pad"])
def test_reports_add_up_to_the_windows_of_the_corpus(border):
    config, reports = settings(border=border), []
    train_set = corpus(random_documents(60), config)
    train(one_hot_model(), train_set, config, only(V - 1), report=lambda n, _: reports.append(n))
    assert sum(reports) == len(train_set)


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("exponent", [0.0, 0.75])
def test_negatives_follow_the_noise_for_every_word(shared, exponent):
    config = settings(shared_negatives=shared)
    train_set = corpus(random_documents(600), config)
    noise = NoiseDistribution(torch.arange(V).double() ** exponent)
    model = one_hot_model()
    train(model, train_set, config, noise, seed=1)
    served = served_pairs(train_set)
    drawn = served - counted_pairs(model, config)
    expected = served.sum(1, keepdim=True) * K * noise.probabilities
    # shared negatives come in groups of 2R, each at most 2R times one word: 5 standard deviations
    assert ((drawn - expected).abs() <= 5 * (2 * R * expected).sqrt() + 1).all()


@pytest.mark.parametrize("shared", [True, False])
def test_loss_and_step_are_those_of_equation_1_in_expectation(shared):
    config = settings(shared_negatives=shared)
    train_set = corpus(random_documents(4000), config)
    noise = NoiseDistribution(torch.arange(V) + 1.0)
    model = Word2Vec(V, V)
    for table in (model.center_embeddings, model.context_embeddings):
        torch.nn.init.normal_(table.weight, generator=torch.Generator().manual_seed(3))
    w, c = (p.detach().double().requires_grad_() for p in model.parameters())
    positives = served_pairs(train_set).double()
    negatives = positives.sum(1, keepdim=True) * K * noise.probabilities
    logits = w @ c.T
    softplus = torch.nn.functional.softplus
    total = (positives * softplus(-logits) + negatives * softplus(logits)).sum()
    total.backward()

    loss = train(model, train_set, config, noise)
    assert loss == pytest.approx(total.item() / (positives.sum().item() * (1 + K)), rel=0.01)
    for after, before in zip(model.parameters(), (w, c), strict=True):
        step = (after.detach().double() - before.detach()) / -config.learning_rate
        assert (step - before.grad).norm() < 0.05 * before.grad.norm()


@pytest.mark.parametrize("n_hot", [0, 7, 64])
@pytest.mark.parametrize(("dim", "ratio"), [(13, 1), (20, 5), (48, 21)])
def test_steps_equal_a_slow_loop(dim, ratio, n_hot, monkeypatch):
    monkeypatch.setattr(hogwild, "HOT", n_hot)
    check_steps(dim, ratio)


@pytest.mark.parametrize(
    ("target", "features", "n_lanes", "dim", "ratio"),
    [
        ("x86_64-unknown-linux-gnu", "+avx,+avx2,+avx512f", 16, 45, 5),
        ("x86_64-unknown-linux-gnu", "+avx,+avx2,+avx512f", 16, 21, 17),
        ("x86_64-unknown-linux-gnu", "+avx,+avx2,-avx512f", 8, 21, 17),
        ("x86_64-unknown-linux-gnu", "+sse2,-avx", 4, 21, 5),
        ("arm64-apple-darwin", "+neon", 4, 21, 17),
    ],
)
def test_registers_of_every_width_make_the_same_steps(
    target, features, n_lanes, dim, ratio, monkeypatch
):
    codegen = lanes.cpu_target.target_context.codegen()
    for name in ("lanes", "hogwild"):
        monkeypatch.delitem(sys.modules, f"w2v.engines.{name}")
        monkeypatch.setattr(f"w2v.engines.{name}", globals()[name])  # put back afterwards
    with monkeypatch.context() as other:
        other.setattr(type(codegen), "magic_tuple", lambda _: (target, "", features))
        built = importlib.import_module("w2v.engines.hogwild")
    monkeypatch.setitem(globals(), "hogwild", built)
    assert built.LANES == n_lanes
    check_steps(dim, ratio)


def check_steps(dim, ratio):
    vocab_size, rate = 40, 0.05
    config = settings(dim=dim, ratio=ratio, learning_rate=rate)
    model = Word2Vec(vocab_size, dim)
    for table in (model.center_embeddings, model.context_embeddings):
        torch.nn.init.normal_(table.weight, std=0.5, generator=torch.Generator().manual_seed(3))
    center, context = (p.detach().double().numpy() for p in model.parameters())
    text, pairs, total = list(range(30)), 0, 0.0
    for t in text:
        words = [i for i in range(max(t - R, R), min(t + R, 29 - R) + 1) if i != t]
        contexts = [t] + [vocab_size - 1] * ratio  # the same negative K times
        z = center[words] @ context[contexts].T * ([1] + [-1] * ratio)
        g = rate / (1 + np.exp(z)) * ([1] + [-1] * ratio)
        total, pairs = total + np.log1p(np.exp(-z)).sum(), pairs + z.size
        gains = g.T @ center[words]
        center[words] += g @ context[contexts]
        np.add.at(context, contexts, gains)

    noise = only(vocab_size - 1, vocab_size)
    loss = train(model, corpus([text], config), config, noise)
    assert loss == pytest.approx(total / pairs, rel=1e-5)
    for after, expected in zip(model.parameters(), (center, context), strict=True):
        np.testing.assert_allclose(after.detach().numpy(), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("size", [0.1, 1.0, 5.0])
def test_the_loss_is_right_from_small_logits_to_large_ones(size):
    config = settings(learning_rate=1e-30)
    train_set = corpus(random_documents(60), config)
    model = Word2Vec(V, V)
    for table in (model.center_embeddings, model.context_embeddings):
        torch.nn.init.normal_(table.weight, std=size, generator=torch.Generator().manual_seed(3))
    logits = model.center_embeddings.weight.double() @ model.context_embeddings.weight.double().T
    softplus, served = torch.nn.functional.softplus, served_pairs(train_set)
    expected = (served * (softplus(-logits) + softplus(logits[:, -1:]))).sum() / served.sum() / 2
    loss = train(model, train_set, config, only(V - 1))
    assert loss == pytest.approx(expected.item(), rel=2e-6)


@pytest.mark.parametrize("border", ["drop", "shift", "pad"])
def test_varied_windows_train_the_pairs_of_the_radii_that_were_drawn(border):
    config = settings(border=border)
    train_set = vary_radii(corpus(random_documents(60), config), torch.Generator().manual_seed(5))
    model = one_hot_model()
    train(model, train_set, config, only(V - 1))
    counted = counted_pairs(model, config)[: V - 1, : V - 1]
    assert torch.equal(counted.round().long(), served_pairs(train_set)[: V - 1, : V - 1])


def test_the_rate_falls_in_a_straight_line_over_all_epochs():
    shares = []
    for epochs, epoch in [(1, 1), (2, 1), (2, 2)]:
        config = settings(epochs=epochs, decay=True)
        train_set = corpus(random_documents(600), config)
        model = one_hot_model()
        train(model, train_set, config, only(V - 1), epoch=epoch)
        counted = counted_pairs(model, config)[: V - 1, : V - 1]
        shares.append((counted.sum() / served_pairs(train_set).sum()).item())
    assert shares == pytest.approx([1 / 2, 3 / 4, 1 / 4], abs=0.02)


def test_one_thread_gives_the_same_tables_bit_for_bit():
    config = settings(learning_rate=0.05)
    train_set = corpus(random_documents(600), config)
    noise = NoiseDistribution(torch.ones(V))

    def tables(seed):
        model = Word2Vec(V, V, generator=torch.Generator().manual_seed(0))
        loss = train(model, train_set, config, noise, seed=seed)
        return loss, model.center_embeddings.weight, model.context_embeddings.weight

    first, again, other = tables(0), tables(0), tables(1)
    assert first[0] == again[0] != other[0]
    assert torch.equal(first[1], again[1]) and torch.equal(first[2], again[2])
    assert not torch.equal(first[1], other[1])


def test_two_threads_learn_a_planted_corpus():
    torch.set_num_threads(2)
    config = settings(learning_rate=0.05, epochs=5, decay=True)
    random = np.random.default_rng(0)
    halves = [random.integers(6, size=12) + 6 * random.integers(2) for _ in range(3000)]
    train_set = corpus([half.tolist() for half in halves], config)
    model = Word2Vec(V, V, generator=torch.Generator().manual_seed(0))
    noise = NoiseDistribution.from_name("unigram^0.75", train_set.counts(V))
    for epoch in range(1, 6):
        loss = train(model, train_set, config, noise, epoch=epoch, seed=epoch)
    # a word knows its half: log 2 becomes the entropy of 2/3 (positive among its own half)
    best = (-math.log(2 / 3) - math.log(1 / 3) / 2) / 2
    assert best - 0.05 < loss < math.log(2) - 0.1


def test_an_interrupt_stops_the_epoch_at_once(monkeypatch):
    monkeypatch.setattr(hogwild, "CHUNK_FLOPS", 1)
    config, reports = settings(), []
    train_set = corpus([list(range(V - 1))] * 50_000, config)  # some 2,300 chunks

    def interrupt(n_words, loss):
        reports.append(n_words)
        raise KeyboardInterrupt

    model = one_hot_model()
    with pytest.raises(KeyboardInterrupt):
        train(model, train_set, config, only(V - 1), report=interrupt)
    counted = counted_pairs(model, config)[: V - 1, : V - 1]
    assert len(reports) == 1
    assert 0 < counted.sum() < 0.5 * served_pairs(train_set).sum()


def test_a_loss_that_is_not_finite_stops_the_epoch():
    config, model = settings(), one_hot_model()
    with torch.no_grad():
        model.center_embeddings.weight[3] = math.nan
    with pytest.raises(FloatingPointError, match="loss must be finite, got nan at word 0"):
        train(model, corpus([list(range(V - 1))], config), config, only(V - 1))


def test_tables_of_another_type_are_refused():
    config, model = settings(), one_hot_model().double()
    with pytest.raises(ValueError, match="float32 tables on the CPU, got torch.float64 on cpu"):
        train(model, corpus([list(range(V - 1))], config), config, only(V - 1))


def test_code_kept_on_disk_is_looked_up_by_what_lanes_writes():
    cells = hogwild._compiled(V, K).py_func.__closure__  # numba hashes them beside this file's date
    written = lanes.LANES, zlib.crc32(Path(lanes.__file__).read_bytes())
    assert written in [cell.cell_contents for cell in cells]


def test_lanes_are_as_wide_as_the_registers_that_numba_writes_for():
    target, _, features = lanes.cpu_target.target_context.codegen().magic_tuple()
    assert lanes.registers(target, features) == (lanes.INSTRUCTIONS, lanes.LANES, lanes.REGISTERS)
    assert lanes.registers("x86_64", "+avx,+avx2,+avx512f") == ("AVX-512", 16, 32)
    assert lanes.registers("x86_64", "+avx,+avx2,-avx512f") == ("AVX2", 8, 16)
    assert lanes.registers("aarch64", "+neon,+sve") == ("NEON", 4, 32)
    assert lanes.registers("x86_64", "") == ("SSE", 4, 16)


def test_without_numba_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "numba", None)
    monkeypatch.delitem(sys.modules, "w2v.engines.hogwild")
    with pytest.raises(ImportError, match=r'pip install "w2v\[fast\]"'):
        importlib.import_module("w2v.engines.hogwild")


def test_more_threads_than_learn_well_are_not_started(monkeypatch):
    started = []

    class Pool(hogwild.ThreadPoolExecutor):
        def __init__(self, n_threads):
            started.append(n_threads)
            super().__init__(n_threads)

    monkeypatch.setattr(hogwild, "ThreadPoolExecutor", Pool)
    before = torch.get_num_threads()
    try:
        for n in (1, 3, 16):
            torch.set_num_threads(n)
            config = Word2VecConfig(dim=4, radius=1, ratio=1, batch_size=4, epochs=1)
            windows = WindowDataset.from_documents([{"input_ids": [0, 1, 2, 3]}], 1)
            noise = NoiseDistribution.from_name("uniform", windows.counts(4))
            engine = hogwild.HogwildEngine(Word2Vec(4, 4), config, noise)
            engine.train_epoch(windows, 1, torch.Generator().manual_seed(0), lambda n, loss: None)
    finally:
        torch.set_num_threads(before)
    assert started == [1, 3, 4]


def test_no_garbage_is_collected_until_the_first_step(monkeypatch):
    collecting, compiled = [], hogwild._compiled

    def watched(dim, ratio):
        def train_tokens(*arguments):
            collecting.append(gc.isenabled())
            return compiled(dim, ratio)(*arguments)

        return train_tokens

    monkeypatch.setattr(hogwild, "_compiled", watched)
    config = settings()
    train(one_hot_model(), corpus([list(range(V - 1))], config), config, only(V - 1))
    assert collecting == [False, True]  # compiling, and the only chunk
    gc.disable()
    try:
        with pytest.raises(KeyError), uncollected():
            raise KeyError
        assert not gc.isenabled()  # as the caller wants it
    finally:
        gc.enable()
