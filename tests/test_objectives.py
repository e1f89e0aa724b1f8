"""The other objectives: closed forms against numeric gradients, and the library against both."""

from dataclasses import replace
from functools import partial

import numpy as np
import oracles
import pytest
import torch
from golden import LN2, B, D, K, R, V
from torch import nn

from w2v import evaluation
from w2v.batches import NoiseDistribution, make_loader
from w2v.checkpoint import load_word2vec
from w2v.config import Word2VecConfig
from w2v.engines import OBJECTIVES
from w2v.engines.objectives import objective_loss, score_batch, softmax_loss
from w2v.engines.thinning import vary_radii
from w2v.evaluation import evaluate_word2vec
from w2v.model import Word2Vec, sgns_loss
from w2v.show.inspection import check_gradient
from w2v.training import LoaderEngine, epoch_generator, train_word2vec
from w2v.vectors.words import WordVectors
from w2v.windows import WindowDataset

NO_ID = 0  # the pad
OTHERS = tuple(name for name in OBJECTIVES if name != "sgns")
REPEATED = [4, 2, 4, 4, 9, 2]  # negatives of which some are drawn several times
TOPICS = ([1, 2, 3, 4, 5], [6, 7, 8, 9, 10])  # words of one never meet words of the other


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def numbers(*shape, seed=0):
    """float64 numbers of order 1."""
    return np.random.default_rng(seed).normal(size=shape)


def windows(documents, config):
    rows = [{"input_ids": ids} for ids in documents]
    return WindowDataset.from_documents(rows, config.radius, config.border, NO_ID)


def drawn(config, n=6, length=9, seed=4):
    """Windows of documents in which some words are repeated within a window."""
    ids = torch.randint(1, V, (n, length), generator=seeded(seed)).tolist()
    return windows(ids, config)


def batches(dataset, config, noise, generator):
    """The batches that an epoch visits, as (w, its real contexts, its negatives) each."""
    for batch in make_loader(dataset, config, V, generator=generator, noise=noise):
        contexts = batch["positive_context_ids"]
        mask = batch.get("positive_mask", torch.ones_like(contexts))
        rows = zip(contexts.tolist(), mask.tolist(), strict=True)
        real = [[c for c, kept in zip(*row, strict=True) if kept] for row in rows]
        words, negatives = batch["word_id"].tolist(), batch["negative_context_ids"].tolist()
        yield [window for window in zip(words, real, negatives, strict=True) if window[1]]


def by_oracle(objective, batch, tables):
    """Losses of what is predicted, and the gradients of their mean by both tables."""
    naive = oracles.naive_softmax_loss_and_gradient
    losses, gradients, n_pairs = [], [np.zeros_like(table) for table in tables], 0
    for w, contexts, negatives in batch:
        if objective == "cbow_ns":
            sampled = partial(negative_sampling, negatives[:K])
            loss, *parts = oracles.cbow(w, contexts, *tables, sampled)
            n_pairs += K + 1
        elif objective == "cbow":
            loss, *parts = oracles.cbow(w, contexts, *tables, naive)
            n_pairs += 1
        else:
            loss, *parts = oracles.skipgram(w, contexts, *tables, naive)
            n_pairs += len(contexts)
        losses.append(loss)
        for gradient, part in zip(gradients, parts, strict=True):
            gradient += part
    return sum(losses), n_pairs, [gradient / n_pairs for gradient in gradients]


def negative_sampling(negatives, center, outside, outside_vectors):
    return oracles.negative_sampling_loss_and_gradient(center, outside, negatives, outside_vectors)


PAIR_LOSSES = {
    "naive softmax": oracles.naive_softmax_loss_and_gradient,
    "negative sampling": partial(negative_sampling, REPEATED),
}


# Closed forms against numeric gradients


@pytest.mark.parametrize("name", PAIR_LOSSES)
def test_the_closed_forms_pass_the_numeric_check(name):
    pair, vectors, center = PAIR_LOSSES[name], numbers(V, D), numbers(D, seed=1)
    assert check_gradient(lambda v: pair(v, 3, vectors)[:2], center) < 1e-8
    assert check_gradient(lambda u: pair(center, 3, u)[::2], vectors) < 1e-8


@pytest.mark.parametrize("name", PAIR_LOSSES)
@pytest.mark.parametrize("model", [oracles.skipgram, oracles.cbow])
def test_the_closed_forms_of_a_window_pass_the_numeric_check(model, name):
    pair, given, predicted = PAIR_LOSSES[name], numbers(V, D), numbers(V, D, seed=1)
    outside = [1, 5, 1, 3]
    assert check_gradient(lambda v: model(5, outside, v, predicted, pair)[:2], given) < 1e-8
    assert check_gradient(lambda u: model(5, outside, given, u, pair)[::2], predicted) < 1e-8


def test_gradient_descent_finds_the_bottom_of_a_bowl():
    # each step leaves 4/5 of the way: 0.8 ** 50 = 1.4e-5
    found = oracles.sgd(lambda x: (np.sum((x - 3) ** 2), 2 * (x - 3)), np.zeros(2), 0.1, 50)
    assert found == pytest.approx(np.full(2, 3 - 3 * 0.8**50), rel=1e-12)


# Autograd against closed forms


def test_autograd_of_the_softmax_is_the_closed_form():
    given, table = torch.tensor(numbers(1, D)), torch.tensor(numbers(V, D, seed=1))
    given.requires_grad_(), table.requires_grad_()
    loss = softmax_loss(given @ table.T, torch.tensor([[3]]))
    loss.backward()
    value, by_given, by_table = oracles.naive_softmax_loss_and_gradient(
        *plain(given[0]), 3, *plain(table)
    )
    assert loss.item() == pytest.approx(value, rel=1e-10)
    assert given.grad[0].numpy() == pytest.approx(by_given, rel=1e-10, abs=1e-12)
    assert table.grad.numpy() == pytest.approx(by_table, rel=1e-10, abs=1e-12)


def test_autograd_of_negative_sampling_is_the_closed_form_where_negatives_repeat():
    given, table = torch.tensor(numbers(1, D)), torch.tensor(numbers(V, D, seed=1))
    given.requires_grad_(), table.requires_grad_()
    logits = given @ table[[3, *REPEATED]].T  # (1, 1 + K)
    loss = sgns_loss(logits[:, :1], logits[:, 1:]) * (1 + len(REPEATED))
    loss.backward()
    value, by_given, by_table = negative_sampling(REPEATED, *plain(given[0]), 3, *plain(table))
    assert loss.item() == pytest.approx(value, rel=1e-10)
    assert given.grad[0].numpy() == pytest.approx(by_given, rel=1e-10, abs=1e-12)
    assert table.grad.numpy() == pytest.approx(by_table, rel=1e-10, abs=1e-12)


def plain(*tensors):
    return [tensor.detach().numpy() for tensor in tensors]


def first_epoch(model, dataset, config, noise, report=lambda n_words, loss: None):
    """Train one epoch of any objective with the plain loop."""
    return LoaderEngine(model, config, noise).train_epoch(dataset, 1, seeded(5), report)


def assert_same(found, expected):
    for tensor, value in zip(found, expected, strict=True):
        np.testing.assert_allclose(tensor.detach().numpy(), value, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("varied", [False, True])
@pytest.mark.parametrize("border", ["drop", "pad"])
@pytest.mark.parametrize("objective", OTHERS)
def test_loss_and_gradients_are_the_closed_forms(model, config, objective, border, varied):
    config = replace(config, objective=objective, border=border, batch_size=100)
    dataset = drawn(config)
    dataset = vary_radii(dataset, seeded(1)) if varied else dataset
    (batch,) = make_loader(dataset, config, V, generator=seeded(2))
    (expected,) = batches(dataset, config, None, seeded(2))
    assert ("positive_mask" in batch) == (border == "pad" or varied)
    loss, n_predicted = objective_loss(model, batch, config)
    loss.backward()
    total, n_pairs, gradients = by_oracle(objective, expected, plain(*model.parameters()))
    assert n_predicted == n_pairs / (K + 1 if objective == "cbow_ns" else 1)
    assert_same([loss], [total / n_pairs])
    assert_same([table.grad.to_dense() for table in model.parameters()], gradients)


@pytest.mark.parametrize("objective", ["cbow", "cbow_ns"])
def test_a_window_without_a_context_is_left_out_of_cbow(model, config, objective):
    config = replace(config, objective=objective, border="pad", batch_size=100)
    dataset = windows([[1], [2, 3, 4]], config)
    (batch,) = make_loader(dataset, config, V, generator=seeded(), shuffle=False)
    loss, n_predicted = objective_loss(model, batch, config)
    loss.backward()
    assert n_predicted == 3
    assert not model.center_embeddings.weight.grad.to_dense()[1].any()
    rest = {name: ids[1:] for name, ids in batch.items()}
    assert loss.item() == pytest.approx(objective_loss(model, rest, config)[0].item())


@pytest.mark.parametrize("objective", OTHERS)
def test_a_batch_of_pads_alone_has_no_loss_and_no_gradient(model, config, objective):
    config = replace(config, objective=objective, border="pad")
    (batch,) = make_loader(windows([[1], [2]], config), config, V, generator=seeded())
    loss, n_predicted = objective_loss(model, batch, config)
    loss.backward()
    assert (loss.item(), n_predicted) == (0, 0)
    assert not any(table.grad.to_dense().any() for table in model.parameters())


# An epoch


@pytest.mark.parametrize("border", ["drop", "pad"])
@pytest.mark.parametrize("objective", OTHERS)
def test_an_epoch_is_adagrad_on_the_mean_loss_of_each_batch(model, config, objective, border):
    """Replay every batch with the closed forms: the tables and the reported loss."""
    config = replace(
        config, objective=objective, border=border, noise="unigram^0.75", learning_rate=0.1
    )
    dataset = drawn(config)
    noise = NoiseDistribution.from_name(config.noise, dataset.counts(V))
    tables = [table.copy() for table in plain(*model.parameters())]
    squares = [np.zeros_like(table) for table in tables]
    total, n_pairs = 0.0, 0
    for batch in batches(dataset, config, noise, seeded(5)):
        loss, n, gradients = by_oracle(objective, batch, tables)
        total, n_pairs = total + loss, n_pairs + n
        for state in zip(tables, squares, gradients, strict=True):
            oracles.adagrad_step(*state, config.learning_rate)
    reported = []
    mean = first_epoch(
        model, dataset, config, noise, lambda n_words, loss: reported.append(n_words)
    )
    assert_same(model.parameters(), tables)
    assert mean == pytest.approx(total / n_pairs, rel=1e-10)
    assert sum(reported) == len(dataset) and set(reported[:-1]) == {B}


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("objective", OTHERS)
def test_every_objective_learns_a_planted_corpus(objective, seed, tmp_path):
    """Topics come apart, whatever is predicted; the checkpoint is one that any model has.

    Demanded of an AUC: 0.76, as of the assignment's objective. The best is 0.773 (6 of 11
    negatives come from no word of the topic, the other 5 tie).
    """
    config = Word2VecConfig(
        dim=D, radius=R, ratio=K, batch_size=16, epochs=3, learning_rate=0.1, seed=seed,
        objective=objective,
    )  # fmt: skip
    picks = torch.randint(5, (400, 12), generator=seeded(seed)).tolist()
    documents = [[TOPICS[i % 2][p] for p in row] for i, row in enumerate(picks)]
    train_set, valid_set = windows(documents[:300], config), windows(documents[300:], config)
    model = Word2Vec(V, D, generator=epoch_generator(seed, 0))
    history = train_word2vec(
        model, train_set, valid_set, config, directory=tmp_path, progress=False
    )
    assert history.train_loss[0] > history.train_loss[-1]
    # Knowing the topic alone costs ln 5 = 1.609 where a softmax predicts one of 11 words, and
    # nothing ln 11 = 2.398; of sampled pairs 0.336 and ln 2.
    bound = LN2 - 0.33 if objective == "cbow_ns" else np.log(5) + 0.03
    assert history.valid_loss[-1] < bound, f"seed {seed}: {history.valid_loss}"
    assert max(history.valid_auc) > 0.76, f"seed {seed}: {history.valid_auc}"
    saved, saved_config = load_word2vec(next((tmp_path / "best").iterdir()))
    assert saved_config == config
    vectors = WordVectors.from_model(saved, [str(i) for i in range(V)])
    for topic in TOPICS:
        for word in topic:
            nearest = {int(near) for near, _ in vectors.most_similar(str(word), topn=4)}
            assert nearest == set(topic) - {word}, f"seed {seed}"


@pytest.mark.parametrize("objective", OTHERS)
def test_the_seed_decides_every_bit(config, objective):
    config = replace(config, objective=objective)
    tables = []
    for _ in range(2):
        model = Word2Vec(V, D, generator=epoch_generator(config.seed, 0))
        train_word2vec(model, drawn(config), drawn(config, seed=6), config, progress=False)
        tables.append([table.detach().clone() for table in model.parameters()])
    assert all(left.equal(right) for left, right in zip(*tables, strict=True))


# Scores


@pytest.mark.parametrize("border", ["drop", "pad"])
@pytest.mark.parametrize("objective", OTHERS)
def test_scores_are_those_of_the_loop_over_the_same_pairs(
    model, config, objective, border, monkeypatch
):
    config = replace(config, objective=objective, border=border, noise="unigram^0.75")
    dataset = drawn(config)
    counts = torch.bincount(dataset.tokens, minlength=V)
    noise = oracles.noise_probabilities(counts.tolist(), 0.75)
    asked_about = []
    monkeypatch.setattr(
        evaluation,
        "score_batch",
        lambda *given, **named: asked_about.append(given[1]) or score_batch(*given, **named),
    )
    scores = evaluate_word2vec(model, dataset, config, counts=counts)

    given, predicted = (table.tolist() for table in model.parameters())
    losses, pairs = [], []
    for batch in asked_about:
        ids = list(batch.values())[:3]
        for w, contexts, own in zip(*(part.tolist() for part in ids), strict=True):
            real = [c for c in contexts if c != NO_ID]
            if objective == "skipgram":
                asked = [
                    (given[w], c, own[j * K : (j + 1) * K])
                    for j, c in enumerate(contexts)
                    if c != NO_ID
                ]
            else:
                mean = [sum(given[c][k] for c in real) / len(real) for k in range(D)]
                asked = [(mean, w, own[:K])]
            for vector, target, others in asked:
                logits = [oracles.dot(vector, row) for row in predicted]
                whole = np.log(sum(np.exp(logits)))
                losses.append(whole - logits[target])
                for place, word in enumerate((target, *others)):
                    logit = logits[word]
                    if objective != "cbow_ns":
                        logit -= whole + np.log(K * noise[word])
                    pairs.append((logit, place == 0))
    if objective == "cbow_ns":
        losses = [oracles.pair_loss(*pair) for pair in pairs]
    assert scores.loss == pytest.approx(sum(losses) / len(losses), rel=1e-10)
    assert scores.n_pairs == len(pairs)
    assert scores.model.accuracy == pytest.approx(oracles.accuracy(pairs), rel=1e-10)
    expected = oracles.balanced_accuracy(pairs)
    assert scores.model.balanced_accuracy == pytest.approx(expected, rel=1e-10)
    # equal contexts in another order tie, but for the last bit of their mean: of at least 4,500
    # couples of pairs one or two count half more or less
    assert scores.model.auc == pytest.approx(oracles.auc(pairs), abs=5e-4)


# Rows of limited length


def test_rows_are_limited_as_an_embedding_of_torch_limits_them(model, config):
    config = replace(config, max_norm=0.9, learning_rate=0.1)
    dataset = drawn(config)
    noise = NoiseDistribution.from_name("uniform", dataset.counts(V))
    center, context = (
        nn.Embedding.from_pretrained(table.detach().clone(), freeze=False, max_norm=0.9)
        for table in model.parameters()
    )
    optimizer = torch.optim.Adagrad([center.weight, context.weight], lr=0.1)
    for batch in make_loader(dataset, config, V, generator=seeded(5), noise=noise):
        parts = [batch["positive_context_ids"], batch["negative_context_ids"]]
        rows = context(torch.cat(parts, dim=1))  # (B, C, d)
        logits = torch.einsum("bd,bcd->bc", center(batch["word_id"]), rows)
        labels = torch.zeros_like(logits)
        labels[:, : 2 * R] = 1
        optimizer.zero_grad()
        nn.functional.binary_cross_entropy_with_logits(logits, labels).backward()
        optimizer.step()
    center(torch.arange(V)), context(torch.arange(V))  # torch limits a row when it is read
    first_epoch(model, dataset, config, noise)
    for table, expected in zip(model.parameters(), (center.weight, context.weight), strict=True):
        torch.testing.assert_close(table, expected, rtol=1e-5, atol=1e-5)
        assert table.norm(dim=1).max().item() == pytest.approx(0.9, rel=1e-6)
        assert (table.norm(dim=1) < 0.89).any()  # shorter rows were left as they are


@pytest.mark.parametrize("objective", ["sgns", *OTHERS])
def test_no_row_is_longer_than_the_limit_after_a_training(config, objective):
    config = replace(config, objective=objective, max_norm=0.3, learning_rate=0.5)
    model = Word2Vec(V, D, generator=seeded())
    train_word2vec(model, drawn(config), drawn(config, seed=6), config, progress=False)
    lengths = torch.cat([table.detach().norm(dim=1) for table in model.parameters()])
    assert lengths.max() <= 0.3 * (1 + 1e-5)
    assert lengths.max() > 0.29  # it was needed
