"""One run of a study: from settings to an accuracy on held-out texts (Q4.3, Q4.4).

The settings of a run hold everything it depends on, so they can name its result.
"""

import hashlib
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from w2v.checkpoint import checkpoint_name, load_model
from w2v.classify.attention import ClassAttentionModel
from w2v.classify.scoring import score_texts
from w2v.classify.texts import TextDataset
from w2v.classify.training import train_classifier
from w2v.config import ClassifierConfig, Word2VecConfig
from w2v.evaluation import evaluate_word2vec
from w2v.files import CheckpointError
from w2v.pretraining import train_and_save
from w2v.studies import Row, import_extra
from w2v.studies.grid import digest
from w2v.text.corpus import load_documents, load_tokenizer, vocabulary_identity
from w2v.text.labelled import split_labelled
from w2v.text.tokens import tokenize
from w2v.windows import WindowDataset

N_DOCUMENTS_HELD_OUT = 400  # about 30,000 words: to score Word2Vec itself
N_WATCHED = 2000  # validation texts that each epoch is measured on
# The settings of the common score: every embedding table is scored with them, whatever its own.
COMMON = Word2VecConfig(dim=1, radius=5, ratio=5, batch_size=512, epochs=1, noise="unigram^0.75")
PARTS = ("train", "valid", "test")
CONTROLS = ("none", "shuffled rows", "random rows of the same norms")


@dataclass(frozen=True, repr=False)
class Data:
    """Hold all texts of a study, tokenised.

    Args:
        train: labelled texts to train on.
        valid: labelled texts to choose settings by.
        test: labelled texts to measure on.
        texts: for each of the three names the texts themselves, for TF-IDF.
        documents: unlabelled documents for Word2Vec: the texts of `train`, and WikiText-2; each
            with `of_wiki`, which tells where it is from.
        vocabulary: the identity of the tokenizer's vocabulary.
        vocab_size: V.
        n_classes: number of classes.
        split: where the test rows come from.
        digest: of all ids and labels; a run of other texts is another run.

    Source: assignment Q4.3.
    """

    train: TextDataset
    valid: TextDataset
    test: TextDataset
    texts: dict[str, list[str]]
    documents: list[dict]
    vocabulary: str
    vocab_size: int
    n_classes: int
    split: str
    digest: str = ""


@cache
def load_data(source: str) -> Data:
    """Load and tokenise all texts, once in each process.

    Args:
        source: "local", "hub" or "builtin".

    Returns:
        The texts. Word2Vec's documents hold no text of the validation and test rows.

    Source: assignment Q4.3.
    """
    tokenizer = load_tokenizer(source)
    *parts, split = split_labelled("ag_news", source)
    train, valid, test = (TextDataset.from_documents(tokenize(p, tokenizer)) for p in parts)
    wiki = tokenize(load_documents("wikitext-2", source, n_samples=None), tokenizer)
    documents: list[dict] = [
        {"input_ids": train[i]["input_ids"].numpy(), "of_wiki": False} for i in range(len(train))
    ]
    documents += [{"input_ids": ids, "of_wiki": True} for ids in wiki["input_ids"]]
    digested = hashlib.sha256()
    for part in (train, valid, test):
        for numbers in (part.tokens, part.starts, part.ends, part.labels):
            digested.update(numbers.numpy().tobytes())
    for ids in wiki["input_ids"]:
        digested.update(np.asarray([*ids, -1]).tobytes())
    order = np.random.default_rng(0).permutation(len(documents)).tolist()
    return Data(
        train=train,
        valid=valid,
        test=test,
        texts=dict(zip(PARTS, (list(part["text"]) for part in parts), strict=True)),
        documents=[documents[i] for i in order],
        vocabulary=vocabulary_identity(tokenizer),
        vocab_size=len(tokenizer),
        n_classes=parts[0].features["label"].num_classes,
        split=split,
        digest=digested.hexdigest()[:32],
    )


def train_table(directory: str, settings: Row) -> Row:
    """Train Word2Vec, save its checkpoint and score it on held-out documents.

    Args:
        directory: where checkpoints go, each in a folder named by its settings.
        settings: `config` (of `Word2VecConfig`), `share` (of the documents), `source`, and
            `only_wiki` (True: train on WikiText-2 alone).

    Returns:
        `valid_loss` and `valid_auc`, with the table's own radius, ratio and noise; `common_loss`
        and `common_auc`, with settings common to all tables; and `n_words`.

    Source: assignment Q4.4.
    """
    data, config = load_data(settings["source"]), Word2VecConfig(**settings["config"])
    held_out, rest = data.documents[:N_DOCUMENTS_HELD_OUT], data.documents[N_DOCUMENTS_HELD_OUT:]
    if settings.get("only_wiki"):
        rest = [document for document in rest if document["of_wiki"]]
    rest = rest[: round(settings["share"] * len(rest))]
    model, history, _ = train_and_save(
        rest,
        held_out,
        config,
        table_path(directory, settings).parent,
        vocab_size=data.vocab_size,
        vocabulary=data.vocabulary,
        progress=False,
    )
    trained, scored = (
        WindowDataset.from_documents(part, COMMON.radius) for part in (rest, held_out)
    )
    scores = evaluate_word2vec(model, scored, COMMON, counts=trained.counts(data.vocab_size))
    return {
        "valid_loss": history.valid_loss[-1],
        "valid_auc": history.valid_auc[-1],
        "common_loss": scores.loss,
        "common_auc": scores.model.auc,
        "n_words": len(trained.tokens),
    }


def table_path(directory: str, settings: Row) -> Path:
    """Name the checkpoint of an embedding table.

    Args:
        directory: where `train_table` saves its checkpoints.
        settings: of the table, as `train_table` takes them.

    Returns:
        The path, in a folder of its own: file names do not tell two seeds or noises apart.
    """
    name = checkpoint_name(Word2VecConfig(**settings["config"]))
    return Path(directory) / digest(settings) / name


def run_system(directory: str, settings: Row) -> Row:
    """Train one classifier and measure it.

    Args:
        directory: where `train_table` saved its checkpoints.
        settings: `system` ("attention", "mean of vectors" or "TF-IDF"), `n_labels`, `seed`,
            `source` and `part` ("valid" or "test", the rows it is measured on). For the first
            two also `table` (settings of `train_table`, or None for a random one), `read` (options
            of `load_model`) and `control`; for the first also `model` (options of
            `ClassAttentionModel`), `align_values` (True: call it) and `training` (fields of
            `ClassifierConfig`).

    Returns:
        `accuracy`, and for the first system the lists of `ClassifierHistory`.

    Source: assignment Q4.3 and Q4.4.
    """
    data = load_data(settings["source"])
    held_out = getattr(data, settings["part"])
    generator = torch.Generator().manual_seed(settings["seed"])
    chosen = torch.randperm(len(data.train), generator=generator)[: settings["n_labels"]]
    if settings["system"] == "TF-IDF":
        return {"accuracy": _score_tf_idf(data, chosen, settings["part"])}
    classifier = _make_classifier(directory, data, settings)
    if settings["system"] == "mean of vectors":
        table = classifier.embeddings.weight.detach()  # (V, d)
        return {"accuracy": _score_means(table, data, chosen, settings["part"])}
    if settings.get("align_values"):
        classifier.align_values()
    history = train_classifier(
        classifier,
        data.train.select(chosen),
        data.valid.select(torch.arange(min(N_WATCHED, len(data.valid)))),
        ClassifierConfig(**settings["training"], seed=settings["seed"]),
        progress=False,
    )
    return {"accuracy": score_texts(classifier, held_out).accuracy, **vars(history)}


def control_table(table: Tensor, control: str, generator: torch.Generator) -> Tensor:
    """Destroy what pretraining put into an embedding table, and keep its other properties.

    Args:
        table: vectors, shape (V, d), float32.
        control: "none"; "shuffled rows", which gives each word the vector of another; or
            "random rows of the same norms", which keeps only the length of each vector.
        generator: draws the order or the directions.

    Returns:
        The table, shape (V, d), float32.

    Source: assignment Q4.3.
    """
    if control == CONTROLS[1]:
        return table[torch.randperm(len(table), generator=generator)]  # (V, d)
    if control == CONTROLS[2]:
        directions = torch.randn(table.shape, generator=generator)  # (V, d)
        return torch.nn.functional.normalize(directions) * table.norm(dim=1, keepdim=True)
    return table


def mean_vectors(table: Tensor, texts: TextDataset) -> Tensor:
    """Average the vectors of each text.

    Args:
        table: vectors, shape (V, d), float32.
        texts: n texts.

    Returns:
        Means, shape (n, d), float32; zero for a text without a token.
    """
    means = torch.zeros(len(texts), table.shape[1])  # (n, d)
    for i in range(len(texts)):
        ids = texts[i]["input_ids"].long()  # (length,)
        if len(ids):
            means[i] = table[ids].mean(dim=0)  # (d,)
    return means


def _make_classifier(directory: str, data: Data, settings: Row) -> ClassAttentionModel:
    """Make a classifier with the embedding table that the settings name."""
    table = settings["table"]
    dim = table["config"]["dim"] if table else settings["dim"]
    generator = torch.Generator().manual_seed(settings["seed"])
    options = settings.get("model", {})
    classifier = ClassAttentionModel(
        data.vocab_size, dim, data.n_classes, generator=generator, **options
    )
    if table:
        path = table_path(directory, table)
        trained_with = load_model(path, classifier, vocabulary=data.vocabulary, **settings["read"])
        if trained_with != asdict(Word2VecConfig(**table["config"])):
            raise CheckpointError(
                f"{str(path)!r} must hold a table of the settings that name its folder, got "
                f"{trained_with!r}; remove it"
            )
    weight = classifier.embeddings.weight
    with torch.no_grad():
        weight.copy_(control_table(weight.clone(), settings.get("control", "none"), generator))
    return classifier


def _score_means(table: Tensor, data: Data, chosen: Tensor, part: str) -> float:
    """Score logistic regression on the mean vectors of the texts."""
    train_set = data.train.select(chosen)
    parts = (train_set, data.valid, getattr(data, part))
    return _score_regression(
        *[(mean_vectors(table, texts).numpy(), texts.labels.numpy()) for texts in parts]
    )


def _score_tf_idf(data: Data, chosen: Tensor, part: str) -> float:
    """Score logistic regression on weighted word counts, a baseline without vectors."""
    vectorizer = import_extra("sklearn.feature_extraction.text").TfidfVectorizer(sublinear_tf=True)
    counts = vectorizer.fit_transform([data.texts["train"][i] for i in chosen.tolist()])
    valid, held_out = (
        (vectorizer.transform(data.texts[name]), getattr(data, name).labels.numpy())
        for name in ("valid", part)
    )
    return _score_regression((counts, data.train.labels[chosen].numpy()), valid, held_out)


def _score_regression(train: tuple, valid: tuple, held_out: tuple) -> float:
    """Score the classifier of both baselines; validation texts choose its regularisation."""
    regression = import_extra("sklearn.linear_model").LogisticRegression
    models = [regression(C=c, max_iter=1000).fit(*train) for c in (1, 10, 100)]
    best = max(models, key=lambda model: model.score(*valid))
    return float(best.score(*held_out))
