"""The classifiers in a loop, a loader and on a device of the user's own."""

import copy
import io
import multiprocessing
from functools import partial

import numpy as np
import pandas
import pytest
import torch
import torch.nn.functional as F
from datasets import Dataset as Table
from devices import another_device
from torch.utils.data import ConcatDataset, DataLoader, Subset, random_split

from w2v.checkpoint import load_model, save_model
from w2v.classify.attention import ClassAttentionModel, attend
from w2v.classify.convolution import ConvClassifier
from w2v.classify.scoring import load_classifier, predict_texts, save_classifier, score_texts
from w2v.classify.texts import TextDataset, collate_texts
from w2v.classify.training import train_classifier
from w2v.config import ClassifierConfig, Word2VecConfig
from w2v.model import Word2Vec
from w2v.text.vocabulary import Vocabulary

V, D, N_CLASSES = 11, 7, 4
KINDS = [ClassAttentionModel, ConvClassifier]
CONFIG = ClassifierConfig(batch_size=8, epochs=2, learning_rate=1e-2, seed=5)
OPTIMISERS = {
    "Adam": partial(torch.optim.Adam, lr=0.02),
    "AdamW": partial(torch.optim.AdamW, lr=0.02, weight_decay=0.01),
    "SGD with momentum": partial(torch.optim.SGD, lr=0.1, momentum=0.9),
    "RMSprop": partial(torch.optim.RMSprop, lr=0.01),
    "Adagrad": partial(torch.optim.Adagrad, lr=0.1),
}


def make(kind, **options):
    return kind(V, D, N_CLASSES, generator=torch.Generator().manual_seed(0), **options)


def planted_rows(n_texts, seed=1):
    """Texts of five noise words, each with one word (0 ... 3) that gives its class away."""
    draw = torch.Generator().manual_seed(seed)
    noise = torch.randint(N_CLASSES, V, (n_texts, 5), generator=draw).tolist()
    return [
        {"input_ids": [*words[: 2 + i % 4], i % N_CLASSES], "label": i % N_CLASSES}
        for i, words in enumerate(noise)
    ]


@pytest.fixture
def texts():
    return TextDataset.from_documents(planted_rows(40))


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


# Masks


IDS = [[5, 6, 0], [7, 0, 0]]
MASK = [[1, 1, 0], [1, 0, 0]]


@pytest.mark.parametrize(
    "mask",
    [
        MASK,
        [[True, True, False], [True, False, False]],
        np.array(MASK),
        np.array(MASK, dtype=bool),
        np.array(MASK, dtype=np.float32),
        *(
            torch.tensor(MASK, dtype=dtype)
            for dtype in (torch.int64, torch.int32, torch.uint8, torch.float32, torch.float64)
        ),
    ],
)
def test_a_mask_is_taken_as_tokenizers_and_libraries_give_it(kind, mask):
    model = make(kind).eval()
    expected = model(torch.tensor(IDS), torch.tensor(MASK).bool())
    assert model(torch.tensor(IDS), mask).equal(expected)
    for method in ("attention", "contributions") if kind is ClassAttentionModel else ():
        read = getattr(model, method)
        assert read(IDS, mask).equal(read(torch.tensor(IDS), torch.tensor(MASK).bool()))


@pytest.mark.parametrize("wrong", [2, -1, 0.5, float("nan"), float("-inf")])
def test_a_mask_of_other_numbers_is_refused(kind, wrong):
    mask = torch.tensor([[1, 1, wrong], [1, 0, 0]])
    with pytest.raises(ValueError, match="attention_mask must be 1 for a token and 0 for padding"):
        make(kind)(torch.tensor(IDS), mask)
    row = {"input_ids": [5, 6, 0], "attention_mask": mask[0].tolist(), "label": 1}
    for read in (TextDataset.from_documents, collate_texts):
        with pytest.raises(ValueError, match="attention_mask must be 1 for a token and 0"):
            read([row])


@pytest.mark.parametrize("mask", [[1, 1], [[1, 1, 0]], 1, []])
def test_a_mask_of_another_shape_is_refused(kind, mask):
    with pytest.raises(ValueError, match=r"attention_mask must have the shape of .*\(2, 3\), got"):
        make(kind)(torch.tensor(IDS), mask)
    row = {"input_ids": [5, 6, 0], "attention_mask": mask, "label": 1}
    for read in (TextDataset.from_documents, collate_texts):
        with pytest.raises(ValueError, match=r"attention_mask must have the shape .*\(3,\), got"):
            read([row])


ROW = {"input_ids": [5, 6, 0, 0], "attention_mask": [1, 1, 0, 0], "label": 1}


def test_a_rows_own_mask_is_kept_by_a_batch():
    batch = collate_texts([ROW, {"input_ids": [1, 2, 3, 4, 5], "label": 0}])
    assert batch["attention_mask"].int().tolist() == [[1, 1, 0, 0, 0], [1] * 5]
    assert batch["input_ids"].tolist() == [[5, 6, 0, 0, 0], [1, 2, 3, 4, 5]]


def test_word_dropout_hides_no_more_than_tokens():
    draw = torch.Generator().manual_seed(0)
    for _ in range(50):
        batch = collate_texts([ROW], word_dropout=0.5, generator=draw)
        assert batch["attention_mask"].tolist()[0] in [[1, 1, 0, 0], [1, 0, 0, 0], [0, 1, 0, 0]]


@pytest.mark.parametrize("as_array", [list, np.array, torch.tensor])
def test_hidden_tokens_of_a_row_are_not_in_the_dataset(as_array):
    row = {name: as_array(value) for name, value in ROW.items() if name != "label"} | {"label": 1}
    texts = TextDataset.from_documents([row, {"input_ids": [7], "label": 0}])
    assert texts.tokens.tolist() == [5, 6, 7]
    assert [text["input_ids"].tolist() for text in texts] == [[5, 6], [7]]


def test_ids_under_a_mask_are_never_read(kind):
    model = make(kind).eval()
    expected = model(torch.tensor([[5, 6]]), torch.tensor([[1, 1]]))
    for hidden in (-100, V, 10**6):
        ids = torch.tensor([[5, 6, hidden]])
        torch.testing.assert_close(model(ids, torch.tensor([[1, 1, 0]])), expected)
    shares = score_texts(model, [ROW | {"input_ids": [5, 6, V, -1]}]).loss
    assert shares == pytest.approx(F.cross_entropy(expected, torch.tensor([1])).item(), rel=1e-6)


# Ids and labels


@pytest.mark.parametrize("ids", [[1.7, 2.2], [1.0, 2.0], [True], ["a"], [[1, 2]], "text", None])
def test_ids_that_are_no_integers_are_refused(ids):
    rows = [{"input_ids": [1], "label": 0}, {"input_ids": ids, "label": 1}]
    for read in (TextDataset.from_documents, collate_texts):
        with pytest.raises(TypeError, match="input_ids of row 1 must be a flat list of integers"):
            read(rows)


def test_a_forward_pass_takes_integers_alone(kind):
    model, mask = make(kind).eval(), torch.ones(1, 2)
    expected = model(torch.tensor([[1, 2]]), mask)
    for ids in ([[1, 2]], np.array([[1, 2]]), torch.tensor([[1, 2]], dtype=torch.int32)):
        assert model(ids, mask).equal(expected)
    with pytest.raises(TypeError, match="input_ids must be integers, got torch.float32"):
        model(torch.tensor([[1.0, 2.0]]), mask)
    with pytest.raises(ValueError, match=r"input_ids must have shape \(B, T\), got \(2,\)"):
        model(torch.tensor([1, 2]), torch.ones(2))


@pytest.mark.parametrize("label", [3, np.int64(3), np.uint8(3), torch.tensor(3), np.array(3)])
def test_a_label_is_an_integer_of_any_library(label):
    row = {"input_ids": [1], "label": label}
    assert TextDataset.from_documents([row])[0]["label"] == 3
    assert collate_texts([row])["label"].tolist() == [3]


@pytest.mark.parametrize(
    "label", [True, 0.5, 1.0, np.float64(1), np.bool_(True), torch.tensor(1.0), "1", None, [1]]
)
def test_a_label_that_is_no_integer_is_refused_with_its_row(label):
    rows = [{"input_ids": [1], "label": 0}, {"input_ids": [1], "label": label}]
    for read in (TextDataset.from_documents, collate_texts):
        with pytest.raises(TypeError, match="label must be an integer, got .* in row 1"):
            read(rows)


def test_a_label_outside_the_classes_is_refused_with_its_row(kind):
    rows = [*planted_rows(4), {"input_ids": [1], "label": 4}]
    with pytest.raises(ValueError, match=r"label of texts must lie in \[0, 4\), got 4 in row 4"):
        score_texts(make(kind), rows)


@pytest.mark.parametrize("form", [None, "torch", "numpy"])
def test_rows_of_a_hugging_face_dataset_come_in_any_format(form):
    rows = [row | {"attention_mask": [1] * len(row["input_ids"])} for row in planted_rows(6)]
    table = Table.from_list(rows).with_format(form)
    for from_table, expected in zip(
        TextDataset.from_documents(table), TextDataset.from_documents(rows), strict=True
    ):
        assert from_table["input_ids"].equal(expected["input_ids"])
        assert from_table["label"] == expected["label"]
    (batch,) = DataLoader(table, batch_size=6, collate_fn=collate_texts)
    expected = collate_texts(rows)
    assert all(batch[name].equal(expected[name]) for name in expected)


def test_what_holds_no_rows_is_refused_in_plain_words(kind):
    rows = planted_rows(3)
    for wrong, found in [
        (pandas.DataFrame(rows), "'input_ids' in row 0; pass the rows of a table: table.to_dict"),
        ([row["input_ids"] for row in rows], r"\[\d"),
        ({"input_ids": [[1]], "label": [0]}, "'input_ids'"),
        ([{"text": "a", "label": 0}], r"\['text', 'label'\]"),
        ([{"input_ids": [1]}], r"\['input_ids'\]"),
    ]:
        with pytest.raises(ValueError, match=f"rows must have input_ids and label, got {found}"):
            score_texts(make(kind), wrong)
    scores = score_texts(make(kind), pandas.DataFrame(rows).to_dict("records"))
    assert scores.loss == score_texts(make(kind), rows).loss


# Texts without tokens, sets and batches of any size


@pytest.mark.parametrize("text", ["", "   ", "\n"])
def test_a_text_without_tokens_has_an_answer(text):
    tokenizer = Vocabulary.from_texts([["a", "b"]]).tokenizer()
    model = ClassAttentionModel(4, D, 2)
    words, weights, logits = attend(model, tokenizer, text)
    assert (words, weights.shape, logits.tolist()) == ([], (2, 0), [0.0, 0.0])
    assert predict_texts(model, tokenizer, [text]).tolist() == [[0.5, 0.5]]


@pytest.mark.parametrize("text", [None, 3, ["a"], b"a"])
def test_attend_refuses_what_is_no_string(text):
    tokenizer = Vocabulary.from_texts([["a", "b"]]).tokenizer()
    with pytest.raises(TypeError, match="text must be a string, got"):
        attend(ClassAttentionModel(4, D, 2), tokenizer, text)


def test_attend_refuses_a_tokenizer_of_a_larger_vocabulary_on_any_device(monkeypatch):
    tokenizer = Vocabulary.from_texts([["a", "b"]]).tokenizer()
    with another_device(monkeypatch) as device:
        for model in (ClassAttentionModel(3, D, 2), ClassAttentionModel(3, D, 2).to(device)):
            with pytest.raises(
                ValueError, match="tokenizer must have the 3 ids of the classifier, got 4"
            ):
                attend(model, tokenizer, "a b")


EMPTY = {"input_ids": [], "label": 2}
PADDING = {"input_ids": [0, 0], "attention_mask": [0, 0], "label": 2}


@pytest.mark.parametrize("rows", [[EMPTY], [PADDING], [EMPTY, PADDING, *planted_rows(3)]])
def test_texts_of_nothing_or_of_padding_are_scored_and_trained_on(kind, rows):
    model = make(kind)
    assert np.isfinite(score_texts(model, rows).loss)
    history = train_classifier(model, rows, rows, CONFIG, progress=False)
    assert np.isfinite(history.train_loss).all() and np.isfinite(history.valid_loss).all()


def test_a_batch_of_one_text_is_a_batch(kind):
    config = ClassifierConfig(batch_size=2, epochs=1)
    history = train_classifier(make(kind), planted_rows(3), planted_rows(1), config, progress=False)
    assert history.valid_accuracy[0] in (0, 1)


def test_an_empty_set_and_an_empty_batch_are_refused(kind):
    model = make(kind)
    with pytest.raises(ValueError, match="valid_set must hold at least one text, got 0"):
        train_classifier(model, planted_rows(3), Table.from_list([]), CONFIG, progress=False)
    with pytest.raises(ValueError, match="batch must hold at least one text, got none"):
        collate_texts([])


def test_a_module_that_is_no_classifier_is_refused_before_training():
    for wrong in (torch.nn.Linear(2, 2), Word2Vec(V, D)):
        with pytest.raises(TypeError, match="classifier must have embeddings, an nn.Embedding, an"):
            train_classifier(wrong, planted_rows(3), planted_rows(3), CONFIG, progress=False)


# Own loop


def loop(model, loader, make_optimiser, n_epochs=8):
    """The loop that a student writes; gives the mean loss of the first and the last epoch."""
    optimizer, means = make_optimiser(model.parameters()), []
    for _ in range(n_epochs):
        losses = []
        for batch in loader:
            loss = F.cross_entropy(
                model(batch["input_ids"], batch["attention_mask"]), batch["label"]
            )
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 5.0)
            optimizer.step()
            losses.append(loss.item())
        means.append(sum(losses) / len(losses))
    return means[0], means[-1]


def load(texts, **options):
    options = {"batch_size": 8, "collate_fn": collate_texts, **options}
    return DataLoader(texts, **options)


@pytest.mark.parametrize("name", OPTIMISERS)
def test_a_classifier_learns_under_any_optimiser(kind, texts, name):
    first, last = loop(make(kind), load(texts), OPTIMISERS[name])
    assert last < first and last < 1.2, name  # ln 4 = 1.386 for nothing


def test_a_classifier_trains_in_float64(kind, texts):
    model = make(kind).double()
    _, last = loop(model, load(texts), OPTIMISERS["Adam"])
    assert last < 1.2 and all(p.dtype == torch.float64 for p in model.parameters())
    score_texts(model, texts)


def test_a_classifier_can_be_copied_saved_and_loaded_as_any_module(kind, texts):
    model = make(kind)
    loop(model, load(texts), OPTIMISERS["Adam"], n_epochs=1)
    twin, other, whole, state = (
        copy.deepcopy(model),
        kind(V, D, N_CLASSES),
        *map(lambda _: io.BytesIO(), range(2)),
    )
    torch.save(model, whole)
    torch.save(model.state_dict(), state)
    whole.seek(0), state.seek(0)
    other.load_state_dict(torch.load(state, weights_only=True))
    batch = collate_texts(planted_rows(5))
    inputs = batch["input_ids"], batch["attention_mask"]
    expected = model.eval()(*inputs)
    for same in (twin, other, torch.load(whole, weights_only=False)):
        assert same.eval()(*inputs).equal(expected)
    loop(model, load(texts), OPTIMISERS["Adam"], n_epochs=1)
    assert not twin(*inputs).equal(model.eval()(*inputs))


@pytest.mark.parametrize("training", [True, False])
def test_a_compiled_classifier_gives_the_same_logits_and_gradients(kind, training):
    options = {} if kind is ClassAttentionModel else {"dropout": 0.0}
    model, twin = (make(kind, **options).train(training) for _ in range(2))
    compiled = torch.compile(twin, backend="eager", fullgraph=True)  # traced whole, no compiler
    for ids, mask in ((IDS, MASK), (IDS[:1], [[1.0, 0.0, 0.0]])):
        ids, mask = torch.tensor(ids), torch.tensor(mask)
        assert compiled(ids, mask).equal(model(ids, mask))
    for one in (model, compiled):
        one(torch.tensor(IDS), torch.tensor(MASK)).sum().backward()
    for ours, theirs in zip(twin.parameters(), model.parameters(), strict=True):
        torch.testing.assert_close(ours.grad, theirs.grad)


def test_dropout_works_in_a_compiled_model():
    model = make(ConvClassifier, dropout=0.5)
    compiled = torch.compile(model, backend="eager", fullgraph=True)
    first, again = (compiled(torch.tensor(IDS), torch.tensor(MASK)) for _ in range(2))
    assert not first.equal(again)


def test_a_compiled_classifier_trains_with_the_same_rates(texts):
    model, twin = (make(ClassAttentionModel) for _ in range(2))
    config = ClassifierConfig(batch_size=8, epochs=1, table_rate=0.1, attention_rate=0.2)
    compiled = torch.compile(twin, backend="eager")
    histories = [
        train_classifier(one, texts, texts, config, progress=False) for one in (model, compiled)
    ]
    assert histories[0] == histories[1]


# Own loader


def served(loader):
    """Every text that a loader serves and its label, sorted."""
    found = []
    for batch in loader:
        for ids, mask, label in zip(*batch.values(), strict=True):
            found.append((ids[mask].tolist(), label.item()))
    return sorted(found)


def test_a_loader_serves_every_text_whatever_wraps_the_dataset(texts):
    everything = served(load(texts))
    assert len(everything) == len(texts) == 40
    first, rest = random_split(texts, [15, 25])
    for same in (
        load(texts, shuffle=True),
        load(Subset(texts, range(40)), batch_size=3),
        load(ConcatDataset([first, rest]), batch_size=7),
        load(ConcatDataset([texts[:9], texts[9:]])),
    ):
        assert served(same) == everything


def test_wrapped_datasets_train_and_score_as_the_texts_do(kind, texts):
    first, rest = random_split(texts, [20, 20])
    both = ConcatDataset([first, rest])
    history = train_classifier(make(kind), Subset(texts, range(30)), both, CONFIG, progress=False)
    expected = train_classifier(make(kind), texts[:30], texts, CONFIG, progress=False)
    assert history.train_loss == expected.train_loss
    assert history.valid_loss == pytest.approx(expected.valid_loss)


@pytest.mark.parametrize(
    "indices",
    [slice(0, 3), [0, 1, 2], range(3), np.arange(3), torch.arange(3), slice(-40, -37), [-40, 1, 2]],
)
def test_some_texts_are_a_dataset_again(texts, indices):
    assert [row["label"] for row in texts[2::-1]] == [texts[i]["label"] for i in (2, 1, 0)]
    for few in (texts[indices], texts.select(indices)):
        assert isinstance(few, TextDataset) and len(few) == 3
        assert served(load(few)) == served(load(Subset(texts, range(3))))


@pytest.mark.parametrize("index", [2, np.int64(2), torch.tensor(2), -38])
def test_one_index_gives_one_row(texts, index):
    row = texts[index]
    assert row["input_ids"].equal(texts[2]["input_ids"]) and row["label"] == 2


def test_an_index_beyond_the_texts_is_refused(texts):
    for index in (40, -41, [0, 40]):
        with pytest.raises(IndexError):
            texts[index]
    assert len(texts[[]]) == len(texts[40:]) == 0


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_worker_processes_serve_the_same_texts(texts, method):
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip(f"this system does not {method}")
    loader = load(texts, num_workers=2, multiprocessing_context=method)
    assert served(loader) == served(load(texts))


@pytest.mark.parametrize("bound", [True, False])
def test_each_worker_hides_places_of_its_own(bound):
    if "fork" not in multiprocessing.get_all_start_methods():
        pytest.skip("this system does not fork")
    texts = TextDataset.from_documents([{"input_ids": [1] * 50, "label": 0}] * 8)
    draw = torch.Generator().manual_seed(0) if bound else None
    loader = load(
        texts,
        batch_size=4,
        num_workers=2,
        collate_fn=partial(collate_texts, word_dropout=0.5, generator=draw),
        generator=torch.Generator().manual_seed(1),
        multiprocessing_context="fork",
    )
    first, second = (batch["attention_mask"] for batch in loader)
    assert not first.equal(second)


# Own device


def test_training_and_scores_follow_the_model_to_another_device(kind, texts, monkeypatch):
    batch = collate_texts(planted_rows(3))
    with another_device(monkeypatch) as device:
        model = make(kind).to(device)
        with pytest.raises(RuntimeError, match=r"got tensors on \['cpu', 'meta'\]|device"):
            model(batch["input_ids"], batch["attention_mask"])  # the check sees a forgotten batch
        history = train_classifier(model, texts, texts, CONFIG, progress=False)
        assert history.train_loss == [0.5] * CONFIG.epochs
        assert all(p.grad.device.type == device for p in model.parameters())
        scores = score_texts(model, texts)
    assert scores.confusion.device.type == "cpu" and scores.n_texts == 40


def test_attention_and_predictions_follow_the_model_to_another_device(monkeypatch):
    tokenizer = Vocabulary.from_texts([list("abcdefghi")]).tokenizer()
    with another_device(monkeypatch) as device:
        for options in ({}, {"readout": "class"}, {"readout": "hidden"}):
            model = make(ClassAttentionModel, **options).to(device)
            words, weights, logits = attend(model, tokenizer, "a b i")
            assert words == ["a", "b", "i"]
            assert weights.device.type == logits.device.type == "cpu"
            shares = predict_texts(model, tokenizer, ["a b", "i", ""])
            assert shares.tolist() == [[0.25] * N_CLASSES] * 3
        model = make(ClassAttentionModel).to(device)
        ids = torch.tensor(IDS).to(device)
        for mask in (MASK, torch.tensor(MASK).to(device)):
            split = model.contributions(ids, mask)
            assert split.shape == (2, N_CLASSES, 3) and split.device.type == device
        model.align_values()


def test_tables_and_files_follow_the_model_to_another_device(tmp_path, monkeypatch):
    config = Word2VecConfig(dim=D, radius=2, ratio=5, batch_size=3, epochs=1)
    path = save_model(Word2Vec(V, D), tmp_path, config, vocabulary="words")
    with another_device(monkeypatch) as device:
        model = make(ClassAttentionModel).to(device)
        load_model(path, model, standardise=True)
        assert model.embeddings.weight.device.type == device
        monkeypatch.setattr(torch.Tensor, "__bool__", lambda t: t.is_meta or t.item())
        kept = save_classifier(
            model, tmp_path / "kept.ckpt", vocabulary="words", classes=list("abcd")
        )
        loaded, _ = load_classifier(kept)
        assert all(p.device.type == "cpu" for p in loaded.parameters())


def test_a_step_reads_only_the_loss_off_the_device(kind, texts, monkeypatch):
    reads = []
    with another_device(monkeypatch) as device:
        model, item = make(kind).to(device), torch.Tensor.item
        monkeypatch.setattr(
            torch.Tensor, "item", lambda t: (t.is_meta and reads.append(t.shape), item(t))[1]
        )
        train_classifier(model, texts, texts[:4], CONFIG, progress=False)
    assert len(reads) == CONFIG.epochs * (5 + 1)  # 5 steps, then the accuracy of the epoch


# The caller's threads


def test_an_error_in_training_leaves_the_callers_threads_as_they_were(kind):
    n_threads, model = torch.get_num_threads(), make(kind)
    with torch.no_grad():
        model.embeddings.weight.fill_(float("nan"))
    torch.set_num_threads(3)
    try:
        with pytest.raises(FloatingPointError, match="training loss must be finite"):
            train_classifier(model, planted_rows(9), planted_rows(3), CONFIG, progress=False)
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(n_threads)


@pytest.mark.parametrize(
    ("which", "wrong", "message"),
    [
        (1, None, "train_set must be rows with input_ids and label, got None"),
        (2, None, "valid_set must be rows with input_ids and label, got None"),
        (2, 7, "valid_set must be rows with input_ids and label, got 7"),
        (3, None, "config must be a ClassifierConfig, got None"),
        (3, Word2VecConfig(dim=1, radius=1, ratio=1, batch_size=1, epochs=1), "must be a Class"),
    ],
)
def test_each_wrong_argument_of_a_training_is_one_plain_line(texts, which, wrong, message):
    given = [make(ClassAttentionModel), texts, texts, CONFIG]
    given[which] = wrong
    with pytest.raises(TypeError, match=message):
        train_classifier(*given)


def test_a_frozen_classifier_is_refused(kind, texts):
    model = make(kind).requires_grad_(False)
    with pytest.raises(ValueError, match="must have a parameter to train, got none with requires"):
        train_classifier(model, texts, texts, CONFIG)


def test_a_table_that_the_user_froze_stays_as_it_is(kind, texts):
    model = make(kind)
    model.embeddings.weight.requires_grad_(False)
    table = model.embeddings.weight.clone()
    train_classifier(model, texts, texts, CONFIG)
    assert torch.equal(model.embeddings.weight, table)
    assert not model.embeddings.weight.requires_grad
