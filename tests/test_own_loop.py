"""The helpers in a loop, a loader and on a device of the user's own, as any PyTorch user writes."""

import copy
import io
import multiprocessing
from functools import partial

import numpy as np
import pytest
import torch
from datasets import Dataset as Table
from devices import another_device
from golden import PAD, D, K, R, V
from torch.utils.data import ConcatDataset, DataLoader, Subset, SubsetRandomSampler, random_split

from w2v import (
    NoiseDistribution,
    WindowDataset,
    Word2Vec,
    Word2VecConfig,
    WordVectors,
    collate_fn,
    evaluate_word2vec,
    extract_words_contexts,
    flatten_dataset_to_list,
    load_word2vec,
    save_model,
    sgns_loss,
    train_word2vec,
)
from w2v.batches import make_loader
from w2v.engines import make_engine
from w2v.training import batch_loss, make_optimizers, train_epoch

OPTIMISERS = {
    "Adam": partial(torch.optim.Adam, lr=0.05),
    "AdamW": partial(torch.optim.AdamW, lr=0.05, weight_decay=0.01),
    "SGD with momentum": partial(torch.optim.SGD, lr=2.0, momentum=0.9),
    "SGD with weight decay": partial(torch.optim.SGD, lr=10.0, weight_decay=1e-4),
    "RMSprop": partial(torch.optim.RMSprop, lr=0.01),
    "Adagrad": partial(torch.optim.Adagrad, lr=0.2),
}


@pytest.fixture
def train_set():
    topics = [[1, 2, 3, 4, 5], [6, 7, 8, 9, 10]]
    draw = torch.Generator().manual_seed(0)
    picks = torch.randint(5, (40, 12), generator=draw).tolist()
    return WindowDataset.from_documents(
        [[topics[i % 2][p] for p in row] for i, row in enumerate(picks)], R
    )


def loop(model, train_set, make_optimiser, n_epochs=6, clip=None):
    """The loop that a student writes; gives the mean loss of the first and the last epoch."""
    optimizer = make_optimiser(model.parameters())
    draw = torch.Generator().manual_seed(1)
    collate = partial(collate_fn, K=K, vocab_size=V, generator=draw)
    loader = DataLoader(train_set, batch_size=16, shuffle=True, collate_fn=collate, generator=draw)
    means = []
    for _ in range(n_epochs):
        losses = []
        for batch in loader:
            positive_logits = model(batch["word_id"], batch["positive_context_ids"])
            negative_logits = model(batch["word_id"], batch["negative_context_ids"])
            loss = sgns_loss(positive_logits, negative_logits)
            optimizer.zero_grad()
            loss.backward()
            if clip:
                torch.nn.utils.clip_grad_norm_(model.parameters(), clip)
            optimizer.step()
            losses.append(loss.item())
        means.append(sum(losses) / len(losses))
    return means[0], means[-1]


def fresh_model():
    return Word2Vec(V, D, generator=torch.Generator().manual_seed(0))


# Own loop


@pytest.mark.parametrize("name", OPTIMISERS)
def test_the_model_learns_under_any_optimiser(train_set, name):
    # Frequency alone gives 0.436 here, and nothing ln 2 = 0.693.
    first, last = loop(fresh_model(), train_set, OPTIMISERS[name])
    assert last < first and last < 0.43, name


def test_gradients_can_be_clipped(train_set):
    _, last = loop(fresh_model(), train_set, OPTIMISERS["Adam"], clip=0.1)
    assert last < 0.43


def test_a_sparse_table_is_a_choice_of_the_user(train_set):
    model = fresh_model()
    model.center_embeddings.sparse = model.context_embeddings.sparse = True
    _, last = loop(model, train_set, lambda tables: torch.optim.SparseAdam(list(tables), lr=0.05))
    assert last < 0.43


def test_the_model_trains_in_float64(train_set):
    model = fresh_model().double()
    _, last = loop(model, train_set, OPTIMISERS["Adam"])
    assert last < 0.43
    assert model.center_embeddings.weight.dtype == torch.float64


def test_a_model_can_be_copied_saved_and_loaded_as_any_module(train_set):
    model = fresh_model()
    loop(model, train_set, OPTIMISERS["Adam"], n_epochs=1)
    twin, other = copy.deepcopy(model), Word2Vec(V, D)
    file = io.BytesIO()
    torch.save(model.state_dict(), file)
    file.seek(0)
    other.load_state_dict(torch.load(file, weights_only=True))
    words, contexts = torch.tensor([1, 2]), torch.tensor([[3, 4], [5, 6]])
    for same in (twin, other):
        assert same(words, contexts).equal(model(words, contexts))
    loop(model, train_set, OPTIMISERS["Adam"], n_epochs=1)
    assert not twin(words, contexts).equal(model(words, contexts))


def test_a_compiled_model_gives_the_same_logits_and_gradients():
    words, contexts = torch.tensor([1, 2]), torch.tensor([[3, 4], [5, 6]])
    model, twin = fresh_model(), fresh_model()
    with torch.no_grad():
        for one in (model, twin):
            one.context_embeddings.weight.fill_(0.5)
    compiled = torch.compile(twin, backend="eager", fullgraph=True)  # traced whole, no compiler
    for one in (model, compiled):
        sgns_loss(one(words, contexts[:, :1]), one(words, contexts[:, 1:])).backward()
    assert compiled(words, contexts).equal(model(words, contexts))
    for ours, theirs in zip(twin.parameters(), model.parameters(), strict=True):
        torch.testing.assert_close(ours.grad, theirs.grad)


def test_a_padded_border_is_left_out_of_an_own_loop():
    dataset = WindowDataset.from_documents([[1, 2, 3]], R, "pad", PAD)
    collate = partial(collate_fn, K=K, vocab_size=V, pad_id=PAD)
    (batch,) = DataLoader(dataset, batch_size=9, collate_fn=collate)
    assert batch["positive_mask"].tolist()[0] == [False, False, True, True]


# Own loader


def served(loader):
    """Every pair (w, C+) that a loader serves, sorted."""
    pairs = []
    for words, contexts in loader:
        assert words.dtype == contexts.dtype == torch.int64
        assert contexts.shape == (len(words), 2 * R)
        pairs += zip(words.tolist(), map(tuple, contexts.tolist()), strict=True)
    return sorted(pairs)


def test_a_bare_loader_serves_tensors_whatever_wraps_the_dataset(train_set):
    everything = served(DataLoader(train_set, batch_size=3))
    assert len(everything) == len(train_set)
    first, rest = random_split(train_set, [30, len(train_set) - 30])
    for same in (
        DataLoader(train_set, batch_size=7, shuffle=True),
        DataLoader(Subset(train_set, range(len(train_set))), batch_size=3),
        DataLoader(ConcatDataset([first, rest]), batch_size=5),
        DataLoader(train_set, batch_size=4, sampler=SubsetRandomSampler(range(len(train_set)))),
    ):
        assert served(same) == everything


def test_indices_may_be_slices_lists_and_numbers_of_any_library(train_set):
    words, contexts = train_set[:4]
    assert words.shape == (4,) and contexts.shape == (4, 2 * R)
    for indices in ([0, 1, 2, 3], torch.arange(4), np.arange(4)):
        assert train_set[indices][1].equal(contexts)
    for index in (2, np.int64(2), torch.tensor(2)):
        word, context = train_set[index]
        assert (word, context.tolist()) == (words[2], contexts[2].tolist())
    assert train_set[-4:][0].tolist() == [train_set[i][0].item() for i in range(-4, 0)]


@pytest.mark.parametrize(("method", "bound"), [("fork", True), ("fork", False), ("spawn", False)])
def test_each_worker_draws_negatives_of_its_own(method, bound):
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip(f"this system does not {method}")
    dataset = WindowDataset.from_documents([[3] * 60], R)
    # torch itself cannot send a generator to a spawned process
    draw = torch.Generator().manual_seed(0) if bound else None
    loader = DataLoader(
        dataset,
        batch_size=8,
        num_workers=2,
        collate_fn=partial(collate_fn, K=K, vocab_size=1000, generator=draw),
        generator=torch.Generator().manual_seed(1),
        multiprocessing_context=method,
    )
    passes = [[batch["negative_context_ids"] for batch in loader] for _ in range(2)]
    (first, second, *_), (again, *_) = passes
    assert not first.equal(second)  # of the two workers
    assert not first.equal(again)  # of the two passes


@pytest.mark.parametrize("kind", [None, "torch", "numpy"])
def test_rows_of_a_hugging_face_dataset_come_in_any_format(kind):
    table = Table.from_dict({"input_ids": [[1, 2, 3, 4, 5, 6]] * 2}).with_format(kind)
    expected = flatten_dataset_to_list([{"input_ids": [1, 2, 3, 4, 5, 6]}] * 2, R)
    assert flatten_dataset_to_list(table, R) == expected
    dataset = WindowDataset.from_documents(table, R)
    assert (dataset[:][0].tolist(), dataset[:][1].tolist()) == expected


@pytest.mark.parametrize(
    "documents",
    [[[1, 2, 3, 4, 5, 6]], np.array([[1, 2, 3, 4, 5, 6]]), torch.tensor([[1, 2, 3, 4, 5, 6]])],
)
def test_ids_alone_are_documents_too(documents):
    expected = extract_words_contexts([1, 2, 3, 4, 5, 6], R)
    assert flatten_dataset_to_list(documents, R) == expected
    assert len(WindowDataset.from_documents(documents, R)) == len(expected[0])


@pytest.mark.parametrize("ids", [[1.0, 2.0, 3.0], ["a", "b"], [[1, 2]], "text"])
def test_ids_that_are_not_integers_are_refused(ids):
    with pytest.raises(TypeError, match="ids must be a flat list of integers, got"):
        extract_words_contexts(ids, 1)
    with pytest.raises(TypeError, match="input_ids must be a flat list of integers, got"):
        WindowDataset.from_documents([{"input_ids": ids}], 1)


def test_rows_without_ids_are_refused():
    with pytest.raises(ValueError, match=r"dataset must hold rows with input_ids, got \['text'\]"):
        flatten_dataset_to_list([{"text": "a b c"}], R)


def test_a_batch_of_floats_or_of_nothing_is_refused():
    with pytest.raises(TypeError, match="batch must hold integer ids, got torch.float64"):
        collate_fn([(1.0, [2.0, 3.0])], K, V)
    with pytest.raises(ValueError, match=r"batch must hold a pair \(w, C\+\), got none"):
        collate_fn([], K, V)


# Own device


def test_batches_follow_the_model_to_another_device(train_set, config, monkeypatch):
    batches = list(make_loader(train_set, config, V, generator=torch.Generator().manual_seed(0)))
    with another_device(monkeypatch) as device:
        model = fresh_model().to(device)
        with pytest.raises(RuntimeError, match=r"got tensors on \['cpu', 'meta'\]"):
            batch_loss(model, batches[0])  # the check sees a batch that was left behind
        assert train_epoch(model, batches, make_optimizers(model, config)) == 0.5
        assert model.center_embeddings.weight.grad.device.type == device


def test_evaluation_follows_the_model_to_another_device(train_set, config, monkeypatch):
    counts = train_set.counts(V)
    with another_device(monkeypatch) as device:
        scores = evaluate_word2vec(fresh_model().to(device), train_set, config, counts=counts)
    assert scores.n_pairs == len(train_set) * 2 * R * (K + 1)


def test_sizes_may_be_integers_of_numpy_and_torch():
    for n in (np.int64(3), torch.tensor(3), np.uint8(3)):
        assert Word2Vec(n, n).center_embeddings.weight.shape == (3, 3)
        assert collate_fn([(0, [1, 2])], n, n)["negative_context_ids"].shape == (1, 6)
    assert extract_words_contexts(range(9), np.int64(2)) == extract_words_contexts(range(9), 2)


@pytest.mark.parametrize("kind", [list, np.array, torch.tensor])
def test_a_rows_own_attention_mask_is_honoured(kind):
    row = {"input_ids": [5, 6, 7, 5, 6, 0, 0], "attention_mask": kind([1, 1, 1, 1, 1, 0, 0])}
    words, contexts = flatten_dataset_to_list([row], R)
    assert (words, contexts) == ([7], [[5, 6, 5, 6]])
    assert len(WindowDataset.from_documents([row], R)) == 1
    with pytest.raises(ValueError, match=r"attention_mask must have the shape of input_ids \(7,\)"):
        flatten_dataset_to_list([{**row, "attention_mask": [1]}], R)


def test_padded_windows_keep_their_mask_when_they_are_joined(config):
    padded = WindowDataset.from_documents([[1, 2, 3]], R, "pad", PAD)
    joined = ConcatDataset([padded, Subset(padded, [0])])
    (batch, *_) = make_loader(joined, config, V, generator=torch.Generator(), shuffle=False)
    assert batch["positive_mask"].tolist()[0] == [False, False, True, True]


@pytest.mark.parametrize("engine", ["loader", "blocks", "hogwild"])
def test_a_frozen_model_is_refused_and_stays_as_it_is(train_set, engine):
    config = Word2VecConfig(dim=D, radius=R, ratio=K, batch_size=16, epochs=1, engine=engine)
    model = Word2Vec(V, D).requires_grad_(False)
    before = copy.deepcopy(model.state_dict())
    with pytest.raises(ValueError, match="tables to train, got requires_grad=False for"):
        train_word2vec(model, train_set, train_set, config)
    assert all(before[name].equal(table) for name, table in model.state_dict().items())


def test_the_loader_trains_one_table_and_leaves_a_frozen_one(train_set):
    config = Word2VecConfig(dim=D, radius=R, ratio=K, batch_size=16, epochs=1)
    model = Word2Vec(V, D)
    model.center_embeddings.requires_grad_(False)
    before = copy.deepcopy(model.state_dict())
    train_word2vec(model, train_set, train_set, config)
    assert model.center_embeddings.weight.equal(before["center_embeddings.weight"])
    assert not model.context_embeddings.weight.equal(before["context_embeddings.weight"])


class OwnWord2Vec(torch.nn.Module):
    """The model as a student writes it, with the two tables under the names of `Word2Vec`."""

    def __init__(self):
        super().__init__()
        self.center_embeddings = torch.nn.Embedding(V, D)
        self.context_embeddings = torch.nn.Embedding(V, D)

    def forward(self, word_id, context_ids):
        words = self.center_embeddings(word_id).unsqueeze(2)  # (B, D, 1)
        return torch.bmm(self.context_embeddings(context_ids), words).squeeze(2)  # (B, C)


@pytest.mark.parametrize("engine", ["loader", "hogwild"])
def test_a_model_of_the_students_own_is_trained_scored_saved_and_read(train_set, tmp_path, engine):
    config = Word2VecConfig(dim=D, radius=R, ratio=K, batch_size=16, epochs=2, engine=engine)
    model, counts = OwnWord2Vec(), train_set.counts(V)
    before = evaluate_word2vec(model, train_set, config, counts=counts)
    train_word2vec(model, train_set, train_set, config)
    after = evaluate_word2vec(model, train_set, config, counts=counts)
    assert after.loss < before.loss
    path = save_model(model, tmp_path, config, vocabulary="v", counts=counts)
    again, _ = load_word2vec(path)
    assert again.center_embeddings.weight.equal(model.center_embeddings.weight)
    vectors = WordVectors.from_model(model, [str(i) for i in range(V)], counts=counts)
    assert len(vectors) == (counts > 0).sum()


class SignedWord2Vec(Word2Vec):
    """A model with a forward of its own, which the compiled engine would not call."""

    def forward(self, word_id, context_ids):
        return -super().forward(word_id, context_ids)


def test_a_forward_of_ones_own_is_trained_by_the_loader_alone(train_set):
    config = dict(dim=D, radius=R, ratio=K, batch_size=16, epochs=1)
    train_word2vec(SignedWord2Vec(V, D), train_set, train_set, Word2VecConfig(**config))
    for engine in ("hogwild", "blocks"):
        with pytest.raises(ValueError, match="model must have the forward of Word2Vec"):
            how = Word2VecConfig(**config, engine=engine)
            train_word2vec(SignedWord2Vec(V, D), train_set, train_set, how)


def test_a_training_leaves_no_gradient(train_set):
    model = Word2Vec(V, D)
    config = Word2VecConfig(dim=D, radius=R, ratio=K, batch_size=16, epochs=1)
    train_word2vec(model, train_set, train_set, config)
    assert all(table.grad is None for table in model.parameters())


def test_a_training_learns_where_gradients_are_switched_off(train_set):
    config = Word2VecConfig(dim=D, radius=R, ratio=K, batch_size=16, epochs=1)
    models = [Word2Vec(V, D, generator=torch.Generator().manual_seed(0)) for _ in "ab"]
    train_word2vec(models[0], train_set, train_set, config)
    with torch.no_grad():
        train_word2vec(models[1], train_set, train_set, config)
    for table, other in zip(*(model.parameters() for model in models), strict=True):
        assert torch.equal(table, other) and table.any()


@pytest.mark.parametrize("engine", ["loader", "hogwild", "blocks"])
def test_half_precision_and_one_table_for_both_are_refused(train_set, engine):
    config = Word2VecConfig(dim=D, radius=R, ratio=K, batch_size=16, epochs=1, engine=engine)
    with pytest.raises(TypeError, match=r"model must be float32, got .*16; call model.float\(\)"):
        train_word2vec(Word2Vec(V, D).half(), train_set, train_set, config)
    model = Word2Vec(V, D)
    model.context_embeddings.weight = model.center_embeddings.weight
    with pytest.raises(ValueError, match="model must have two tables, got one that is both"):
        train_word2vec(model, train_set, train_set, config)


@pytest.mark.parametrize("index", [[True, False], torch.tensor([True, False]), [0.5, 1.5]])
def test_a_mask_or_a_fraction_is_no_index_of_windows(train_set, index):
    with pytest.raises(TypeError, match="indices must be a flat list of integers"):
        train_set[index]


@pytest.mark.parametrize("mask", [[2, 1, 1, 1, 1], [0.5] * 5, [0, 0, 0, -1e9, -1e9]])
def test_a_mask_of_other_numbers_is_refused(mask):
    row = {"input_ids": [1, 2, 3, 4, 5], "attention_mask": mask}
    with pytest.raises(ValueError, match="attention_mask must be 1 for a token"):
        WindowDataset.from_documents([row], 1)


def test_the_table_of_a_layer_becomes_vectors():
    weight = torch.nn.Embedding(2, 3).weight
    for table in (weight, weight.bfloat16()):
        assert WordVectors(["a", "b"], table).vectors.shape == (2, 3)


@pytest.mark.parametrize("shape", [(V, D - 1), (V + 5, D)])
def test_two_tables_of_other_shapes_are_refused(train_set, shape):
    model = Word2Vec(V, D)
    model.context_embeddings = torch.nn.Embedding(*shape)
    for engine in ("loader", "hogwild", "blocks"):
        config = Word2VecConfig(dim=D, radius=R, ratio=K, batch_size=16, epochs=1, engine=engine)
        with pytest.raises(ValueError, match="model must have two tables of one shape"):
            train_word2vec(model, train_set, train_set, config)


def test_noise_of_another_vocabulary_is_refused():
    config = Word2VecConfig(dim=D, radius=R, ratio=K, batch_size=16, epochs=1, engine="hogwild")
    with pytest.raises(ValueError, match=f"noise must be of {V} ids, got {V + 1}"):
        make_engine(Word2Vec(V, D), config, NoiseDistribution(torch.ones(V + 1)))


def test_offsets_that_changed_since_are_refused(train_set):
    config = Word2VecConfig(dim=D, radius=R, ratio=K, batch_size=16, epochs=1, engine="hogwild")
    train_set.offsets[-1] = 10**10
    with pytest.raises(ValueError, match="offsets must"):
        train_word2vec(Word2Vec(V, D), train_set, train_set, config)


def test_a_model_that_could_not_be_saved_is_refused_before_the_first_step(train_set, tmp_path):
    config = Word2VecConfig(dim=D, radius=R, ratio=K, batch_size=16, epochs=1)
    with pytest.raises(TypeError, match="model must be float32 to be kept in a directory"):
        train_word2vec(Word2Vec(V, D).double(), train_set, train_set, config, directory=tmp_path)
    assert not list(tmp_path.iterdir())
