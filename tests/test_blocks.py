"""The blocks engine trains the pairs, the loss and the gradient that the definitions say."""

import math
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from w2v.batches import NoiseDistribution, make_loader
from w2v.checkpoint import checkpoint_name
from w2v.config import Word2VecConfig
from w2v.engines import blocks
from w2v.engines.blocks import BlocksEngine
from w2v.engines.thinning import subsample, vary_radii
from w2v.model import Word2Vec, sgns_loss
from w2v.training import train_word2vec
from w2v.windows import WindowDataset

V, R, K = 13, 2, 3
BORDERS = ["drop", "shift", "pad"]


def settings(**changes):
    values = dict(dim=V, radius=R, ratio=K, batch_size=20, epochs=1, engine="blocks")
    return Word2VecConfig(**values | changes)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def corpus(documents, config, pad_id=0):
    rows = [{"input_ids": ids} for ids in documents]
    return WindowDataset.from_documents(rows, config.radius, config.border, pad_id)


def random_documents(n_documents, seed=0, below=V - 1):
    draw = seeded(seed)
    lengths = torch.randint(0, 6 * R, (n_documents,), generator=draw).tolist()  # 61: 327 words
    return [torch.randint(below, (length,), generator=draw).tolist() for length in lengths]


def only(word):
    return NoiseDistribution(F.one_hot(torch.tensor(word), V))


def one_hot_model():
    """Center rows are unit vectors, context rows zero: half a gradient then counts a pair."""
    model = Word2Vec(V, V)
    with torch.no_grad():
        model.center_embeddings.weight.copy_(torch.eye(V))
    return model


def random_model(dim=5, std=1.0):
    model = Word2Vec(V, dim).double()
    for table in model.parameters():
        torch.nn.init.normal_(table, std=std, generator=seeded(3))
    return model


class Recorder:
    """Stands in for an optimiser: adds up the gradients, and moves nothing."""

    def __init__(self, table):
        self.gradient = torch.zeros(table.shape, dtype=torch.float64)
        self.rates = []

    def step(self, ids, gradients, rate):
        self.gradient.index_add_(0, ids, gradients.double())
        self.rates.append(rate)


def record(model, train_set, config, noise, *, epoch=1, seed=0, report=lambda n, loss: None):
    """Visit the windows once without moving the tables; give both recorders and the loss."""
    engine = BlocksEngine(model, config, noise)
    engine.optimizers = [Recorder(table) for table in model.parameters()]
    loss = engine.train_epoch(train_set, epoch, seeded(seed), report)
    return engine.optimizers, loss


def gradients(model, train_set, config, noise, seed=0):
    recorders, _ = record(model, train_set, config, noise, seed=seed)
    return torch.stack([recorder.gradient for recorder in recorders])  # (2, V, d)


def served_pairs(train_set):
    words, contexts = train_set.gather(range(len(train_set)))
    mask = torch.ones_like(contexts, dtype=torch.bool)
    if train_set.fill_id is not None:
        mask = contexts != train_set.fill_id
    pairs = words[:, None].expand_as(contexts)[mask] * V + contexts[mask]
    return torch.bincount(pairs, minlength=V * V).reshape(V, V)


def expected_loss(model, train_set, noise):
    """Equation (1) over all pairs, each negative in the number that is expected of it."""
    w, c = (table.detach().double().requires_grad_() for table in model.parameters())
    positives = served_pairs(train_set).double()
    negatives = positives.sum(1, keepdim=True) * K * noise.probabilities
    logits = w @ c.T
    total = (positives * F.softplus(-logits) + negatives * F.softplus(logits)).sum()
    total.backward()
    return total.item() / (positives.sum().item() * (1 + K)), torch.stack([w.grad, c.grad])


# Pairs


@pytest.mark.parametrize("batch_size", [1, 7, 64, 200])
@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("border", BORDERS)
def test_the_trained_pairs_are_those_of_the_window_dataset(border, shared, batch_size):
    config = settings(border=border, shared_negatives=shared, batch_size=batch_size)
    train_set = corpus(random_documents(61), config)
    counted = -2 * gradients(one_hot_model(), train_set, config, only(V - 1))[1].T
    assert counted[: V - 1, : V - 1].equal(served_pairs(train_set)[: V - 1, : V - 1].double())


@pytest.mark.parametrize("border", BORDERS)
def test_varied_windows_of_a_thinned_text_give_the_pairs_that_they_serve(border):
    config = settings(border=border)
    whole = corpus(random_documents(100), config)
    thinned = vary_radii(subsample(whole, whole.counts(V), 0.02, seeded(4)), seeded(5))
    counted = -2 * gradients(one_hot_model(), thinned, config, only(V - 1))[1].T
    served = served_pairs(thinned)
    assert 0 < served.sum() < 0.8 * served_pairs(whole).sum()
    assert counted[: V - 1, : V - 1].equal(served[: V - 1, : V - 1].double())


@pytest.mark.parametrize("border", BORDERS)
def test_a_text_shorter_than_a_block_is_trained_on(border):
    config = settings(border=border, batch_size=64)
    train_set = corpus([[1, 2, 3, 4, 5]], config)
    counted = -2 * gradients(one_hot_model(), train_set, config, only(V - 1))[1].T
    assert counted[: V - 1, : V - 1].equal(served_pairs(train_set)[: V - 1, : V - 1].double())


@pytest.mark.parametrize("border", BORDERS)
def test_reports_add_up_to_the_windows_of_the_corpus(border):
    config, reports = settings(border=border), []
    train_set = corpus(random_documents(61), config)
    record(one_hot_model(), train_set, config, only(V - 1), report=lambda n, _: reports.append(n))
    assert sum(reports) == len(train_set)
    assert len(reports) == math.ceil(len(train_set.tokens) / config.batch_size)


# Loss and gradient


def test_closed_form_gradients_equal_autograd():
    draw = seeded(1)
    words, contexts = (
        torch.randn(shape, dtype=torch.float64, generator=draw) for shape in ((2, 3, 5), (2, 7, 5))
    )
    weight = torch.rand(2, 3, dtype=torch.float64, generator=draw)
    hidden = torch.rand(2, 3, 4, generator=draw) < 0.5  # the last 3 contexts are negatives
    words.requires_grad_(), contexts.requires_grad_()
    with torch.no_grad():
        loss, of_words, of_contexts = blocks._pairs(words, contexts, hidden, weight)
    logits = words @ contexts.mT
    plain = (F.softplus(-logits[..., :4]) * ~hidden).sum()
    plain = plain + (F.softplus(logits[..., 4:]) * weight.unsqueeze(2)).sum()
    plain.backward()
    torch.testing.assert_close(loss, plain, rtol=1e-12, atol=0)
    torch.testing.assert_close(of_words, words.grad, rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(of_contexts, contexts.grad, rtol=1e-10, atol=1e-12)


def sampled(draw_gradient, n_draws):
    """Mean of some draws of a gradient, and five standard errors of it."""
    draws = torch.stack([draw_gradient(seed) for seed in range(n_draws)])
    return draws.mean(0), 5 * draws.std(0) / math.sqrt(n_draws) + 1e-9


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("border", BORDERS)
def test_the_gradient_is_that_of_equation_1_in_expectation(border, shared):
    config = settings(border=border, shared_negatives=shared)
    train_set = vary_radii(corpus(random_documents(30), config), seeded(5))
    noise, model = NoiseDistribution(torch.arange(V) + 1.0), random_model()
    _, expected = expected_loss(model, train_set, noise)
    mean, bound = sampled(lambda seed: gradients(model, train_set, config, noise, seed), 300)
    assert ((mean - expected).abs() <= bound).all()  # 130 numbers, 5 standard errors each
    assert bound.norm() < 0.3 * expected.norm()  # so that a wrong weight would be seen


@pytest.mark.parametrize("shared", [True, False])
def test_the_gradient_is_that_of_the_loader_in_expectation(shared):
    config = settings(shared_negatives=shared)
    train_set = corpus(random_documents(30), config)
    noise, model = NoiseDistribution(torch.arange(V) + 1.0), random_model()

    def of_loader(seed):
        model.zero_grad()
        batches = replace(config, engine="loader", shared_negatives=False, batch_size=10**6)
        (batch,) = make_loader(train_set, batches, V, generator=seeded(seed), noise=noise)
        ids = torch.cat([batch["positive_context_ids"], batch["negative_context_ids"]], dim=1)
        logits = model(batch["word_id"], ids)
        (sgns_loss(logits[:, : 2 * R], logits[:, 2 * R :]) * logits.numel()).backward()
        return torch.stack([table.grad.to_dense() for table in model.parameters()])

    reference, its_bound = sampled(of_loader, 200)
    mean, bound = sampled(lambda seed: gradients(model, train_set, config, noise, seed), 200)
    assert ((mean - reference).abs() <= bound + its_bound).all()


@pytest.mark.parametrize("size", [0.1, 1.0, 5.0])
def test_the_loss_is_right_from_small_logits_to_large_ones(size):
    config = settings(shared_negatives=True)
    train_set, model = corpus(random_documents(61), config), random_model(std=size)
    expected, _ = expected_loss(model, train_set, only(V - 1))
    _, loss = record(model.float(), train_set, config, only(V - 1))
    assert loss == pytest.approx(expected, rel=2e-6)


def test_a_loss_that_is_not_finite_stops_the_epoch_and_names_the_step():
    config, model = settings(batch_size=4, shared_negatives=True), one_hot_model()
    with torch.no_grad():
        model.center_embeddings.weight[3] = math.nan
    train_set, reports = corpus([[1] * 200 + [3] * 8], config), []
    with pytest.raises(FloatingPointError, match="loss must be finite, got nan at step") as error:
        record(model, train_set, config, only(V - 1), report=lambda n, _: reports.append(n))
    assert str(error.value).endswith(f"step {len(reports) + 1}")
    assert len(reports) > 0


# Steps


def test_a_step_is_adagrad_with_one_rate_for_each_row():
    table, history = torch.zeros(4, 2, dtype=torch.float64), [0.0] * 4
    optimizer, rows, longest = blocks.RowAdagrad(table), [[0.0, 0.0] for _ in range(4)], 0
    draw = seeded(2)
    for _ in range(5):
        ids = torch.randint(3, (6,), generator=draw)  # row 3 never occurs
        gradient = torch.randn(6, 2, dtype=torch.float64, generator=draw)
        optimizer.step(ids, gradient, 0.1)
        for row in range(3):
            mine = [g for i, g in zip(ids.tolist(), gradient.tolist(), strict=True) if i == row]
            history[row] += sum((a * a + b * b) / 2 for a, b in mine)
            total = [sum(g[0] for g in mine), sum(g[1] for g in mine)]
            step = [-0.1 * x / math.sqrt(history[row] or 1) for x in total]
            length = math.sqrt((step[0] ** 2 + step[1] ** 2) / 2)
            cut = min(1, blocks.LONGEST * 0.1 / (length or 1))
            longest += cut < 1
            rows[row] = [x + cut * s for x, s in zip(rows[row], step, strict=True)]
    assert 0 < longest < 15  # some steps were cut, some were not
    torch.testing.assert_close(table, torch.tensor(rows, dtype=torch.float64), rtol=1e-12, atol=0)


@pytest.mark.parametrize("decay", [True, False])
def test_the_rate_falls_in_a_straight_line_where_it_is_asked_for(decay):
    config = settings(epochs=2, decay=decay, batch_size=10)
    train_set = corpus([[1] * 40], config)
    rates = []
    for epoch in (1, 2):
        (center, context), _ = record(one_hot_model(), train_set, config, only(0), epoch=epoch)
        assert center.rates == context.rates
        rates += center.rates
    first = blocks.GAIN * config.learning_rate
    shares = [1 - i / 8 for i in range(8)] if decay else [1] * 8
    assert rates == pytest.approx([first * share for share in shares])


def zipf_sets(config, n_tokens, vocab_size):
    """A text of Zipf's shape without any order, in documents of 50 words, and a held-out part."""
    weights = 1 / torch.arange(1, vocab_size + 1)
    ids = torch.multinomial(weights, n_tokens, replacement=True, generator=seeded(1)).tolist()
    documents = [ids[i : i + 50] for i in range(0, n_tokens, 50)]
    return corpus(documents[20:], config), corpus(documents[:20], config)


@pytest.mark.parametrize("batch_size", [512, 8192])
@pytest.mark.parametrize("noise", ["uniform", "unigram^0.75"])
def test_the_default_rate_is_stable_on_text_of_zipfs_shape(noise, batch_size):
    config = settings(
        dim=16, batch_size=batch_size, epochs=2, noise=noise, shared_negatives=True, decay=True
    )
    train_set, valid_set = zipf_sets(config, 60_000, 500)
    model = Word2Vec(500, 16, generator=seeded())
    history = train_word2vec(model, train_set, valid_set, config, progress=False)
    # Untrained, a pair costs ln 2 = 0.69; a text without order leaves only frequency to learn.
    assert max(history.train_loss) < math.log(2)
    assert max(history.valid_loss) < 0.62
    assert max(table.abs().max() for table in model.parameters()) < 5


@pytest.mark.parametrize("shared", [True, False])
def test_a_planted_corpus_is_learned(shared):
    draw = seeded(1)
    config = settings(shared_negatives=shared, epochs=3, decay=True, noise="unigram^0.75")
    halves = [6 * (i % 2) + torch.randint(6, (12,), generator=draw) for i in range(600)]
    train_set = corpus([half.tolist() for half in halves[20:]], config)
    valid_set = corpus([half.tolist() for half in halves[:20]], config)
    model = Word2Vec(V, V, generator=seeded())
    history = train_word2vec(model, train_set, valid_set, config, progress=False)
    # a context of the word's own half is positive at odds 2 : K, one of the other half never
    own, other = K / (K + 1) / 2, K / (K + 1) / 2
    positive = 1 / (K + 1)
    chance = positive / (positive + own)
    best = -(positive * math.log(chance) + own * math.log(1 - chance) + other * 0)
    assert best - 0.02 < history.valid_loss[-1] < best + 0.06


# Repeating and resuming


def run(config, directory=None):
    train_set = corpus(random_documents(80), config)
    model = Word2Vec(V, V, generator=seeded(config.seed))
    history = train_word2vec(
        model, train_set, train_set, config, directory=directory, progress=False
    )
    return model, history


@pytest.mark.parametrize("shared", [True, False])
def test_the_seed_decides_every_byte_of_the_checkpoint(shared, tmp_path):
    config = settings(
        shared_negatives=shared, subsample=0.05, dynamic_window=True, epochs=2, decay=True
    )
    for name in ("first", "again"):
        run(config, tmp_path / name)
    other, _ = run(replace(config, seed=1))
    same, _ = run(config)
    first, again = (
        (tmp_path / name / "best" / checkpoint_name(config)).read_bytes()
        for name in ("first", "again")
    )
    assert first == again
    assert not other.context_embeddings.weight.equal(same.context_embeddings.weight)


def test_a_training_cut_off_goes_on_to_the_same_bits(tmp_path, monkeypatch):
    config = settings(epochs=3, shared_negatives=True, decay=True)
    whole, history = run(config)
    plain = BlocksEngine.train_epoch

    def interrupted(engine, windows, epoch, *arguments):
        if epoch == 2:
            raise KeyboardInterrupt
        return plain(engine, windows, epoch, *arguments)

    monkeypatch.setattr(BlocksEngine, "train_epoch", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(config, tmp_path)
    monkeypatch.setattr(BlocksEngine, "train_epoch", plain)
    resumed, its_history = run(config, tmp_path)
    assert its_history == history
    for table, same in zip(resumed.parameters(), whole.parameters(), strict=True):
        assert table.equal(same)
