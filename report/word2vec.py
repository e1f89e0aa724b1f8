"""Train Word2Vec as the first notebook does, and store what the report says of it.

`python -m report.word2vec` writes results/word2vec.json: the loss of each epoch, the scores on the
test documents with their baselines, nearest words before and after, a map of words, the loss with
other batch sizes, and how much of the paragraphs 256 ids hold.
"""

import tempfile
from dataclasses import asdict, replace
from pathlib import Path

import torch

import w2v
from w2v.files import write_json
from w2v.studies.grid import PACKAGES, processor, versions

CONFIG = w2v.Word2VecConfig(dim=128, radius=5, ratio=5, batch_size=512, epochs=3, seed=0)
BIGGER = replace(CONFIG, epochs=10, engine="hogwild", shared_negatives=True, decay=True)
N_DOCUMENTS = 4000
MAX_LENGTH = 256
OTHER_BATCH_SIZES = (256, 1024)
MIN_COUNT = 20  # rarer words are no neighbours
WORDS = ("three", "river", "army", "album")
THEMES = {
    "numbers": "two three four five six seven eight",
    "months": "january march april june july october december",
    "music": "album song songs music band guitar",
    "war": "army troops war battle soldiers navy",
    "places": "river lake north south coast island",
}
RESULTS = Path(__file__).parent / "results/word2vec.json"


def measure() -> dict:
    """Train twice, score both models on the test documents, and list neighbours."""
    source = w2v.resolve_source()
    tokenizer = w2v.load_tokenizer(source)
    documents = w2v.load_documents("wikitext-2", source, n_samples=N_DOCUMENTS, seed=CONFIG.seed)
    train_documents, valid_documents = w2v.preprocess(
        documents, tokenizer, max_length=MAX_LENGTH, valid_fraction=0.2, seed=CONFIG.seed
    )
    test_documents = w2v.load_documents("wikitext-2", source, n_samples=None, split="test")
    train_set, valid_set, test_set = (
        w2v.WindowDataset.from_documents(part, CONFIG.radius)
        for part in (train_documents, valid_documents, w2v.tokenize(test_documents, tokenizer))
    )
    vocab_size = len(tokenizer)
    generator = torch.Generator().manual_seed(CONFIG.seed)
    model = w2v.Word2Vec(vocab_size, CONFIG.dim, generator=generator)
    history = w2v.train_word2vec(model, train_set, valid_set, CONFIG)
    batches = [{"batch_size": CONFIG.batch_size, "valid_loss": history.valid_loss[-1]}]
    for batch_size in OTHER_BATCH_SIZES:
        generator = torch.Generator().manual_seed(CONFIG.seed)
        other = w2v.Word2Vec(vocab_size, CONFIG.dim, generator=generator)
        settings = replace(CONFIG, batch_size=batch_size)
        losses = w2v.train_word2vec(other, train_set, valid_set, settings).valid_loss
        batches.append({"batch_size": batch_size, "valid_loss": losses[-1]})
    with tempfile.TemporaryDirectory() as directory:
        path, longer = w2v.pretrain(BIGGER, directory, source=source)
        bigger, _ = w2v.load_word2vec(path)

    counts = train_set.counts(vocab_size)
    frequent = replace(CONFIG, noise="unigram^0.75")
    names = tokenizer.convert_ids_to_tokens(list(range(vocab_size)))
    vectors, of_bigger = (
        w2v.WordVectors.from_model(found, names, counts=counts, min_count=MIN_COUNT)
        for found in (model, bigger)
    )
    return {
        "config": asdict(CONFIG),
        "documents": N_DOCUMENTS,
        "train_windows": len(train_set),
        "history": {name: getattr(history, name) for name in ("train_loss", "valid_loss")},
        "scores": asdict(w2v.evaluate_word2vec(model, test_set, CONFIG, counts=counts)),
        "frequent_scores": asdict(w2v.evaluate_word2vec(model, test_set, frequent, counts=counts)),
        "neighbours": neighbours(vectors),
        "batch_sizes": sorted(batches, key=lambda row: row["batch_size"]),
        "lengths": lengths(w2v.tokenize(documents, tokenizer, max_length=2**31 - 1)),
        "bigger": {
            "config": asdict(BIGGER),
            "valid_loss": longer.valid_loss,
            "scores": asdict(w2v.evaluate_word2vec(bigger, test_set, BIGGER, counts=counts)),
            "frequent_scores": asdict(
                w2v.evaluate_word2vec(bigger, test_set, frequent, counts=counts)
            ),
            "neighbours": neighbours(of_bigger),
            "map": word_map(of_bigger),
        },
        "machine": {"processor": processor()},
        "versions": versions(PACKAGES),
    }


def lengths(documents) -> dict[str, float]:
    """Tell which share of the paragraphs, and of all ids, a limit of `MAX_LENGTH` keeps."""
    found = torch.tensor([len(ids) for ids in documents["input_ids"]])
    return {
        "max_length": MAX_LENGTH,
        "whole_documents": float((found <= MAX_LENGTH).float().mean()),
        "kept_ids": float(found.clamp(max=MAX_LENGTH).sum() / found.sum()),
    }


def neighbours(vectors: w2v.WordVectors) -> dict[str, list[str]]:
    """List the five nearest words of each chosen word that the vectors hold."""
    return {
        word: [found for found, _ in vectors.most_similar(word, topn=5)]
        for word in WORDS
        if word in vectors
    }


def word_map(vectors: w2v.WordVectors) -> list[dict]:
    """Place the words of the themes in a plane: the first two principal components."""
    shown = [(theme, word) for theme in THEMES for word in THEMES[theme].split() if word in vectors]
    matrix = torch.tensor(vectors[[word for _, word in shown]])  # (n, d)
    matrix = torch.nn.functional.normalize(matrix)
    _, _, axes = torch.linalg.svd(matrix - matrix.mean(dim=0), full_matrices=False)
    places = (matrix - matrix.mean(dim=0)) @ axes[:2].T  # (n, 2)
    return [
        {"theme": theme, "word": word, "x": round(x, 3), "y": round(y, 3)}
        for (theme, word), (x, y) in zip(shown, places.tolist(), strict=True)
    ]


if __name__ == "__main__":
    print(write_json(RESULTS, measure()))
