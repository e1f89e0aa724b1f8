"""The model and equation (1): values and both gradients against loops, in float64."""

import math

import numpy as np
import oracles
import pytest
import torch
from golden import LN2, LOSS_OF_NEGATIVE_AT_HALF, SLIP_OF_NEGATIVE_AT_HALF, B, D, K, R, V
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from w2v.model import Word2Vec, pair_mask, sgns_loss

PAD = 0
WORDS = [4, 5, 4]  # B = 3, one word twice
POSITIVES = [[1, 2, 3, 5], [2, 2, 4, 6], [PAD, PAD, 5, 7]]  # (B, 2R), one context twice


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def negatives(low=0, seed=2):
    return torch.randint(low, V, (B, 2 * K * R), generator=seeded(seed)).tolist()


def tables(model):
    return model.center_embeddings.weight.tolist(), model.context_embeddings.weight.tolist()


def loss_of(model, words, positives, negatives, mask=None):
    """The model's loss on a batch of lists."""
    words, positives = torch.tensor(words), torch.tensor(positives)
    ids = torch.cat([positives, torch.tensor(negatives)], dim=1)
    logits = model(words, ids)
    width = positives.shape[1]
    return sgns_loss(logits[:, :width], logits[:, width:], mask)


def dense_gradients(model):
    """Both gradients as full tables, whatever layout they come in."""
    return [
        weight.grad.to_dense() if weight.grad.is_sparse else weight.grad
        for weight in (model.center_embeddings.weight, model.context_embeddings.weight)
    ]


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=seeded(seed), dtype=torch.float64)


# Word2Vec: Q3.9


def test_the_model_is_two_embedding_tables_and_nothing_else():
    model = Word2Vec(V, D)
    assert isinstance(model, nn.Module)
    assert isinstance(model.center_embeddings, nn.Embedding)
    assert isinstance(model.context_embeddings, nn.Embedding)
    shapes = {name: tuple(weight.shape) for name, weight in model.named_parameters()}
    assert shapes == {"center_embeddings.weight": (V, D), "context_embeddings.weight": (V, D)}


def test_a_new_model_calls_every_pair_a_coin_toss():
    model = Word2Vec(V, D, generator=seeded())
    probabilities = model.probabilities(torch.tensor(WORDS), torch.tensor(POSITIVES))
    assert probabilities.tolist() == [[0.5] * 4] * B


def test_center_rows_start_small_and_different():
    weight = Word2Vec(V, D, generator=seeded()).center_embeddings.weight
    assert weight.abs().max() <= 0.5 / D
    assert len(set(map(tuple, weight.tolist()))) == V


def test_the_generator_decides_the_first_tables():
    def first_table(seed):
        return Word2Vec(V, D, generator=seeded(seed)).center_embeddings.weight

    torch.manual_seed(1)
    first = first_table(4)
    torch.manual_seed(2)
    assert first_table(4).equal(first)
    assert not first_table(5).equal(first)


def test_a_generator_leaves_the_global_one_alone():
    before = torch.get_rng_state()
    Word2Vec(V, D, generator=seeded())
    assert torch.get_rng_state().equal(before)


def test_logits_are_the_dot_products_of_the_two_tables(model):
    logits = model(torch.tensor(WORDS), torch.tensor(POSITIVES))
    assert logits.shape == (B, 2 * R)
    center, context = tables(model)
    for b, word in enumerate(WORDS):
        for j, c in enumerate(POSITIVES[b]):
            expected = oracles.dot(center[word], context[c])
            assert logits[b, j].item() == pytest.approx(expected, abs=1e-10)


def test_probabilities_are_the_sigmoids_of_the_logits(model):
    probabilities = model.probabilities(torch.tensor(WORDS), torch.tensor(POSITIVES))
    center, context = tables(model)
    for b, word in enumerate(WORDS):
        for j, c in enumerate(POSITIVES[b]):
            expected = oracles.sigmoid(oracles.dot(center[word], context[c]))
            assert probabilities[b, j].item() == pytest.approx(expected, abs=1e-10)


def test_logits_and_tables_are_float32():
    logits = Word2Vec(V, D)(torch.tensor(WORDS), torch.tensor(POSITIVES))
    assert logits.dtype == torch.float32


@pytest.mark.parametrize(("n_words", "n_contexts"), [(1, 1), (1, 2), (3, 1), (3, 24)])
def test_no_axis_of_length_one_is_lost(n_words, n_contexts):
    words = torch.zeros(n_words, dtype=torch.int64)
    contexts = torch.zeros(n_words, n_contexts, dtype=torch.int64)
    model = Word2Vec(V, 1)
    assert model(words, contexts).shape == (n_words, n_contexts)
    assert model.probabilities(words, contexts).shape == (n_words, n_contexts)


@pytest.mark.parametrize("bad", [-1, V])
def test_ids_outside_the_vocabulary_are_refused(bad):
    model = Word2Vec(V, D)
    low, high = min(bad, 1), max(bad, 1)
    message = rf"word_id must lie in \[0, 11\), got {low} \.\.\. {high}"
    with pytest.raises(IndexError, match=message):
        model(torch.tensor([1, bad]), torch.tensor([[1], [1]]))
    message = rf"context_ids must lie in \[0, 11\), got {low} \.\.\. {high}"
    with pytest.raises(IndexError, match=message):
        model(torch.tensor([1]), torch.tensor([[1, bad]]))
    with pytest.raises(IndexError, match=message):
        model.probabilities(torch.tensor([1]), torch.tensor([[1, bad]]))


@pytest.mark.parametrize("name", ["vocab_size", "dim"])
def test_sizes_that_are_no_positive_integer_are_refused(name):
    with pytest.raises(ValueError, match=f"{name} must be a positive integer, got 0"):
        Word2Vec(**{"vocab_size": V, "dim": D, name: 0})
    with pytest.raises(TypeError, match=f"{name} must be a positive integer, got 2.5"):
        Word2Vec(**{"vocab_size": V, "dim": D, name: 2.5})


@pytest.mark.parametrize(("n_words", "n_contexts"), [(1, 1), (1, 5), (3, 1), (3, 24)])
def test_logits_have_the_gradients_of_the_product_rule(model, n_words, n_contexts):
    words = torch.randint(V, (n_words,), generator=seeded(5))
    context_ids = torch.randint(V, (n_words, n_contexts), generator=seeded(3))
    slopes = normal(n_words, n_contexts, seed=4)  # a different slope for every logit
    (model(words, context_ids) * slopes).sum().backward()
    center, context = (table.detach() for table in model.parameters())
    of_center, of_context = torch.zeros_like(center), torch.zeros_like(context)
    for b, word in enumerate(words.tolist()):
        for j, c in enumerate(context_ids[b].tolist()):
            of_center[word] += slopes[b, j] * context[c]
            of_context[c] += slopes[b, j] * center[word]
    for found, wanted in zip(dense_gradients(model), (of_center, of_context), strict=True):
        torch.testing.assert_close(found, wanted, rtol=0, atol=1e-10)


@pytest.mark.parametrize(
    ("words", "contexts"),
    [((2,), (3, 4)), ((3,), (2, 4)), ((2, 1), (2, 4)), ((4,), (4,)), ((), ())],
)
def test_words_and_contexts_that_disagree_in_number_are_refused(words, contexts):
    word_id, context_ids = torch.zeros(words).long(), torch.zeros(contexts).long()
    message = r"word_id and context_ids must have shapes \(B,\) and \(B, C\), got .* and .*"
    with pytest.raises(ValueError, match=message):
        Word2Vec(V, D)(word_id, context_ids)


@pytest.mark.parametrize("ids", [[1.0], [True]])
@pytest.mark.parametrize("kind", [torch.tensor, np.array, list])
def test_ids_that_are_no_tensors_of_integers_are_refused(ids, kind):
    good = torch.tensor([1])
    with pytest.raises(TypeError, match="word_id must be a tensor of int64, got .*; take torch.t"):
        Word2Vec(V, D)(kind(ids), good[None])
    with pytest.raises(TypeError, match="context_ids must be a tensor of int64, got .*; take tor"):
        Word2Vec(V, D)(good, kind([ids]))


# sgns_loss: equation (1)


def test_the_loss_of_an_untrained_model_is_ln_2():
    model = Word2Vec(V, D).double()
    loss = loss_of(model, WORDS, POSITIVES, negatives())
    assert loss.shape == ()
    assert loss.item() == pytest.approx(LN2, abs=1e-10)


def test_the_loss_is_that_of_the_loop(model):
    loss = loss_of(model, WORDS, POSITIVES, negatives())
    pairs = oracles.labelled_pairs(WORDS, POSITIVES, negatives())
    expected = oracles.mean_loss(oracles.logits(*tables(model), pairs))
    assert loss.item() == pytest.approx(expected, abs=1e-10)


def test_both_gradients_are_the_closed_forms(model):
    loss_of(model, WORDS, POSITIVES, negatives()).backward()
    pairs = oracles.labelled_pairs(WORDS, POSITIVES, negatives())
    expected = oracles.table_gradients(*tables(model), pairs)
    for found, wanted in zip(dense_gradients(model), expected, strict=True):
        torch.testing.assert_close(found.tolist(), wanted, rtol=0, atol=1e-10)


def test_a_positive_and_a_negative_logit_have_the_slopes_of_logistic_regression():
    positive = normal(B, 2 * R).requires_grad_()
    negative = normal(B, 2 * K * R, seed=1).requires_grad_()
    sgns_loss(positive, negative).backward()
    n = B * 2 * R * (K + 1)
    for x, slope in zip(positive.flatten().tolist(), positive.grad.flatten().tolist(), strict=True):
        assert slope == pytest.approx((oracles.sigmoid(x) - 1) / n, abs=1e-10)
    for x, slope in zip(negative.flatten().tolist(), negative.grad.flatten().tolist(), strict=True):
        assert slope == pytest.approx(oracles.sigmoid(x) / n, abs=1e-10)


def test_every_pair_weighs_the_same_so_that_the_ratio_counts():
    # Negatives at logit -60 cost nothing. Apart, the two means would sum to ln 2 at every K.
    for ratio in (1, 4, 5):
        positive = torch.zeros(B, 2 * R, dtype=torch.float64)
        negative = torch.full((B, 2 * ratio * R), -60.0, dtype=torch.float64)
        loss = sgns_loss(positive, negative).item()
        assert loss == pytest.approx(LN2 / (ratio + 1), abs=1e-10)


def test_a_negative_costs_the_log_of_one_minus_its_probability():
    positive = torch.full((1, 1), 60.0, dtype=torch.float64)  # costs nothing
    loss = 2 * sgns_loss(positive, torch.full((1, 1), 0.5, dtype=torch.float64)).item()
    assert loss == pytest.approx(LOSS_OF_NEGATIVE_AT_HALF, abs=1e-10)
    assert loss != pytest.approx(SLIP_OF_NEGATIVE_AT_HALF, abs=0.1)


@pytest.mark.parametrize("size", [20.0, 100.0])
def test_the_loss_is_finite_and_exact_at_large_logits(size):
    for sign in (1, -1):
        positive = torch.full((1, 1), -sign * size, requires_grad=True)
        negative = torch.full((1, 1), sign * size, requires_grad=True)
        loss = sgns_loss(positive, negative)
        loss.backward()
        expected = size if sign == 1 else math.exp(-size)  # both wrong, or both right
        assert loss.item() == pytest.approx(expected, rel=1e-5)
        slope = 0.5 if sign == 1 else 0.0
        assert positive.grad.item() == pytest.approx(-slope, abs=1e-7)
        assert negative.grad.item() == pytest.approx(slope, abs=1e-7)


@settings(max_examples=20)
@given(order=st.permutations(range(2 * R)), other=st.permutations(range(2 * K * R)))
def test_the_loss_ignores_the_order_of_the_contexts(order, other):
    positive, negative = normal(B, 2 * R), normal(B, 2 * K * R, seed=1)
    expected = sgns_loss(positive, negative).item()
    assert sgns_loss(positive[:, order], negative[:, other]).item() == pytest.approx(
        expected, abs=1e-10
    )


def test_a_negative_drawn_several_times_counts_each_time(model):
    same = [[8] * (2 * K * R)] * B
    loss = loss_of(model, WORDS, POSITIVES, same)
    loss.backward()
    pairs = oracles.labelled_pairs(WORDS, POSITIVES, same)
    expected = oracles.mean_loss(oracles.logits(*tables(model), pairs))
    assert loss.item() == pytest.approx(expected, abs=1e-10)
    wanted = oracles.table_gradients(*tables(model), pairs)[1][8]
    assert dense_gradients(model)[1][8].tolist() == pytest.approx(wanted, abs=1e-10)


def test_a_context_that_is_also_drawn_as_a_negative_keeps_both_labels(model):
    drawn = [[1] * (2 * K * R)] * B  # 1 is a positive of the first word
    loss_of(model, WORDS, POSITIVES, drawn).backward()
    pairs = oracles.labelled_pairs(WORDS, POSITIVES, drawn)
    wanted = oracles.table_gradients(*tables(model), pairs)[1][1]
    assert dense_gradients(model)[1][1].tolist() == pytest.approx(wanted, abs=1e-10)


# Pads: border="pad"

MASK = torch.tensor(POSITIVES) != PAD  # (B, 2R)


def test_the_mask_of_a_positive_covers_its_own_negatives():
    mask = torch.tensor([[True, False], [False, True]])
    assert pair_mask(mask, 3).tolist() == [
        [True, False, True, True, True, False, False, False],
        [False, True, False, False, False, True, True, True],
    ]


def test_without_pads_the_mask_changes_nothing(model):
    everything = torch.ones(B, 2 * R, dtype=torch.bool)
    masked = loss_of(model, WORDS, POSITIVES, negatives(), everything)
    assert masked.item() == pytest.approx(loss_of(model, WORDS, POSITIVES, negatives()).item())


def test_the_loss_with_pads_is_that_of_the_loop_without_them(model):
    loss = loss_of(model, WORDS, POSITIVES, negatives(), MASK)
    pairs = oracles.real_pairs(WORDS, POSITIVES, negatives(), K, PAD)
    assert len(pairs) == (3 * 4 - 2) * (1 + K)
    expected = oracles.mean_loss(oracles.logits(*tables(model), pairs))
    assert loss.item() == pytest.approx(expected, abs=1e-10)


def test_both_gradients_with_pads_are_those_of_the_loop_without_them(model):
    loss_of(model, WORDS, POSITIVES, negatives(), MASK).backward()
    pairs = oracles.real_pairs(WORDS, POSITIVES, negatives(), K, PAD)
    expected = oracles.table_gradients(*tables(model), pairs)
    for found, wanted in zip(dense_gradients(model), expected, strict=True):
        torch.testing.assert_close(found.tolist(), wanted, rtol=0, atol=1e-10)


def test_a_pad_and_its_negatives_change_neither_loss_nor_gradient_by_a_bit():
    # Only row 2 has pads, at places 0 and 1: they own its first 2 K negatives.
    left_out = torch.zeros(B, 2 * R * (K + 1), dtype=torch.bool)
    left_out[2, :2] = True
    left_out[2, 4 : 4 + 2 * K] = True
    found = []
    for filler in (0.0, 3.0, -50.0):
        logits = torch.where(left_out, filler, normal(B, 2 * R * (K + 1))).requires_grad_()
        loss = sgns_loss(logits[:, : 2 * R], logits[:, 2 * R :], MASK)
        loss.backward()
        assert logits.grad[left_out].tolist() == [0.0] * (2 + 2 * K)
        assert (logits.grad[~left_out] != 0).all()
        found.append((loss.item(), logits.grad.tolist()))
    assert found[0] == found[1] == found[2]


def test_a_batch_of_pads_alone_has_no_loss_and_no_gradient():
    logits = normal(B, 2 * R * (K + 1)).requires_grad_()
    loss = sgns_loss(logits[:, : 2 * R], logits[:, 2 * R :], torch.zeros(B, 2 * R).bool())
    loss.backward()
    assert loss.item() == 0 and not logits.grad.any()


def test_the_row_of_the_pad_has_no_gradient_at_all(model):
    loss_of(model, WORDS, POSITIVES, negatives(low=1), MASK).backward()
    of_center, of_context = dense_gradients(model)
    assert of_context[PAD].tolist() == [0.0] * D
    assert of_center[PAD].tolist() == [0.0] * D
    model.zero_grad()
    loss_of(model, WORDS, POSITIVES, negatives(low=1)).backward()
    assert dense_gradients(model)[1][PAD].abs().sum() > 0  # it would have, were pads trained
