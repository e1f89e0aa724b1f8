"""The helpers on a GPU: what is exact on the CPU comes out alike there, and training learns."""

from dataclasses import replace
from functools import partial

import pytest
import torch
from torch.utils.data import DataLoader

from w2v.batches import NoiseDistribution, collate_fn
from w2v.checkpoint import load_model, load_word2vec, save_model
from w2v.classify.attention import ClassAttentionModel, attend
from w2v.classify.convolution import ConvClassifier
from w2v.classify.scoring import load_classifier, predict_texts, save_classifier, score_texts
from w2v.classify.texts import TextDataset
from w2v.classify.training import train_classifier
from w2v.config import ClassifierConfig, Word2VecConfig
from w2v.engines.blocks import BlocksEngine
from w2v.evaluation import evaluate_word2vec
from w2v.model import Word2Vec, sgns_loss
from w2v.text.vocabulary import Vocabulary
from w2v.training import epoch_generator, train_word2vec
from w2v.windows import WindowDataset

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no GPU")

V, D, R, K, N_CLASSES = 300, 16, 2, 3, 4
CONFIG = Word2VecConfig(
    dim=D, radius=R, ratio=K, batch_size=256, epochs=2, noise="unigram^0.75", decay=True
)
SYSTEMS = {
    "loader": CONFIG,
    "blocks": replace(CONFIG, engine="blocks", shared_negatives=True),
    "blocks, own negatives": replace(CONFIG, engine="blocks"),
}
KINDS = [ClassAttentionModel, ConvClassifier]


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def sets():
    """Two topics of 150 words each, in documents of one topic; a training and a held-out part."""
    draw = seeded(1)
    documents = [150 * (i % 2) + torch.randint(150, (20,), generator=draw) for i in range(2000)]
    return [WindowDataset.from_documents(part, R) for part in (documents[:1900], documents[1900:])]


def trained(config, sets, device):
    model = Word2Vec(V, D, generator=seeded()).to(device)
    return model, train_word2vec(model, *sets, config, progress=False)


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_training_ends_at_the_loss_that_it_has_on_the_cpu(sets, system):
    losses = {}
    for device in ("cpu", "cuda"):
        model, history = trained(SYSTEMS[system], sets, device)
        assert all(table.device.type == device for table in model.parameters())
        losses[device] = history.train_loss + history.valid_loss
    assert losses["cuda"] == pytest.approx(losses["cpu"], rel=0.02)
    assert losses["cuda"][-1] < 0.5  # frequency alone gives 0.56


def test_the_loader_draws_the_same_batches_for_both_devices(sets):
    tables = [trained(replace(CONFIG, epochs=1), sets, device)[0] for device in ("cpu", "cuda")]
    for ours, theirs in zip(*(model.cpu().parameters() for model in tables), strict=True):
        # Other negatives would change the tables by about their own size.
        assert (ours - theirs).norm() < 0.02 * theirs.norm()


@pytest.mark.parametrize("shared", [True, False])
def test_blocks_visit_every_window_on_the_gpu(sets, shared):
    config, reports = replace(CONFIG, engine="blocks", shared_negatives=shared), []
    model = Word2Vec(V, D, generator=seeded()).to("cuda")
    noise = NoiseDistribution.from_name(config.noise, sets[0].counts(V))
    engine = BlocksEngine(model, config, noise)
    engine.train_epoch(sets[0], 1, seeded(), lambda *report: reports.append(report))
    assert sum(n_words for n_words, _ in reports) == len(sets[0])
    assert len({loss for _, loss in reports}) == len(reports)  # every step draws anew


def test_a_recorded_step_is_the_step_that_it_records(sets, monkeypatch):
    losses = []
    for record in (True, False):
        if not record:
            monkeypatch.setattr("w2v.engines.blocks._recorded", lambda take_step, draw: take_step)
        losses.append(trained(SYSTEMS["blocks"], sets, "cuda")[1].train_loss)
    assert losses[0] == pytest.approx(losses[1], rel=1e-3)  # TF32 or not; any order of sums


def test_a_step_leaves_the_precision_of_products_as_it_was(sets):
    a = torch.randn(256, 256, device="cuda")
    before = a @ a
    trained(SYSTEMS["blocks"], sets, "cuda")
    assert (a @ a).equal(before)


def test_scores_are_those_of_the_cpu(sets):
    model = Word2Vec(V, D, generator=seeded())
    torch.nn.init.normal_(model.context_embeddings.weight, generator=seeded(2))
    counts = sets[0].counts(V)
    expected = evaluate_word2vec(model, sets[1], CONFIG, counts=counts)
    scores = evaluate_word2vec(model.to("cuda"), sets[1], CONFIG, counts=counts)
    assert scores.loss == pytest.approx(expected.loss, rel=1e-5)
    assert scores.model.auc == pytest.approx(expected.model.auc, abs=1e-4)
    assert scores.frequency == expected.frequency


@pytest.mark.filterwarnings("ignore")  # the compiler's own
@pytest.mark.parametrize("backend", ["inductor", None])
def test_an_own_loop_learns_with_adam_and_a_compiled_model(sets, backend):
    model = Word2Vec(V, D, generator=seeded()).to("cuda")
    ours = torch.compile(model, backend=backend) if backend else model
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    collate = partial(collate_fn, K=K, vocab_size=V, generator=seeded(1))
    loader = DataLoader(sets[0], batch_size=512, shuffle=True, collate_fn=collate, drop_last=True)
    for batch in loader:
        batch = {name: ids.to("cuda") for name, ids in batch.items()}
        positive_logits = ours(batch["word_id"], batch["positive_context_ids"])
        negative_logits = ours(batch["word_id"], batch["negative_context_ids"])
        loss = sgns_loss(positive_logits, negative_logits)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.5


def test_a_checkpoint_goes_between_devices(sets, tmp_path):
    model, _ = trained(CONFIG, sets, "cuda")
    path = save_model(model, tmp_path, CONFIG, vocabulary="words")
    loaded, *_ = load_word2vec(path)
    assert loaded.center_embeddings.weight.equal(model.center_embeddings.weight.cpu())
    classifier = ClassAttentionModel(V, D, N_CLASSES).to("cuda")
    load_model(path, classifier)
    assert classifier.embeddings.weight.equal(model.center_embeddings.weight)


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_training_cut_off_goes_on_on_the_gpu(sets, system, tmp_path, monkeypatch):
    config = SYSTEMS[system]
    _, whole = trained(config, sets, "cuda")

    def stop(seed, epoch):
        if epoch == 2:
            raise KeyboardInterrupt
        return epoch_generator(seed, epoch)

    for cut in (True, False):
        model = Word2Vec(V, D, generator=seeded()).to("cuda")
        with monkeypatch.context() as patch:
            if cut:
                patch.setattr("w2v.training.epoch_generator", stop)
                with pytest.raises(KeyboardInterrupt):
                    train_word2vec(model, *sets, config, directory=tmp_path, progress=False)
            else:
                history = train_word2vec(model, *sets, config, directory=tmp_path, progress=False)
    assert history.valid_loss == pytest.approx(whole.valid_loss, rel=0.01)


# The classifiers


@pytest.fixture
def texts():
    """Texts of five noise words, each with one word (0 ... 3) that gives its class away."""
    noise = torch.randint(N_CLASSES, 10, (200, 5), generator=seeded(1)).tolist()
    return TextDataset.from_documents(
        [
            {"input_ids": [*row, i % N_CLASSES], "label": i % N_CLASSES}
            for i, row in enumerate(noise)
        ]
    )


@pytest.mark.parametrize("kind", KINDS)
def test_a_classifier_trains_scores_and_is_kept_on_the_gpu(kind, texts, tmp_path):
    config = ClassifierConfig(batch_size=8, epochs=6, learning_rate=1e-2)
    model = kind(10, D, N_CLASSES, generator=seeded()).to("cuda")
    history = train_classifier(model, texts, texts, config, progress=False)
    assert all(p.device.type == "cuda" for p in model.parameters())
    assert history.train_loss[-1] < history.train_loss[0] / 2
    scores = score_texts(model, texts)
    assert scores.accuracy > 0.95
    if kind is ClassAttentionModel:
        path = tmp_path / "it.ckpt"
        save_classifier(model, path, vocabulary="words", classes=list("abcd"))
        on_cpu, _ = load_classifier(path)
        assert score_texts(on_cpu, texts).confusion.equal(scores.confusion)


@pytest.mark.parametrize("kind", KINDS)
def test_a_text_is_read_alike_on_both_devices(kind):
    tokenizer = Vocabulary.from_texts([list("abcdefghi")]).tokenizer()
    model = kind(11, D, N_CLASSES, generator=seeded()).eval()
    expected = predict_texts(model, tokenizer, ["a b", "i", ""])
    looked = attend(model, tokenizer, "a b i") if kind is ClassAttentionModel else None
    model.to("cuda")
    torch.testing.assert_close(
        predict_texts(model, tokenizer, ["a b", "i", ""]), expected, rtol=1e-4, atol=1e-5
    )
    if looked:
        words, *tensors = attend(model, tokenizer, "a b i")
        assert words == looked[0]
        for ours, theirs in zip(tensors, looked[1:], strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)
