"""Scores against loops, on the pairs that the model was really asked about."""

from dataclasses import astuple, replace

import oracles
import pytest
import torch
from golden import ALL_NEGATIVE_ACCURACY, LN2, PAD, B, D, K, R, V
from hypothesis import given
from hypothesis import strategies as st

from w2v.engines import OBJECTIVES
from w2v.evaluation import evaluate_word2vec, frequency_logits, score_pairs
from w2v.model import Word2Vec
from w2v.windows import WindowDataset, flatten_dataset_to_list

COUNTS = torch.tensor([0, 40, 7, 1, 300, 2, 2, 90, 11, 5, 60])  # of V ids, the first never seen
logit_lists = st.lists(st.integers(-3, 3), min_size=1, max_size=12)  # few values, many ties


class Listener:
    """Note every pair that a model is asked about, and how."""

    def __init__(self, model):
        self.pairs, self.modes = [], []
        self.handle = model.register_forward_pre_hook(self.note)

    def note(self, model, inputs):
        word_id, context_ids = inputs
        self.modes.append((model.training, torch.is_inference_mode_enabled()))
        width = context_ids.shape[1] // (K + 1)  # 2R positives, then their negatives
        for w, ids in zip(word_id.tolist(), context_ids.tolist(), strict=True):
            self.pairs.append((w, ids[:width], ids[width:]))


@pytest.fixture
def dataset(documents):
    return WindowDataset.from_documents(documents, R)  # 8 windows


def evaluate(model, dataset, config, **settings):
    return evaluate_word2vec(model, dataset, config, **{"counts": COUNTS, **settings})


def listen(model, dataset, config, **settings):
    """The scores, and the pairs they were made of: (w, positive ids, negative ids)."""
    listener = Listener(model)
    scores = evaluate(model, dataset, config, **settings)
    listener.handle.remove()
    return scores, listener.pairs


def by_loop(scored):
    return oracles.accuracy(scored), oracles.balanced_accuracy(scored), oracles.auc(scored)


# score_pairs


@given(positive=logit_lists, negative=logit_lists)
def test_accuracy_balanced_accuracy_and_auc_are_those_of_the_loops(positive, negative):
    scores = score_pairs(torch.tensor(positive).float(), torch.tensor(negative).float())
    scored = [(logit, True) for logit in positive] + [(logit, False) for logit in negative]
    assert astuple(scores) == pytest.approx(by_loop(scored), abs=1e-10)


def test_all_right_all_wrong_and_all_tied_have_the_scores_they_should():
    low, high = torch.full((4,), -1.0), torch.full((4,), 1.0)
    assert astuple(score_pairs(high, low)) == (1.0, 1.0, 1.0)
    assert astuple(score_pairs(low, high)) == (0.0, 0.0, 0.0)
    assert astuple(score_pairs(high, high)) == (0.5, 0.5, 0.5)


def test_auc_ranks_even_infinite_logits():
    positive, negative = torch.tensor([-torch.inf, torch.inf]), torch.tensor([-torch.inf, 0.0])
    assert score_pairs(positive, negative).auc == (0.5 + 0 + 1 + 1) / 4


# evaluate_word2vec: Q3.11


@pytest.mark.parametrize("noise", ["uniform", "unigram^0.75"])
def test_loss_and_scores_are_those_of_the_loop_over_the_pairs_asked(model, dataset, config, noise):
    scores, asked = listen(model, dataset, replace(config, noise=noise))
    pairs = oracles.labelled_pairs(*zip(*asked, strict=True))
    scored = oracles.logits(*(table.tolist() for table in model.parameters()), pairs)
    assert scores.n_pairs == len(scored) == len(dataset) * 2 * R * (K + 1)
    assert scores.loss == pytest.approx(oracles.mean_loss(scored), rel=1e-5)
    assert astuple(scores.model) == pytest.approx(by_loop(scored), abs=1e-10)


@pytest.mark.parametrize("noise", ["uniform", "unigram^0.75"])
def test_the_frequency_baseline_is_that_of_the_loop_on_the_same_pairs(
    model, dataset, config, noise
):
    scores, asked = listen(model, dataset, replace(config, noise=noise))
    counts = COUNTS.tolist()
    exponent = 0 if noise == "uniform" else 0.75
    q = [1 / V] * V if noise == "uniform" else oracles.noise_probabilities(counts, exponent)
    scored = [
        (round(oracles.frequency_logit(c, counts, K, q[c]), 5), positive)
        for _, c, positive in oracles.labelled_pairs(*zip(*asked, strict=True))
    ]
    assert astuple(scores.frequency) == pytest.approx(by_loop(scored), abs=1e-10)


def test_all_windows_are_scored_where_there_are_few(model, dataset, documents, config):
    _, asked = listen(model, dataset, config)
    words, contexts = flatten_dataset_to_list(documents, R)
    assert sorted(pair[:2] for pair in asked) == sorted(zip(words, contexts, strict=True))


@pytest.mark.parametrize("ratio", [1, 4, 5])
def test_calling_every_pair_negative_scores_k_of_k_plus_one(dataset, config, ratio):
    # The context table of a new model is zero: every logit is 0, which is called negative.
    scores = evaluate(Word2Vec(V, D), dataset, replace(config, ratio=ratio))
    assert scores.all_negative_accuracy == pytest.approx(ALL_NEGATIVE_ACCURACY[ratio], abs=1e-10)
    assert scores.model.accuracy == pytest.approx(ALL_NEGATIVE_ACCURACY[ratio], abs=1e-10)
    assert (scores.model.balanced_accuracy, scores.model.auc) == (0.5, 0.5)
    assert scores.loss == pytest.approx(LN2, rel=1e-5)


def test_negatives_are_the_same_at_every_call(model, dataset, config):
    first, asked_first = listen(model, dataset, config)
    torch.manual_seed(123)
    torch.rand(7)
    second, asked_second = listen(model, dataset, config)
    assert asked_first == asked_second
    assert first == second


def test_negatives_do_not_depend_on_the_seed_of_the_training(model, dataset, config):
    _, asked = listen(model, dataset, config)
    assert listen(model, dataset, replace(config, seed=config.seed + 1))[1] == asked


def test_another_seed_of_the_evaluation_draws_other_negatives(model, dataset, config):
    assert listen(model, dataset, config, seed=0)[1] != listen(model, dataset, config, seed=1)[1]


def test_uniform_negatives_cover_the_whole_vocabulary(model, dataset, config):
    _, asked = listen(model, dataset, config)
    assert {c for _, _, negatives in asked for c in negatives} == set(range(V))


def test_a_sample_holds_as_many_different_windows_as_asked(model, config):
    text = WindowDataset.from_documents([{"input_ids": list(range(V)) * 3}], R)
    scores, asked = listen(model, text, config, n_words=10)
    assert scores.n_pairs == 10 * 2 * R * (K + 1)
    words, contexts = flatten_dataset_to_list([{"input_ids": list(range(V)) * 3}], R)
    assert len(asked) == 10
    assert all(positives in contexts for _, positives, _ in asked)
    assert [word for word, _, _ in asked] != words[:10]  # not just how the text begins
    assert listen(model, text, config, n_words=10)[1] == asked
    assert listen(model, text, config, n_words=10, seed=1)[1] != asked


def test_a_sample_of_every_window_takes_none_twice(model, config):
    text = WindowDataset.from_documents([{"input_ids": list(range(V))}], R)
    _, asked = listen(model, text, config, n_words=len(text))
    assert sorted(word for word, _, _ in asked) == list(range(R, V - R))


@pytest.mark.parametrize("training", [True, False])
def test_the_model_is_left_in_the_mode_it_came_in(model, dataset, config, training):
    model.train(training)
    listener = Listener(model)
    evaluate(model, dataset, config)
    assert model.training is training
    assert set(listener.modes) == {(False, True)}  # asked in eval mode, without gradients


def test_scoring_changes_no_table(model, dataset, config):
    before = [table.detach().clone() for table in model.parameters()]
    evaluate(model, dataset, config)
    for table, same in zip(model.parameters(), before, strict=True):
        assert table.equal(same) and table.grad is None and table.requires_grad


def test_pads_and_their_negatives_are_left_out(model, documents, config):
    padded = WindowDataset.from_documents(documents, R, "pad", pad_id=0)  # the words are 1 ... 10
    scores, asked = listen(model, padded, replace(config, border="pad"))
    pairs = oracles.real_pairs(*zip(*asked, strict=True), K, 0)
    n_pads = sum(context.count(0) for _, context, _ in asked)
    assert n_pads > 0
    assert scores.n_pairs == len(pairs) == (len(padded) * 2 * R - n_pads) * (K + 1)
    scored = oracles.logits(*(table.tolist() for table in model.parameters()), pairs)
    assert scores.loss == pytest.approx(oracles.mean_loss(scored), rel=1e-5)
    assert astuple(scores.model) == pytest.approx(by_loop(scored), abs=1e-10)


def test_the_row_of_the_pad_changes_no_score_but_as_a_negative(model, documents, config):
    padded = WindowDataset.from_documents(documents, R, "pad", pad_id=0)
    # unigram noise never draws the pad: it occurs in no document
    settings = replace(config, border="pad", noise="unigram^0.75")
    before = evaluate(model, padded, settings)
    with torch.no_grad():
        model.context_embeddings.weight[0] = 50.0
    assert evaluate(model, padded, settings) == before


@pytest.mark.parametrize("batch_size", [1, B, 100])
def test_the_batch_size_does_not_change_what_is_a_mean_over_pairs(
    model, dataset, config, batch_size
):
    scores, asked = listen(model, dataset, replace(config, batch_size=batch_size))
    pairs = oracles.labelled_pairs(*zip(*asked, strict=True))
    scored = oracles.logits(*(table.tolist() for table in model.parameters()), pairs)
    assert scores.loss == pytest.approx(oracles.mean_loss(scored), rel=1e-5)


def test_sizes_of_one_can_be_scored(config):
    smallest = replace(config, radius=1, ratio=1, batch_size=1, border="pad")
    dataset = WindowDataset.from_documents([{"input_ids": [1, 2]}], 1, "pad", PAD)
    scores = evaluate_word2vec(Word2Vec(PAD + 1, 1), dataset, smallest, counts=torch.ones(PAD + 1))
    assert scores.n_pairs == 4


def test_words_without_a_context_are_refused(model, config):
    alone = WindowDataset.from_documents([[1], [2]], R, "pad", PAD)
    message = "dataset must hold a word with a context, got 2 words without one; take longer docum"
    with pytest.raises(ValueError, match=message):
        evaluate(model, alone, replace(config, border="pad"))


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_every_objective_scores_the_same_pairs_of_padding(model, config, objective):
    short = WindowDataset.from_documents([[1], [2, 3]], R, "pad", PAD)  # one word has no context
    scores = evaluate(model, short, replace(config, border="pad", objective=objective))
    assert scores.n_pairs == 2 * (K + 1)


@pytest.mark.parametrize(("n_words", "error"), [(0, ValueError), (2.0, TypeError)])
def test_a_number_of_words_that_is_no_positive_integer_is_refused(
    model, dataset, config, n_words, error
):
    with pytest.raises(error, match=f"n_words must be a positive integer, got {n_words!r}"):
        evaluate(model, dataset, config, n_words=n_words)


# frequency_logits


@pytest.mark.parametrize(("noise", "exponent"), [("uniform", None), ("unigram^0.75", 0.75)])
def test_frequency_logits_are_those_of_bayes_rule(config, noise, exponent):
    counts = COUNTS.tolist()
    q = [1 / V] * V if exponent is None else oracles.noise_probabilities(counts, exponent)
    found = frequency_logits(COUNTS, replace(config, noise=noise)).tolist()
    expected = [oracles.frequency_logit(c, counts, K, q[c]) for c in range(V)]
    assert found == pytest.approx(expected, rel=1e-5, abs=1e-6)
    assert found[0] == -torch.inf
