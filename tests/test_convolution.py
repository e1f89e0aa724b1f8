"""The convolutional classifier: its forward against loops, its padding, its training."""

import math
from functools import partial

import pytest
import torch
from golden import K, R

from w2v.checkpoint import load_model, save_model
from w2v.classify.convolution import ConvClassifier
from w2v.classify.scoring import score_texts
from w2v.classify.texts import collate_texts
from w2v.classify.training import train_classifier
from w2v.config import ClassifierConfig, Word2VecConfig
from w2v.files import CheckpointError
from w2v.model import Word2Vec
from w2v.studies import comparison as experiments

V, D, N_CLASSES, N_FILTERS = 11, 7, 4, 6
TEXTS = [[3, 1, 4, 1, 5], [9, 2], [6]]  # B=3, T=5
CONFIG = ClassifierConfig(batch_size=8, epochs=3, learning_rate=1e-2, seed=5)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def make_model(seed=0, n_classes=N_CLASSES, **options):
    options = {"n_filters": N_FILTERS, **options}
    return ConvClassifier(V, D, n_classes, generator=seeded(seed), **options)


def forward(model, texts=TEXTS, n_padding=0):
    batch = collate_texts([{"input_ids": text, "label": 0} for text in texts])
    ids, mask = (
        torch.nn.functional.pad(batch[name], (0, n_padding), value=value)
        for name, value in (("input_ids", 7), ("attention_mask", False))
    )
    return model(ids, mask)


def planted_rows(n_texts, seed, n_classes=N_CLASSES):
    """Texts of noise words, each with two words whose order alone gives the class away."""
    draw = seeded(seed)
    rows = []
    for i in range(n_texts):
        noise = torch.randint(n_classes + 1, V, (4,), generator=draw).tolist()
        first = i % n_classes
        pair = [first, (first + 1) % n_classes]
        place = torch.randint(0, 5, (), generator=draw).item()
        rows.append({"input_ids": noise[:place] + pair + noise[place:], "label": first})
    return rows


# The forward pass


def loop_logits(model, text):
    """The logits of one text in Python floats: each filter at each token, the highest counts."""
    (width,) = model.convolution.kernel_size
    rows = model.embeddings.weight.tolist()
    weights, biases = model.convolution.weight.tolist(), model.convolution.bias.tolist()
    strongest = []
    for filter_weights, bias in zip(weights, biases, strict=True):
        answers = [0.0]
        for place in range(len(text)):
            answer = bias
            for step in range(width):
                where = place - (width - 1) // 2 + step
                if 0 <= where < len(text):
                    row = rows[text[where]]
                    answer += sum(filter_weights[i][step] * row[i] for i in range(D))
            answers.append(max(answer, 0.0))
        strongest.append(max(answers))
    return [
        sum(w * x for w, x in zip(row, strongest, strict=True)) + bias
        for row, bias in zip(model.linear.weight.tolist(), model.linear.bias.tolist(), strict=True)
    ]


@pytest.mark.parametrize("kernel_size", [1, 2, 3, 4, 9])  # 9: longer than every text
@pytest.mark.parametrize("texts", [TEXTS, [[5]], [[5, 6, 7]], [[], [2]], [[]]])
def test_forward_equals_plain_loops_in_float64(kernel_size, texts):
    model = make_model(kernel_size=kernel_size).double().eval()
    for text, row in zip(texts, forward(model, texts).tolist(), strict=True):
        assert row == pytest.approx(loop_logits(model, text), abs=1e-10)


@pytest.mark.parametrize("n_padding", [1, 2, 3, 50])
@pytest.mark.parametrize("kernel_size", [1, 2, 3, 4])
def test_the_length_of_the_padding_changes_nothing(n_padding, kernel_size):
    model = make_model(kernel_size=kernel_size).double().eval()
    with torch.no_grad():
        model.convolution.bias.fill_(3.0)  # a filter would speak up over padding alone
        model.embeddings.weight[7].fill_(100.0)  # the id under the padding
    expected = forward(model)
    torch.testing.assert_close(forward(model, n_padding=n_padding), expected, rtol=0, atol=1e-10)
    alone = torch.cat([forward(model, [text]) for text in TEXTS])
    torch.testing.assert_close(alone, expected, rtol=0, atol=1e-10)


def test_padding_gets_no_gradient():
    model = make_model().eval()
    forward(model, n_padding=3).sum().backward()
    seen = sorted({i for text in TEXTS for i in text})
    moved = model.embeddings.weight.grad.abs().sum(1).nonzero().flatten().tolist()
    assert set(moved) <= set(seen) and 0 not in moved and 7 not in moved and moved


def test_a_text_without_tokens_gets_the_biases():
    model = make_model().eval()
    torch.testing.assert_close(forward(model, [[]])[0], model.linear.bias)


def test_parameters_are_drawn_as_pytorch_draws_them():
    model = ConvClassifier(500, 60, 5, n_filters=80, generator=seeded())
    shapes = {name: tuple(p.shape) for name, p in model.named_parameters()}
    assert shapes == {
        "convolution.weight": (80, 60, 3),
        "convolution.bias": (80,),
        "linear.weight": (5, 80),
        "linear.bias": (5,),
        "embeddings.weight": (500, 60),
    }
    bounds = {"convolution": 1 / math.sqrt(60 * 3), "linear": 1 / math.sqrt(80)}
    for name, value in model.named_parameters():
        bound = bounds.get(name.partition(".")[0])
        if bound:
            assert value.abs().max() <= bound
            assert value.abs().max() > 0.8 * bound
            if value.dim() > 1:
                assert value.std().item() == pytest.approx(bound / math.sqrt(3), rel=0.05)
    assert model.embeddings.weight.std().item() == pytest.approx(1, rel=0.05)


# Dropout


def test_dropout_keeps_the_mean_and_leaves_evaluation_alone():
    model = make_model(dropout=0.75).double()
    expected = forward(model.eval())
    assert torch.equal(forward(model), expected)
    model.train()
    draws = torch.stack([forward(model) for _ in range(4000)])  # (4000, B, n_classes)
    error = draws.std(0) / math.sqrt(len(draws))
    assert ((draws.mean(0) - expected).abs() < 5 * error).all()
    assert (draws.std(0) > 0).all()
    once = forward(model, [TEXTS[0]] * 20)
    assert len({tuple(row) for row in once.tolist()}) > 10  # each text does without others


def test_dropout_is_drawn_from_the_models_own_generator():
    def drawn(seed):
        model = make_model(seed=seed, dropout=0.5)
        return [forward(model) for _ in range(3)]

    before = torch.random.get_rng_state()
    first, again = drawn(0), drawn(0)
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not torch.equal(first[0], first[1])
    assert torch.equal(torch.random.get_rng_state(), before)


# Training, with every set and number of classes


@pytest.mark.parametrize("n_classes", [2, 5])
def test_it_learns_what_only_the_order_of_words_tells(n_classes):
    model = make_model(n_classes=n_classes, n_filters=20)
    rows, valid = planted_rows(200, 1, n_classes), planted_rows(100, 2, n_classes)
    config = ClassifierConfig(batch_size=10, epochs=10, learning_rate=1e-2)
    train_classifier(model, rows, valid, config, progress=False)
    assert score_texts(model, valid).accuracy > 0.95


def test_training_repeats_to_the_bit():
    def trained():
        model = make_model()
        train_classifier(model, planted_rows(20, 1), planted_rows(12, 2), CONFIG, progress=False)
        return model.state_dict()

    first, again = trained(), trained()
    assert all(torch.equal(first[name], again[name]) for name in first)


@pytest.mark.parametrize("freeze", [True, False])
def test_freeze_keeps_the_table_bitwise_and_tuning_moves_it(freeze):
    model = make_model()
    before = {name: p.clone() for name, p in model.state_dict().items()}
    config = ClassifierConfig(batch_size=8, epochs=3, learning_rate=1e-2, freeze=freeze)
    train_classifier(model, planted_rows(20, 1), planted_rows(12, 2), config, progress=False)
    after = model.state_dict()
    assert torch.equal(after["embeddings.weight"], before["embeddings.weight"]) == freeze
    assert not torch.equal(after["convolution.weight"], before["convolution.weight"])


def test_a_saved_table_is_loaded_and_another_shape_refused(tmp_path):
    config = Word2VecConfig(dim=D, radius=R, ratio=K, batch_size=3, epochs=1)
    saved = Word2Vec(V, D, generator=seeded(1))
    path = save_model(saved, tmp_path, config, vocabulary="words")
    model = make_model()
    load_model(path, model)
    assert torch.equal(model.embeddings.weight, saved.center_embeddings.weight)
    with pytest.raises(CheckpointError, match=r"must have shape \(11, 7\), .* got \(12, 7\)"):
        load_model(path, ConvClassifier(V + 1, D, 2))


def test_both_runs_of_a_comparison_differ_in_the_table_alone():
    starts = []

    def make(generator):
        model = ConvClassifier(V, D, N_CLASSES, n_filters=N_FILTERS, generator=generator)
        starts.append({name: p.clone() for name, p in model.state_dict().items()})
        return model

    def load_table(model):
        with torch.no_grad():
            model.embeddings.weight.fill_(0.5)

    rows = experiments.compare_pretraining(
        make,
        load_table,
        planted_rows(20, 1),
        planted_rows(12, 2),
        config=CONFIG,
        n_labels=[8],
        seeds=[0],
        progress=False,
    )
    random, pretrained = starts
    assert all(torch.equal(random[name], pretrained[name]) for name in random)
    assert [row["system"] for row in rows] == ["random", "pretrained"]
    assert rows[0]["train_loss"] != rows[1]["train_loss"]


# What is refused


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"n_classes": 1}, ValueError, "n_classes must be 2 or more, got 1"),
        ({"n_filters": 0}, ValueError, "n_filters must be a positive integer, got 0"),
        ({"kernel_size": 2.0}, TypeError, "kernel_size must be a positive integer, got 2.0"),
        ({"dropout": 1}, ValueError, r"dropout must lie in \[0, 1\), got 1"),
        ({"dropout": -0.1}, ValueError, r"dropout must lie in \[0, 1\), got -0.1"),
    ],
)
def test_wrong_sizes_are_refused(options, error, message):
    with pytest.raises(error, match=message):
        make_model(**options)


def test_wrong_inputs_are_refused():
    model = make_model()
    with pytest.raises(ValueError, match=r"input_ids must lie in \[0, 11\), got 11"):
        forward(model, [[V]])
    with pytest.raises(ValueError, match="attention_mask must have the shape of input_ids"):
        model(torch.zeros(2, 3, dtype=torch.int64), torch.ones(2, 4, dtype=torch.bool))


def test_without_a_generator_the_global_one_is_taken():
    torch.manual_seed(3)
    first = partial(ConvClassifier, V, D, 2)()
    torch.manual_seed(3)
    assert torch.equal(first.linear.weight, ConvClassifier(V, D, 2).linear.weight)
    assert tuple(first.convolution.weight.shape) == (100, D, 3) and first.dropout == 0.5  # Kim 2014
