"""The settings of the neighbours' own experiments, run here: times, nearest words, accuracies.

Run as `python -m tests.benchmarks.neighbours`, or with the names of some parts: bourdrez, breslow,
cs224n, selene. `--small` takes a little text, to try a part. What a neighbour states of itself
stands beside what is measured; where our settings differ from its own, `differs` says so.
"""

import argparse
import json
import os
import re
import sys
import tempfile
import time
from collections import Counter
from dataclasses import asdict, fields, replace
from importlib.metadata import version
from pathlib import Path

import torch

import w2v
from w2v.config import ClassifierConfig, Word2VecConfig

RESULTS = Path(__file__).parents[2] / "report/results/neighbours.json"
SEED = 0
HAS = {field.name for field in fields(Word2VecConfig)}
FAST = {"engine": "hogwild", "shared_negatives": True, "decay": True, "seed": SEED}
UNKNOWN = "<unk>"
WIKITEXT_103_WORDS = 103_000_000  # words of WikiText-103's training split


def seeded(seed: int = SEED) -> torch.Generator:
    """Make the generator of a seed."""
    return torch.Generator().manual_seed(seed)


def words_of(text: str) -> list[str]:
    """Cut a text into lower-case words of letters and digits."""
    return re.findall(r"[^\W_]+", text.lower())


def encode(texts: list[str], *, min_count: int = 1, size: int | None = None):
    """Give the vocabulary, the most frequent word first behind the unknown one, and the ids."""
    counts = Counter(word for text in texts for word in words_of(text))
    kept = [word for word, count in counts.most_common(size) if count >= min_count]
    words = [UNKNOWN, *kept]
    index = {word: i for i, word in enumerate(words)}
    return words, [{"input_ids": [index.get(w, 0) for w in words_of(text)]} for text in texts]


def split(documents: list[dict], config: Word2VecConfig, n_valid: int):
    """Hold out the last documents, to watch the loss."""
    parts = documents[:-n_valid], documents[-n_valid:]
    return [w2v.WindowDataset.from_documents(part, config.radius, config.border) for part in parts]


def train(words, documents, config, *, asked, n_valid=200) -> dict:
    """Train, and give the wall time, the history, and the nearest words of those asked for.

    The kernel is compiled before the clock starts.
    """
    train_set, valid_set = split(documents, config, n_valid)
    if config.engine == "hogwild":
        tiny = w2v.Word2Vec(len(words), config.dim, generator=seeded())
        once = replace(config, epochs=1)
        w2v.train_word2vec(tiny, valid_set, valid_set, once, progress=False)
    model = w2v.Word2Vec(len(words), config.dim, generator=seeded())
    start = time.perf_counter()
    after_epochs = []
    epochs = w2v.train_epochs(model, train_set, valid_set, config, progress=False)
    for history in epochs:  # noqa: B007 (the last one counts)
        after_epochs.append(nearest(model, words, asked))
    seconds = time.perf_counter() - start
    n_words = len(train_set.tokens)
    return {
        "config": asdict(config),
        "vocabulary": len(words),
        "words": n_words,
        "seconds": round(seconds, 2),
        "words_per_second": round(config.epochs * n_words / seconds),
        "history": asdict(history),
        "nearest_after_each_epoch": after_epochs,
    }


def nearest(model: w2v.Word2Vec, words: list[str], asked: list[str]) -> dict[str, list[str]]:
    """Give the five nearest words of each word that is known."""
    vectors = w2v.WordVectors.from_model(model, words)
    known = [word for word in asked if word in vectors]
    return {word: [near for near, _ in vectors.most_similar(word, topn=5)] for word in known}


def bourdrez(small: bool) -> dict:
    """Pretrain a grid of tables on WikiText-2; train Conv1D on IMDB with each, and without."""
    radii, dims = (2, 5, 10), (128, 256)
    n_documents, n_texts, n_valid = (100, 200, 100) if small else (5000, 12_500, 2500)
    epochs, classifier_epochs = (1, 1) if small else (20, 3)
    tokenizer = w2v.load_tokenizer()
    reviews = w2v.load_labelled("imdb", seed=SEED).select(range(n_texts + n_valid))
    texts = w2v.tokenize(reviews, tokenizer, max_length=200)
    train_texts = texts.select(range(n_texts))
    valid_texts = texts.select(range(n_texts, n_texts + n_valid))
    config = ClassifierConfig(
        batch_size=64, epochs=classifier_epochs, learning_rate=1e-3, seed=SEED
    )
    tables, runs = [], []
    with tempfile.TemporaryDirectory() as directory:
        paths = {}
        for dim in dims:
            for radius in radii:
                settings = Word2VecConfig(
                    dim=dim, radius=radius, ratio=4, batch_size=500, epochs=epochs, **FAST
                )
                start = time.perf_counter()
                paths[dim, radius], history = w2v.pretrain(
                    settings, directory, n_samples=n_documents
                )
                row = {"dim": dim, "radius": radius, "seconds": elapsed(start)}
                tables.append({**row, "history": asdict(history)})
        for dim in dims:
            for radius in (None, *radii):
                classifier = w2v.ConvClassifier(
                    len(tokenizer), dim, 2, n_filters=64, generator=seeded()
                )
                if radius is not None:
                    w2v.load_model(paths[dim, radius], classifier)
                start = time.perf_counter()
                history = w2v.train_classifier(
                    classifier, train_texts, valid_texts, config, progress=False
                )
                runs.append(
                    {
                        "dim": dim,
                        "table": "random" if radius is None else f"radius {radius}",
                        "seconds": elapsed(start),
                        **asdict(history),
                    }
                )
    return {
        "claim": "a pretrained table makes training faster, and the result no better",
        "grid": {"ratio": 4, "batch_size": 500, "epochs": epochs, "documents": n_documents},
        "classifier": {**asdict(config), "texts": n_texts, "held_out": n_valid},
        "differs": "engine hogwild; the filters of Conv1D are not stated there; one seed",
        "tables": tables,
        "runs": runs,
        "gains": [gain(run, runs) for run in runs if run["table"] != "random"],
    }


def gain(run: dict, runs: list[dict]) -> dict:
    """Set a run beside the random table of its size: after the first epoch, and at its best."""
    (random,) = (r for r in runs if (r["dim"], r["table"]) == (run["dim"], "random"))
    own, other = run["valid_accuracy"], random["valid_accuracy"]
    return {
        "dim": run["dim"],
        "table": run["table"],
        "first_epoch": round(own[0] - other[0], 4),
        "best_epoch": round(max(own) - max(other), 4),
    }


def breslow(small: bool) -> dict:
    """Train one epoch on all text at hand; scale its time to the words of WikiText-103."""
    names = ("wikitext-2",) if small else ("wikitext-2", "imdb", "novels")
    n_samples = 2000 if small else None
    texts = [t for n in names for t in w2v.load_documents(n, n_samples=n_samples)["text"]]
    words, documents = encode(texts, min_count=5 if small else 50)
    config = Word2VecConfig(
        dim=300, radius=8, ratio=50, batch_size=100, epochs=1, noise="unigram^0.75", **FAST
    )
    if "subsample_rule" in HAS:
        config = replace(config, subsample=85.0, subsample_rule="percentile")
    else:
        ids = torch.cat([torch.tensor(document["input_ids"]) for document in documents])
        shares = ids.bincount(minlength=len(words)) / len(ids)  # (V,)
        config = replace(config, subsample=shares.quantile(0.85).item())
    order = torch.randperm(len(documents), generator=seeded()).tolist()
    run = train(words, [documents[i] for i in order], config, asked=["military"])
    minutes = run["seconds"] / run["words"] * WIKITEXT_103_WORDS / 60
    return {
        "stated": {
            "minutes_an_epoch": [42, 43],
            "words": WIKITEXT_103_WORDS,
            "device": "a Colab GPU",
        },
        "minutes_scaled_to_its_words": round(minutes, 2),
        "corpora": names,
        "differs": "a window reaches over the words left out, so each kept word has more contexts",
        "run": run,
    }


def cs224n(small: bool) -> dict:
    """Take as many steps of 50 words on the treebank as its 40,000 iterations do."""
    iterations = 400 if small else 40_000
    texts = w2v.load_labelled("sst", "local", seed=SEED)["text"][:]
    words, documents = encode(texts)
    config = Word2VecConfig(
        dim=10, radius=5, ratio=10, batch_size=50, epochs=1, dynamic_window=True, seed=SEED
    )
    n_words = len(split(documents, config, 200)[0])
    config = replace(config, epochs=max(1, round(iterations * 50 / n_words)))
    rows = {}
    for engine in ({}, FAST):
        settings = replace(config, **engine)
        asked = ["great", "bad", "woman", "coffee"]
        run = train(words, documents, settings, asked=asked)
        steps = settings.epochs * -(-n_words // settings.batch_size)
        minutes = run["seconds"] / steps * 40_000 / 60
        rows[settings.engine] = {"minutes_for_40000_steps": round(minutes, 3), "run": run}
    return {
        "stated": {"hours": [1, 2], "iterations": 40_000},
        "differs": "Adagrad instead of SGD; uniform negatives as there; training sentences only",
        "engines": rows,
    }


def selene(small: bool) -> dict:
    """Train five epochs on 10,000 reviews, by each objective that is there."""
    n_reviews, n_softmax = (300, 100) if small else (10_000, 2000)
    texts = w2v.load_documents("imdb", n_samples=n_reviews)["text"][:]
    words, documents = encode(texts, size=10_000)
    asked = ["movie", "actor"]
    base = Word2VecConfig(
        dim=100, radius=4, ratio=10, batch_size=256, epochs=5, noise="unigram^0.75", **FAST
    )
    dynamic = replace(base, dynamic_window=True)
    rows = {
        "sgns, subsample 1e-5 as there": train(
            words, documents, replace(dynamic, subsample=1e-5), asked=asked
        ),
        "sgns, subsample 1e-3": train(
            words, documents, replace(dynamic, subsample=1e-3), asked=asked
        ),
    }
    for objective in ("cbow", "skipgram") if "objective" in HAS else ():
        plain = {"engine": "loader", "shared_negatives": False, "objective": objective}
        settings = replace(base, **plain)
        rows[f"{objective}, {n_softmax} reviews"] = train(
            words, documents[:n_softmax], settings, asked=asked, n_valid=50
        )
    return {
        "stated": {"reviews": 10_000, "epochs": 5},
        "differs": "words are not lemmatised; unlabelled reviews",
        "rows": rows,
    }


def elapsed(start: float) -> float:
    """Give the seconds since a moment."""
    return round(time.perf_counter() - start, 2)


PARTS = {part.__name__: part for part in (bourdrez, breslow, cs224n, selene)}


def main() -> None:
    """Run the parts asked for, and put each into the file of results as soon as it is done."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("parts", nargs="*", help=f"some of {', '.join(PARTS)}; all by default")
    parser.add_argument("--small", action="store_true", help="a little text; nothing is stored")
    options = parser.parse_args()
    unknown = set(options.parts) - set(PARTS)
    if unknown:
        parser.error(f"parts must be some of {', '.join(PARTS)}, got {', '.join(sorted(unknown))}")
    for name in options.parts or PARTS:
        start = time.perf_counter()
        result = PARTS[name](options.small)
        result["seconds"] = elapsed(start)
        result["seed"] = SEED
        result["threads"] = int(os.environ.get("OMP_NUM_THREADS", os.cpu_count()))
        result["versions"] = {n: version(n) for n in ("torch", "numpy", "numba")}
        result["versions"]["python"] = sys.version.split()[0]
        print(f"{name}: {result['seconds']:.0f} s", flush=True)
        if options.small:
            print(json.dumps(result, indent=1)[:3000])
            continue
        known = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
        RESULTS.parent.mkdir(parents=True, exist_ok=True)
        RESULTS.write_text(json.dumps({**known, name: result}, indent=1) + "\n")


if __name__ == "__main__":
    main()
