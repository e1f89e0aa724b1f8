"""The attention classifier: its forward against loops, its padding, its training."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.data import DataLoader

from w2v.classify.attention import ClassAttentionModel, attend
from w2v.classify.scoring import score_texts
from w2v.classify.texts import TextDataset, collate_texts
from w2v.classify.training import train_classifier
from w2v.config import ClassifierConfig

V, D, N_CLASSES = 11, 7, 4
TEXTS = [[3, 1, 4, 1, 5], [9, 2], [6]]  # B=3, T=5


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def make_model(vocab_size=V, d=D, n_classes=N_CLASSES, seed=0, **options):
    return ClassAttentionModel(vocab_size, d, n_classes, generator=seeded(seed), **options)


def make_class_readout_model(seed=0, readout="class"):
    """A model whose class vectors and biases are drawn: they start at zero."""
    model = make_model(seed=seed, readout=readout)
    with torch.no_grad():
        model.class_readout.normal_(generator=seeded(seed + 1))
        model.class_bias.normal_(generator=seeded(seed + 2))
    return model


def make_batch(texts=TEXTS, labels=None):
    labels = labels if labels is not None else [0] * len(texts)
    return collate_texts(
        [{"input_ids": text, "label": label} for text, label in zip(texts, labels, strict=True)]
    )


def forward(model, batch):
    return model(batch["input_ids"], batch["attention_mask"])


def planted_rows(n_texts, seed, n_classes=N_CLASSES):
    """Texts of noise words (ids 4 and up), each with one word that gives its class away."""
    draw = seeded(seed)
    rows = []
    for i in range(n_texts):
        noise = torch.randint(n_classes, V, (5,), generator=draw).tolist()
        rows.append({"input_ids": [*noise, i % n_classes], "label": i % n_classes})
    return rows


CONFIG = ClassifierConfig(batch_size=8, epochs=3, learning_rate=1e-2, seed=5)


def train(model, rows=None, valid=None, config=CONFIG):
    rows = rows if rows is not None else planted_rows(20, seed=1)
    valid = valid if valid is not None else planted_rows(12, seed=2)
    return train_classifier(model, rows, valid, config, progress=False)


# --- the forward pass ---------------------------------------------------------------------


def affine(layer, vector):
    """W x + b in Python floats."""
    rows = zip(layer.weight.tolist(), layer.bias.tolist(), strict=True)
    return [sum(w * x for w, x in zip(row, vector, strict=True)) + b for row, b in rows]


def loop_attention(model, text):
    """Attention weights and values of one text, written from the lab's description."""
    tokens = [model.embeddings.weight[i].tolist() for i in text]
    keys = [affine(model.k, token) for token in tokens]
    values = [affine(model.v, token) for token in tokens]
    weights = []
    for class_embedding in model.class_embeddings.tolist():
        query = affine(model.q, class_embedding)
        scores = [
            sum(a * b for a, b in zip(query, key, strict=True)) / math.sqrt(D) for key in keys
        ]
        exponentials = [math.exp(score - max(scores)) for score in scores]
        weights.append([e / sum(exponentials) for e in exponentials])
    return weights, values


def test_forward_equals_plain_loops_in_float64():
    model = make_model().double()
    logits = forward(model, make_batch())
    for text, row in zip(TEXTS, logits.tolist(), strict=True):
        weights, values = loop_attention(model, text)
        for class_weights, logit in zip(weights, row, strict=True):
            read = [
                sum(w * value[i] for w, value in zip(class_weights, values, strict=True))
                for i in range(D)
            ]
            assert logit == pytest.approx(sum(read) / D, abs=1e-10)


def test_attention_equals_plain_loops_in_float64():
    model = make_model().double()
    batch = make_batch()
    attention = model.attention(batch["input_ids"], batch["attention_mask"])
    for text, rows in zip(TEXTS, attention.tolist(), strict=True):
        for expected, row in zip(loop_attention(model, text)[0], rows, strict=True):
            assert row[: len(text)] == pytest.approx(expected, abs=1e-10)


def test_parameters_have_the_shapes_of_the_lab():
    shapes = {name: tuple(p.shape) for name, p in make_model().named_parameters()}
    linear = {f"{n}.weight": (D, D) for n in "qkv"} | {f"{n}.bias": (D,) for n in "qkv"}
    assert shapes == linear | {"class_embeddings": (N_CLASSES, D), "embeddings.weight": (V, D)}


@pytest.mark.parametrize("n_classes", [2, 4])
@pytest.mark.parametrize("texts", [TEXTS, [[5]], [[5, 6, 7]]])
def test_logits_have_one_column_per_class(n_classes, texts):
    batch = make_batch(texts)
    model = make_model(n_classes=n_classes)
    logits = forward(model, batch)
    attention = model.attention(batch["input_ids"], batch["attention_mask"])
    assert logits.shape == (len(texts), n_classes)
    assert logits.dtype == torch.float32
    assert attention.shape == (len(texts), n_classes, max(map(len, texts)))


def test_class_readout_equals_plain_loops_in_float64():
    model = make_class_readout_model().double()
    vectors, biases = model.class_readout.tolist(), model.class_bias.tolist()
    for text, row in zip(TEXTS, forward(model, make_batch()).tolist(), strict=True):
        weights, values = loop_attention(model, text)
        for which, logit in enumerate(row):
            expected = biases[which]
            for weight, value in zip(weights[which], values, strict=True):
                expected += weight * sum(u * x for u, x in zip(vectors[which], value, strict=True))
            assert logit == pytest.approx(expected, abs=1e-10)


def test_hidden_readout_equals_plain_loops_in_float64():
    model = make_class_readout_model(readout="hidden").double()
    vectors, biases = model.class_readout.tolist(), model.class_bias.tolist()
    for text, row in zip(TEXTS, forward(model, make_batch()).tolist(), strict=True):
        weights, values = loop_attention(model, text)
        for which, logit in enumerate(row):
            pairs = list(zip(weights[which], values, strict=True))
            read = [sum(weight * value[i] for weight, value in pairs) for i in range(D)]
            hidden = [max(x, 0.0) for x in affine(model.hidden, read)]
            both = [x + h for x, h in zip(read, hidden, strict=True)]
            expected = biases[which] + sum(u * x for u, x in zip(vectors[which], both, strict=True))
            assert logit == pytest.approx(expected, abs=1e-10)


def test_logits_behind_a_hidden_layer_are_not_split_by_tokens():
    batch = make_batch()
    with pytest.raises(ValueError, match="readout must be 'mean' or 'class' to be split"):
        make_model(readout="hidden").contributions(batch["input_ids"], batch["attention_mask"])


def test_class_readout_and_the_labs_form_share_all_other_parameters():
    lab, model = make_model().state_dict(), make_model(readout="class").state_dict()
    hidden = make_model(readout="hidden").state_dict()
    assert set(model) - set(lab) == {"class_readout", "class_bias"}
    assert set(hidden) - set(model) == {"hidden.weight", "hidden.bias"}
    for name in lab:
        assert torch.equal(lab[name], model[name]) and torch.equal(lab[name], hidden[name])
    assert not model["class_readout"].any() and not model["class_bias"].any()


def test_a_uniform_start_reads_the_mean_of_the_vectors():
    model = make_model(start="uniform")
    tokens = [model.embeddings.weight[text] for text in map(torch.tensor, TEXTS)]
    means = torch.stack([vectors.mean(0) for vectors in tokens])  # (B, d)
    expected = means.mean(1, keepdim=True).expand(-1, N_CLASSES)
    torch.testing.assert_close(forward(model, make_batch()), expected)
    assert torch.equal(model.q.weight, make_model().q.weight)  # drawn as ever
    assert torch.equal(model.embeddings.weight, make_model().embeddings.weight)


def test_attention_leaves_its_uniform_start_in_training():
    model = make_model(start="uniform", readout="class")
    train(model, planted_rows(20, seed=1))
    batch = make_batch()
    attention = model.attention(batch["input_ids"], batch["attention_mask"])
    assert (attention[0, 0] - 0.2).abs().max() > 0.01


def test_logit_is_a_mean_over_d():
    model = make_model()
    with torch.no_grad():
        model.v.weight.zero_()
        model.v.bias.copy_(torch.arange(D))  # whatever is read, the classes read 0 ... 6
    torch.testing.assert_close(forward(model, make_batch()), torch.full((3, N_CLASSES), 3.0))


def test_aligned_values_are_the_tokens_shares_of_the_mean_row():
    model = make_model()
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    model.align_values()
    rows = model.embeddings.weight.tolist()
    mean = [sum(row[j] for row in rows) / V for j in range(D)]
    length = math.sqrt(sum(x * x for x in mean))
    expected = [sum(x * m / length for x, m in zip(row, mean, strict=True)) for row in rows]
    values = (model.v(model.embeddings.weight) - model.v.bias).mean(dim=1)  # (V,)
    torch.testing.assert_close(values.tolist(), expected, rtol=1e-4, atol=1e-6)
    moved = {name for name, p in model.named_parameters() if not torch.equal(p, before[name])}
    assert moved == {"v.weight"}


def test_a_table_of_zeros_aligns_to_zeros():
    model = make_model()
    torch.nn.init.zeros_(model.embeddings.weight)
    model.align_values()
    assert not model.v.weight.any()


def test_logits_shrink_as_d_grows():
    spread = {d: forward(make_model(d=d), make_batch()).std().item() for d in (8, 512)}
    assert spread[512] < spread[8] / 4  # like 1 / sqrt(d): a factor of 8 here


@pytest.mark.parametrize("make", [make_model, make_class_readout_model])
def test_contributions_of_the_tokens_sum_to_the_logits(make):
    model, batch = make().double(), make_batch()
    contributions = model.contributions(batch["input_ids"], batch["attention_mask"])
    logits = forward(model, batch) - getattr(model, "class_bias", 0)  # the bias is of no token
    torch.testing.assert_close(contributions.sum(dim=-1), logits, rtol=0, atol=1e-10)
    assert (contributions[1, :, 2:] == 0).all()  # padding adds nothing


class Tokenizer:
    """Each word is its id; special tokens come along unless they are refused."""

    def __call__(self, text, add_special_tokens=True):
        ids = [int(word) for word in text.split()]
        return {"input_ids": [0, *ids, 0] if add_special_tokens else ids}

    def convert_ids_to_tokens(self, ids):
        return [f"word {i}" for i in ids]


def test_a_text_that_is_read_gives_its_tokens_their_attention_and_the_logits():
    model = make_model()
    tokens, weights, logits = attend(model, Tokenizer(), "3 1 4 1")
    batch = make_batch([[3, 1, 4, 1]])
    assert tokens == ["word 3", "word 1", "word 4", "word 1"]
    torch.testing.assert_close(logits, forward(model, batch)[0])
    expected = model.attention(batch["input_ids"], batch["attention_mask"])[0]  # (n_classes, T)
    torch.testing.assert_close(weights, expected)


def test_an_empty_text_has_no_tokens_and_finite_logits():
    tokens, weights, logits = attend(make_model(), Tokenizer(), "")
    assert tokens == [] and weights.shape == (N_CLASSES, 0)
    assert logits.shape == (N_CLASSES,) and logits.isfinite().all()


# --- padding -------------------------------------------------------------------------------


def test_attention_sums_to_one_over_tokens_and_is_zero_on_padding():
    batch = make_batch()
    attention = make_model().attention(batch["input_ids"], batch["attention_mask"])
    torch.testing.assert_close(attention.sum(dim=-1), torch.ones(3, N_CLASSES))
    padding = ~batch["attention_mask"].unsqueeze(1).expand_as(attention)
    assert (attention[padding] == 0).all()
    assert (attention[~padding] > 0).all()


@given(
    text=st.lists(st.integers(0, V - 1), min_size=1, max_size=6),
    longer=st.integers(0, 20),
    seed=st.integers(0, 100),
)
@settings(max_examples=30, deadline=None)
def test_padding_length_never_changes_the_logits(text, longer, seed):
    model = make_model(seed=seed)
    alone = forward(model, make_batch([text]))
    padded = forward(model, make_batch([text, [1] * (len(text) + longer)]))
    torch.testing.assert_close(padded[:1], alone, rtol=1e-6, atol=1e-6)


def test_padding_is_exactly_without_effect_on_loss_and_gradient():
    results = []
    for pad_row in (0.0, 50.0):  # no text holds id 0, padding does
        model = make_model()
        with torch.no_grad():
            model.embeddings.weight[0] = pad_row
        batch = make_batch([*TEXTS, []])  # and a text of padding alone
        loss = F.cross_entropy(forward(model, batch), torch.tensor([0, 1, 2, 3]))
        loss.backward()
        assert (model.embeddings.weight.grad[0] == 0).all()
        results.append([loss, *(parameter.grad for parameter in model.parameters())])
    assert all(torch.equal(a, b) for a, b in zip(*results, strict=True))


def test_a_real_token_with_the_pad_id_still_counts():
    model = make_model()
    with_zero = forward(model, make_batch([[0, 3]]))
    assert not torch.allclose(with_zero, forward(model, make_batch([[3]])))


@pytest.mark.parametrize("texts", [[[], [3, 1]], [[]], [[], []]])
def test_a_text_without_tokens_gives_equal_logits_and_no_nan(texts):
    model, batch = make_model(), make_batch(texts)
    logits = forward(model, batch)
    logits.sum().backward()
    assert not model.attention(batch["input_ids"], batch["attention_mask"])[0].any()
    torch.testing.assert_close(logits[0], logits[0, :1].expand(N_CLASSES))
    assert logits.isfinite().all()
    assert all(parameter.grad.isfinite().all() for parameter in model.parameters())


# --- seeds ---------------------------------------------------------------------------------


def test_same_seed_gives_the_same_model_and_leaves_the_global_generator_alone():
    before = torch.get_rng_state()
    first, second, other = make_model(seed=3), make_model(seed=3), make_model(seed=4)
    assert torch.equal(torch.get_rng_state(), before)
    for name, parameter in first.named_parameters():
        assert torch.equal(parameter, dict(second.named_parameters())[name])
        assert not torch.equal(parameter, dict(other.named_parameters())[name])


def test_a_second_model_of_one_generator_is_drawn_anew():
    draw = seeded()
    first, second = (ClassAttentionModel(V, D, N_CLASSES, generator=draw) for _ in range(2))
    assert torch.equal(first.q.weight, make_model().q.weight)
    assert not torch.equal(first.q.weight, second.q.weight)


def test_layers_do_not_depend_on_the_size_of_the_table():
    small, large = (make_model(vocab_size=size).state_dict() for size in (V, 3 * V))
    for name in set(small) - {"embeddings.weight"}:
        assert torch.equal(small[name], large[name])


def test_parameters_are_drawn_as_pytorch_draws_them():
    torch_like = {"embeddings": torch.nn.Embedding(400, 64), "q": torch.nn.Linear(64, 64)}
    model = make_model(vocab_size=400, d=64)
    for name, module in torch_like.items():
        for kind, expected in module.named_parameters():
            drawn = getattr(getattr(model, name), kind)
            assert drawn.std().item() == pytest.approx(expected.std().item(), rel=0.3)
            assert abs(drawn.mean().item()) < 0.1 * max(1.0, expected.std().item())
    assert model.q.weight.abs().max().item() <= 1 / math.sqrt(64)
    assert not torch.equal(model.q.weight, model.k.weight)


# --- texts and batches ---------------------------------------------------------------------


def test_collated_batch_is_padded_to_its_longest_text():
    batch = make_batch(labels=[2, 0, 1])
    assert batch["input_ids"].tolist() == [[3, 1, 4, 1, 5], [9, 2, 0, 0, 0], [6, 0, 0, 0, 0]]
    assert batch["attention_mask"].sum(dim=1).tolist() == [5, 2, 1]
    assert batch["attention_mask"][1].tolist() == [True, True, False, False, False]
    assert batch["label"].tolist() == [2, 0, 1]
    assert {key: value.dtype for key, value in batch.items()} == {
        "input_ids": torch.int64,
        "attention_mask": torch.bool,
        "label": torch.int64,
    }


def test_word_dropout_hides_a_share_of_the_tokens_and_never_a_whole_text():
    texts = [[1] * 400, [2], [3]]
    n_hidden = n_draws = 0
    for seed in range(20):
        rows = [{"input_ids": text, "label": 0} for text in texts]
        batch = collate_texts(rows, word_dropout=0.75, generator=seeded(seed))
        plain = make_batch(texts)
        assert torch.equal(batch["input_ids"], plain["input_ids"])
        assert not (batch["attention_mask"] & ~plain["attention_mask"]).any()
        assert batch["attention_mask"].any(dim=1).all()
        n_hidden += (~batch["attention_mask"][0]).sum().item()
        n_draws += 400
    deviation = math.sqrt(0.75 * 0.25 / n_draws)
    assert n_hidden / n_draws == pytest.approx(0.75, abs=5 * deviation)


def test_words_are_hidden_in_training_alone_and_anew_in_each_epoch():
    seen = []
    model = make_model()
    model.register_forward_pre_hook(lambda m, given: seen.append((m.training, given[1].clone())))
    rows = planted_rows(8, seed=1)
    train(model, rows, rows, ClassifierConfig(batch_size=8, epochs=3, word_dropout=0.5))
    trained = [mask for training, mask in seen if training]
    assert all(mask.all() for training, mask in seen if not training)
    assert not any(mask.all() for mask in trained)
    assert not torch.equal(trained[0], trained[1])


def test_text_dataset_serves_the_rows_it_was_built_from():
    rows = [{"input_ids": text, "label": i} for i, text in enumerate([[1, 2, 3], [], [7], [8, 9]])]
    texts = TextDataset.from_documents(rows)
    served = [texts[i] for i in (3, 1, 0)]
    assert [row["input_ids"].tolist() for row in served] == [[8, 9], [], [1, 2, 3]]
    assert [row["label"] for row in served] == [3, 1, 0]
    assert [row["input_ids"].tolist() for row in texts] == [[1, 2, 3], [], [7], [8, 9]]
    assert len(texts) == 4 and texts.tokens.dtype == torch.int32


def test_text_dataset_shows_its_sizes():
    rows = [{"input_ids": [1, 2, 3], "label": label} for label in (0, 2, 2)] * 400
    texts = TextDataset.from_documents(rows)
    assert repr(texts) == "TextDataset(1,200 texts, 2 classes, 3,600 tokens)"
    few = texts.select(torch.tensor([0, 3]))
    assert repr(few) == "TextDataset(2 texts, 1 classes, 6 tokens)"


def test_labels_may_be_numpy_integers():
    rows = [{"input_ids": [1], "label": np.int64(3)}]
    assert TextDataset.from_documents(rows)[0]["label"] == 3


def test_selected_texts_are_those_asked_for_in_order():
    texts = TextDataset.from_documents(planted_rows(9, seed=0))
    chosen = texts.select(torch.tensor([7, 2]))
    assert [row["input_ids"].tolist() for row in chosen] == [
        texts[7]["input_ids"].tolist(),
        texts[2]["input_ids"].tolist(),
    ]
    assert chosen.labels.tolist() == [7 % N_CLASSES, 2]


def test_loader_gives_the_same_batches_from_rows_and_from_text_dataset():
    rows = planted_rows(7, seed=0)
    loaders = (
        DataLoader(source, batch_size=3, collate_fn=collate_texts)
        for source in (rows, TextDataset.from_documents(rows))
    )
    for from_rows, from_texts in zip(*loaders, strict=True):
        assert all(torch.equal(from_rows[key], from_texts[key]) for key in from_rows)


def test_a_datasets_dataset_trains_as_a_list_of_rows_does():
    datasets = pytest.importorskip("datasets")
    histories = [
        train(make_model(), wrap(planted_rows(20, seed=1)))
        for wrap in (list, datasets.Dataset.from_list)
    ]
    assert histories[0] == histories[1]


# --- training ------------------------------------------------------------------------------


@pytest.mark.parametrize("n_classes", [2, 4])
def test_training_learns_a_planted_set(n_classes):
    config = ClassifierConfig(batch_size=16, epochs=8, learning_rate=2e-2, seed=0)
    model = make_model(d=16, n_classes=n_classes)
    rows = (planted_rows(n, seed, n_classes) for n, seed in ((200, 1), (80, 2)))
    history = train(model, *rows, config)
    assert history.valid_loss[-1] < math.log(n_classes) / 3
    assert history.valid_accuracy[-1] > 0.9


def test_each_informative_word_learns_to_speak_for_its_own_class():
    config = ClassifierConfig(batch_size=16, epochs=8, learning_rate=2e-2, seed=0)
    model = make_model(d=16)
    train(model, planted_rows(200, seed=1), config=config)
    batch = make_batch([[5, 6, 7, 8, label] for label in range(N_CLASSES)])
    contributions = model.contributions(batch["input_ids"], batch["attention_mask"])
    assert contributions[:, :, -1].argmax(dim=1).tolist() == [0, 1, 2, 3], contributions


def test_history_holds_one_number_per_epoch():
    history = train(make_model())
    for name in ("train_loss", "train_accuracy", "valid_loss", "valid_accuracy"):
        assert len(getattr(history, name)) == CONFIG.epochs
    assert all(0 <= share <= 1 for share in history.train_accuracy + history.valid_accuracy)


def test_best_epoch_is_the_one_of_lowest_validation_loss():
    history = train(make_model())
    history.valid_loss[:] = [0.9, 0.4, 0.6]
    assert history.best_epoch == 2


def test_last_validation_measures_are_those_of_the_model_handed_back():
    model = make_model()
    history = train(model)
    measured = score_texts(model, planted_rows(12, seed=2))
    assert (history.valid_loss[-1], history.valid_accuracy[-1]) == (
        measured.loss,
        measured.accuracy,
    )


def test_first_training_loss_is_that_of_the_untrained_model():
    rows = planted_rows(8, seed=1)
    untrained = score_texts(make_model(), rows)
    history = train(make_model(), rows, config=CONFIG)  # one batch: measured before its step
    assert history.train_loss[0] == pytest.approx(untrained.loss, rel=1e-6)
    assert history.train_accuracy[0] == untrained.accuracy


def test_training_takes_the_steps_of_a_plain_loop():
    rows, trained, plain = planted_rows(20, seed=1), make_model(), make_model()
    history = train(trained, rows)
    optimizer = torch.optim.Adam(plain.parameters(), lr=CONFIG.learning_rate, fused=True)
    draw, losses = seeded(CONFIG.seed), []
    loader = DataLoader(rows, CONFIG.batch_size, True, collate_fn=collate_texts, generator=draw)
    for _ in range(CONFIG.epochs):
        losses.append(0.0)
        for batch in loader:
            loss = F.cross_entropy(forward(plain, batch), batch["label"])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses[-1] += loss.item() * len(batch["label"]) / len(rows)
    assert history.train_loss == pytest.approx(losses)
    for name, parameter in plain.named_parameters():
        torch.testing.assert_close(trained.get_parameter(name), parameter)


def test_same_seed_gives_the_same_weights_bit_for_bit():
    models = [make_model() for _ in range(3)]
    configs = [CONFIG, CONFIG, ClassifierConfig(batch_size=8, epochs=3, learning_rate=1e-2, seed=6)]
    for model, config in zip(models, configs, strict=True):
        train(model, config=config)
    same, again, other = (model.state_dict() for model in models)
    assert all(torch.equal(same[name], again[name]) for name in same)
    assert not torch.equal(same["q.weight"], other["q.weight"])


def test_training_leaves_the_global_generator_alone():
    before = torch.get_rng_state()
    train(make_model())
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("freeze", [True, False])
def test_freeze_keeps_the_table_bitwise_and_tuning_moves_it(freeze):
    model = make_model()
    table = model.embeddings.weight.detach().clone()
    train(
        model,
        config=ClassifierConfig(batch_size=8, epochs=3, learning_rate=1e-2, seed=5, freeze=freeze),
    )
    assert torch.equal(model.embeddings.weight, table) == freeze
    assert not torch.equal(model.q.weight, make_model().q.weight)
    assert model.embeddings.weight.requires_grad  # as it was found


def parameters_after(**rates):
    """Every parameter after one step of Adam, which moves each by its own rate at first."""
    model = make_class_readout_model()
    one_step = {"batch_size": 20, "epochs": 1, "learning_rate": 1e-2, "seed": 5}
    before = {name: value.clone() for name, value in model.state_dict().items()}
    train(model, config=ClassifierConfig(**one_step, **rates))
    after = model.state_dict()
    return {name: (after[name] - before[name]).abs().max().item() for name in before}


@pytest.mark.parametrize(
    ("rate", "moved_less"),
    [
        ("table_rate", {"embeddings.weight"}),
        (
            "attention_rate",
            {"q.weight", "q.bias", "k.weight", "v.weight", "v.bias"} | {"class_embeddings"},
        ),
    ],
)
def test_each_part_takes_its_own_share_of_the_learning_rate(rate, moved_less):
    moved, moved_at_a_tenth = parameters_after(), parameters_after(**{rate: 0.1})
    for name in set(moved) - {"k.bias"}:  # a key's bias adds the same to every score
        share = 0.1 if name in moved_less else 1.0
        assert moved_at_a_tenth[name] == pytest.approx(share * moved[name], rel=0.01), name


def test_a_falling_rate_takes_steps_in_proportion_down_to_zero(monkeypatch):
    rates = []
    step = torch.optim.Adam.step
    monkeypatch.setattr(
        torch.optim.Adam,
        "step",
        lambda self, *given: (rates.append(self.param_groups[0]["lr"]), step(self, *given))[1],
    )
    for decay in (True, False):
        config = ClassifierConfig(batch_size=8, epochs=2, learning_rate=0.5, decay=decay)
        train(make_model(), planted_rows(16, seed=1), config=config)
    assert rates[:4] == pytest.approx([0.5, 0.375, 0.25, 0.125])
    assert rates[4:] == [0.5] * 4


def test_rows_of_absent_words_never_move():
    model = make_model(vocab_size=V + 3)
    before = model.embeddings.weight.detach().clone()
    train(model)
    assert torch.equal(model.embeddings.weight[V:], before[V:])


@pytest.mark.parametrize("training", [True, False])
def test_training_and_evaluation_leave_the_mode_as_it_was(training):
    model = make_model().train(training)
    score_texts(model, planted_rows(3, seed=0))
    assert model.training == training
    train(model)
    assert model.training == training


def test_batches_train_in_train_mode_and_are_evaluated_in_eval_mode():
    modes = []
    model = make_model().eval()
    model.register_forward_hook(lambda module, *_: modes.append(module.training))
    train(model, planted_rows(8, seed=1), planted_rows(8, seed=2))
    assert modes == [True, False] * CONFIG.epochs


def test_small_steps_use_one_thread_and_leave_the_callers_number():
    n_threads, seen, model = torch.get_num_threads(), [], make_model()
    model.register_forward_hook(lambda *_: seen.append(torch.get_num_threads()))
    torch.set_num_threads(3)
    try:
        train(model)
        score_texts(model, planted_rows(3, seed=0))
        assert set(seen) == {1} and torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(n_threads)


# --- evaluation ----------------------------------------------------------------------------


@pytest.mark.parametrize("batch_size", [1, 4, 5, 100])
def test_short_last_batch_weighs_by_its_size(batch_size):
    rows = planted_rows(9, seed=3)
    batch = make_batch([row["input_ids"] for row in rows])
    labels = torch.tensor([row["label"] for row in rows])
    model = make_model()
    logits = forward(model, batch)
    measured = score_texts(model, rows, batch_size=batch_size)
    assert measured.loss == pytest.approx(F.cross_entropy(logits, labels).item(), rel=1e-6)
    assert measured.accuracy == (logits.argmax(1) == labels).double().mean().item()


def test_majority_accuracy_is_the_share_of_the_most_frequent_class():
    rows = [{"input_ids": [1], "label": label} for label in (2, 0, 2, 2, 1)]
    assert score_texts(make_model(), rows).majority_accuracy == 3 / 5


# --- errors --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sizes", "error", "message"),
    [
        ((0, D, 4), ValueError, "vocab_size must be a positive integer, got 0"),
        ((V, -1, 4), ValueError, "d must be a positive integer, got -1"),
        ((V, D, 2.0), TypeError, "n_classes must be a positive integer, got 2.0"),
        ((V, D, 1), ValueError, "n_classes must be 2 or more, got 1"),
    ],
)
def test_wrong_sizes_are_refused(sizes, error, message):
    with pytest.raises(error, match=message):
        ClassAttentionModel(*sizes)


def test_unknown_readouts_and_starts_are_refused():
    with pytest.raises(
        ValueError, match="readout must be one of 'mean', 'class', 'hidden', got 'max'"
    ):
        make_model(readout="max")
    with pytest.raises(ValueError, match="start must be one of 'random', 'uniform', got 'zero'"):
        make_model(start="zero")


@pytest.mark.parametrize(("wrong_id", "shown"), [(V, "11"), (-1, "-1")])
@pytest.mark.parametrize("method", ["forward", "attention", "contributions"])
def test_ids_outside_the_vocabulary_are_refused(method, wrong_id, shown):
    batch = make_batch([[1, wrong_id]])
    with pytest.raises(ValueError, match=rf"input_ids must lie in \[0, 11\), got {shown}"):
        getattr(make_model(), method)(batch["input_ids"], batch["attention_mask"])


def test_a_mask_of_another_shape_is_refused():
    batch = make_batch()
    message = r"attention_mask must have the shape of input_ids \(3, 5\), got \(3, 4\)"
    with pytest.raises(ValueError, match=message):
        make_model()(batch["input_ids"], batch["attention_mask"][:, :4])


ROW = {"input_ids": [1, 2], "label": 0}
WRONG_ROWS = [
    ([], ValueError, "{name} must hold at least one text, got 0"),
    ([ROW | {"label": 4}], ValueError, r"label of {name} must lie in \[0, 4\), got 4"),
    ([ROW | {"label": -1}], ValueError, r"label of {name} must lie in \[0, 4\), got -1"),
    ([ROW | {"input_ids": [V]}], ValueError, r"input_ids of {name} must lie in \[0, 11\), got 11"),
    ([ROW | {"label": 0.5}], TypeError, "label must be an integer, got 0.5"),
    ([ROW | {"label": None}], TypeError, "label must be an integer, got None"),
]


@pytest.mark.parametrize(("rows", "error", "message"), WRONG_ROWS)
@pytest.mark.parametrize("name", ["train_set", "valid_set"])
def test_wrong_texts_are_refused_before_anything_is_trained(name, rows, error, message):
    sets = {"train_set": [ROW], "valid_set": [ROW]} | {name: rows}
    model = make_model()
    with pytest.raises(error, match=message.replace("{name}", name)):
        train_classifier(model, **sets, config=CONFIG, progress=False)
    assert torch.equal(model.q.weight, make_model().q.weight)


def test_wrong_texts_and_batch_sizes_are_refused_by_evaluation():
    with pytest.raises(ValueError, match="texts must hold at least one text, got 0"):
        score_texts(make_model(), [])
    with pytest.raises(ValueError, match="batch_size must be a positive integer, got 0"):
        score_texts(make_model(), [ROW], batch_size=0)


def test_a_loss_that_is_not_finite_stops_training_and_says_where():
    model = make_model()
    with torch.no_grad():
        model.v.bias[0] = float("nan")
    message = "training loss must be finite, got nan at epoch 1, step 1, learning rate 0.01; lower"
    with pytest.raises(FloatingPointError, match=message):
        train(model.eval())
    assert not model.training  # restored although training failed


def test_a_last_step_that_diverges_is_seen_in_validation():
    config = ClassifierConfig(batch_size=100, epochs=1, learning_rate=1e38)
    with pytest.raises(FloatingPointError, match="validation loss must be finite, got nan at ep"):
        train(make_model(), config=config)


# --- progress ------------------------------------------------------------------------------


def test_progress_bar_goes_to_stderr_and_can_be_switched_off(capsys):
    rows = planted_rows(4, seed=0)
    train_classifier(make_model(), rows, rows, CONFIG, progress=True)
    shown = capsys.readouterr()
    assert shown.out == "" and "loss=" in shown.err and "texts/s" in shown.err
    for progress in (False, None):  # None: there is no terminal here
        train_classifier(make_model(), rows, rows, CONFIG, progress=progress)
        assert capsys.readouterr().err == ""
