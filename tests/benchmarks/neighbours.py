"""The settings of the neighbours' own experiments, run here: times, nearest words, accuracies.

Run as `python -m tests.benchmarks.neighbours`, or with the names of some parts: bourdrez, breslow,
cs224n, selene. `--small` takes a little text, to try a part. What a neighbour states of itself
stands beside what is measured; where our settings differ from its own, `differs` says so.
"""

import argparse
import json
import os
import re
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, replace
from functools import partial
from itertools import product
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

import w2v
from tests.benchmarks.loader import summary
from tests.benchmarks.processes import machine
from tests.benchmarks.student import PlainWord2Vec
from w2v.batches import NoiseDistribution
from w2v.config import ClassifierConfig, Word2VecConfig
from w2v.engines.thinning import keep_probabilities, vary_radii

RESULTS = Path(__file__).parents[2] / "report/results/neighbours.json"
SEED = 0
FAST = {"engine": "hogwild", "shared_negatives": True, "decay": True, "seed": SEED}
UNKNOWN = "<unk>"
TABLES = ("first_table", "second_table")  # of the words given, of the words predicted
WIKITEXT_103_WORDS = 103_000_000  # words of WikiText-103's training split


def seeded(seed: int = SEED) -> torch.Generator:
    """Make the generator of a seed."""
    return torch.Generator().manual_seed(seed)


def words_of(text: str) -> list[str]:
    """Cut a text into lower-case words of letters and digits."""
    return re.findall(r"[^\W_]+", text.lower())


def encode(texts: list[str], *, min_count: int = 1, size: int | None = None, words=None):
    """Give the vocabulary, the most frequent word first behind the unknown one, and the ids.

    A vocabulary that is given stands as it is.
    """
    if words is None:
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
    epochs, classifier_epochs, n_seeds = (1, 1, 1) if small else (20, 3, 3)
    tokenizer = w2v.load_tokenizer()
    reviews = w2v.load_labelled("imdb", seed=SEED).select(range(n_texts + n_valid))
    texts = w2v.tokenize(reviews, tokenizer, max_length=200)
    train_texts = texts.select(range(n_texts))
    valid_texts = texts.select(range(n_texts, n_texts + n_valid))
    config = ClassifierConfig(batch_size=64, epochs=classifier_epochs, learning_rate=1e-3)
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
        for dim, radius, seed in product(dims, (None, *radii), range(n_seeds)):
            classifier = w2v.ConvClassifier(
                len(tokenizer), dim, 2, n_filters=64, generator=seeded(seed)
            )
            if radius is not None:
                w2v.load_model(paths[dim, radius], classifier)
            start = time.perf_counter()
            history = w2v.train_classifier(
                classifier, train_texts, valid_texts, replace(config, seed=seed), progress=False
            )
            table = "random" if radius is None else f"radius {radius}"
            row = {"dim": dim, "table": table, "seed": seed, "seconds": elapsed(start)}
            runs.append({**row, **asdict(history)})
            print(row, history.valid_accuracy, flush=True)
    return {
        "claim": "a pretrained table makes training faster, and the result no better",
        "grid": {"ratio": 4, "batch_size": 500, "epochs": epochs, "documents": n_documents},
        "classifier": {**asdict(config), "texts": n_texts, "held_out": n_valid},
        "differs": "engine hogwild; the filters of Conv1D are not stated there",
        "tables": tables,
        "runs": runs,
        "gains": [gain(run, runs) for run in runs if run["table"] != "random"],
    }


def gain(run: dict, runs: list[dict]) -> dict:
    """Set a run beside the random table of its size and seed: after one epoch, and at its best."""
    same = ("dim", "seed")
    (random,) = (
        r for r in runs if r["table"] == "random" and all(r[key] == run[key] for key in same)
    )
    own, other = run["valid_accuracy"], random["valid_accuracy"]
    return {
        "dim": run["dim"],
        "table": run["table"],
        "seed": run["seed"],
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
        dim=300,
        radius=8,
        ratio=50,
        batch_size=100,
        epochs=1,
        noise="unigram^0.75",
        subsample=85.0,
        subsample_rule="percentile",
        **FAST,
    )
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
    """Train each objective on the same reviews, and SGNS with the settings there, one by one.

    A table is judged by how many of a word's ten nearest words it shares with a table made from
    many other reviews: one by SGNS here, and one by gensim's CBOW, lest the judge favour SGNS. The
    notebook looks words up in its second table, so both tables of each training are judged.
    """
    n_reviews, n_others, size, n_seeds = (100, 400, 1000, 1) if small else (10_000, 40_000, 3000, 3)
    texts = w2v.load_documents("imdb", n_samples=n_reviews + n_others)["text"][:]
    words, documents = encode(texts[:n_reviews], size=size)
    others = encode(texts[n_reviews:], words=words)[1]
    base = Word2VecConfig(
        dim=100, radius=4, ratio=10, batch_size=256, epochs=5, noise="unigram^0.75", seed=SEED
    )
    sgns = replace(base, dynamic_window=True, **FAST)
    cbow_there = replace(base, objective="cbow", max_norm=1.0, learning_rate=1e-3)
    # its windows of radius 4 are drawn from 1 ... 3
    sgns_there = replace(base, radius=3, dynamic_window=True, subsample=1e-5, learning_rate=1e-3)
    runs = {
        "cbow": (train_here, replace(base, objective="cbow")),
        "skipgram": (train_here, replace(base, objective="skipgram")),
        "sgns": (train_here, sgns),
        "sgns, subsample 1e-3": (train_here, replace(sgns, subsample=1e-3)),
        "sgns, subsample 1e-4": (train_here, replace(sgns, subsample=1e-4)),
        "sgns, subsample 1e-5": (train_here, replace(sgns, subsample=1e-5)),
        "there, cbow": (train_there, cbow_there),
        "there, sgns": (train_there, sgns_there),
        "there, sgns, drawn anew each epoch": (partial(train_there, anew=True), sgns_there),
        "there, sgns, all words, 1 epoch": (
            train_there,
            replace(sgns_there, subsample=0.0, epochs=1),
        ),
    }
    asked = words[101 : 101 + size // 5]  # the 100 before them stand in nearly every review
    references = {
        "sgns": train_here(words, others, replace(sgns, subsample=1e-3))[0],
        "gensim_cbow": train_gensim(words, others, replace(base, epochs=3)),
    }
    references = {name: ten_nearest(vectors, asked) for name, vectors in references.items()}
    rows = {}
    for name, (trained_by, config) in runs.items():
        judged, seconds = [], []
        for seed in range(n_seeds):
            start = time.perf_counter()
            tables = trained_by(words, documents, replace(config, seed=seed))
            seconds.append(time.perf_counter() - start)
            judged.append([judge(table, references) for table in tables])
        rows[name] = {
            "config": asdict(config),
            "words_kept": round(share_kept(words, documents, config), 4),
            "seconds": summary(seconds),
            "first_table": over_seeds([first for first, _ in judged]),
            "second_table": over_seeds([second for _, second in judged]),
        }
        shown = [rows[name][table]["shared"]["sgns"]["runs"] for table in TABLES]
        print(f"{name}: {shown} in {seconds} s", flush=True)
    return {
        "stated": {"reviews": 10_000, "epochs": 5, "words": 10_000, "looked_up_in": TABLES[1]},
        "reviews": n_reviews,
        "reviews_of_the_reference": n_others,
        "words_asked": len(asked),
        "differs": "fewer words, not lemmatised; unlabelled reviews; the rows "
        '"there" run its loop anew, with windows that stay inside a review',
        "rows": rows,
    }


def train_here(words, documents, config) -> list[w2v.WordVectors]:
    """Train as the library does, and give both tables."""
    train_set, valid_set = split(documents, config, 20)
    model = w2v.Word2Vec(len(words), config.dim, generator=seeded(config.seed))
    w2v.train_word2vec(model, train_set, valid_set, config, progress=False)
    return both_tables(model, words)


def train_there(words, documents, config, *, anew=False) -> list[w2v.WordVectors]:
    """Train as the notebook does, and give both tables: CBOW by a softmax with a bias, or SGNS.

    Adam moves both whole tables at each step, whether their rows have a gradient or not. The
    pairs of SGNS are drawn once for all epochs, or `anew` for each.
    """
    generator = seeded(config.seed)
    train_set, _ = split(documents, config, 20)
    counts = train_set.counts(len(words))  # (V,)
    noise = NoiseDistribution.from_name(config.noise, counts)
    model = PlainWord2Vec(len(words), config.dim)
    for table in model.parameters():
        torch.nn.init.uniform_(table, -0.5 / config.dim, 0.5 / config.dim, generator=generator)
    bias = torch.zeros(len(words), requires_grad=True)  # (V,); SGNS has none
    parameters = [*model.parameters(), bias]
    optimizer = torch.optim.Adam(parameters, lr=config.learning_rate, fused=True)
    if config.objective == "cbow":
        model.center_embeddings.max_norm = config.max_norm
        centers, contexts = train_set.__getitems__(range(len(train_set)))  # (n,), (n, 2R)
    else:
        centers, contexts = pairs_there(train_set, counts, config, generator)  # (n,), (n, 1)
    for epoch in range(config.epochs):
        if anew and epoch:
            centers, contexts = pairs_there(train_set, counts, config, generator)
        for step in torch.randperm(len(centers), generator=generator).split(config.batch_size):
            word_id, context_ids = centers[step], contexts[step]  # (B,), (B, 2R) or (B, 1)
            if config.objective == "cbow":
                mean = model.center_embeddings(context_ids).mean(dim=1)  # (B, d)
                logits = F.linear(mean, model.context_embeddings.weight, bias)  # (B, V)
                loss = F.cross_entropy(logits, word_id)
            else:
                negative_ids = noise.sample((len(step), config.ratio), generator)  # (B, K)
                logits = model(word_id, torch.cat([context_ids, negative_ids], dim=1))
                positive_loss = -F.logsigmoid(logits[:, 0])  # (B,)
                negative_loss = -F.logsigmoid(-logits[:, 1:]).sum(dim=1)  # (B,)
                loss = (positive_loss + negative_loss).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return both_tables(model, words)


def pairs_there(train_set, counts, config, generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Draw the notebook's pairs: frequent words are left out as centers, and stay contexts."""
    windows = vary_radii(train_set, generator)
    centers, contexts = windows.gather(range(len(windows)))  # (n,), (n, 2R)
    mask = contexts != windows.fill_id  # (n, 2R)
    if config.subsample:
        keep = keep_probabilities(counts, config.subsample, config.subsample_rule)  # (V,)
        kept = torch.rand(len(centers), generator=generator) < keep[centers]  # (n,)
        mask = mask & kept.unsqueeze(1)  # (n, 2R)
    return centers.unsqueeze(1).expand_as(contexts)[mask], contexts[mask].unsqueeze(1)


def both_tables(model, words: list[str]) -> list[w2v.WordVectors]:
    """Give the center table of a model, and its context table."""
    tables = (model.center_embeddings, model.context_embeddings)
    return [w2v.WordVectors(words, table.weight.detach().numpy()) for table in tables]


def share_kept(words, documents, config) -> float:
    """Give the share of the words that subsampling leaves, on average."""
    if not config.subsample:
        return 1.0
    counts = split(documents, config, 20)[0].counts(len(words))  # (V,)
    keep = keep_probabilities(counts, config.subsample, config.subsample_rule)  # (V,)
    return float((keep * counts).sum() / counts.sum())


def train_gensim(words, documents, config) -> w2v.WordVectors:
    """Train gensim's CBOW, and give its vectors; 0 for words of no document."""
    from gensim.models import Word2Vec

    model = Word2Vec(
        sentences=[[str(i) for i in document["input_ids"]] for document in documents],
        vector_size=config.dim,
        window=config.radius,
        negative=config.ratio,
        epochs=config.epochs,
        min_count=1,
        sg=0,
        seed=config.seed,
        workers=os.cpu_count(),
    )
    vectors = np.zeros((len(words), config.dim), dtype=np.float32)  # (V, d)
    for row, i in enumerate(model.wv.index_to_key):
        vectors[int(i)] = model.wv.vectors[row]
    return w2v.WordVectors(words, vectors)


def ten_nearest(vectors: w2v.WordVectors, asked: Iterable[str]) -> dict[str, set[str]]:
    """Give the ten nearest words of each word; none where it was in no window."""
    trained = [word for word in asked if vectors[word].any()]
    return {word: {near for near, _ in vectors.most_similar(word)} for word in trained}


def judge(vectors: w2v.WordVectors, references: dict[str, dict[str, set[str]]]) -> dict:
    """Give the share of nearest words as in each reference, and those of two words."""
    shared = {}
    for name, reference in references.items():
        found = ten_nearest(vectors, reference)
        n_shared = sum(len(found[word] & reference[word]) for word in found)
        shared[name] = n_shared / (10 * len(reference))
    asked = ("movie", "actor")
    near = {word: [other for other, _ in vectors.most_similar(word, topn=5)] for word in asked}
    return {"shared": shared, "nearest": near}


def over_seeds(judged: list[dict]) -> dict:
    """Give the shares of every seed, and the nearest words of the first."""
    names = judged[0]["shared"]
    shared = {name: summary([one["shared"][name] for one in judged]) for name in names}
    return {"shared": shared, "nearest": judged[0]["nearest"]}


def headlines(parts: dict) -> list[dict]:
    """Set what each neighbour states of itself beside what was measured here."""
    rows = []
    if "bourdrez" in parts:
        gains = parts["bourdrez"]["gains"]
        rows.append(
            {
                "system": "Bourdrez",
                "what": "accuracy that a pretrained table adds: after one epoch, and at the best",
                "stated": "reaches it much faster, and is no better",
                "here": [
                    {"median": statistics.median(values), "min": min(values), "max": max(values)}
                    for values in (
                        [row[key] for row in gains] for key in ("first_epoch", "best_epoch")
                    )
                ],
            }
        )
    if "breslow" in parts:
        rows.append(
            {
                "system": "Breslow",
                "what": "minutes for an epoch of WikiText-103, scaled by words",
                "stated": parts["breslow"]["stated"]["minutes_an_epoch"],
                "here": parts["breslow"]["minutes_scaled_to_its_words"],
            }
        )
    if "cs224n" in parts:
        engines = parts["cs224n"]["engines"]
        rows.append(
            {
                "system": "CS224n a2",
                "what": "minutes for 40,000 steps of 50 words",
                "stated": [60, 120],
                "here": {name: row["minutes_for_40000_steps"] for name, row in engines.items()},
            }
        )
    if "selene" in parts:
        found = {
            name: row["second_table" if name.startswith("there") else "first_table"]["shared"]
            for name, row in parts["selene"]["rows"].items()
        }
        names = ("sgns", "skipgram", "cbow", "there, sgns", "there, cbow")
        rows.append(
            {
                "system": "SELENE",
                "what": "share of ten nearest words as after 40,000 other reviews",
                "stated": "SGNS is behind CBOW",
                "here": {name: found[name]["sgns"] for name in names},
            }
        )
    return rows


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
        result["machine"] = machine()
        print(f"{name}: {result['seconds']:.0f} s", flush=True)
        if options.small:
            print(json.dumps(result, indent=1)[:3000])
            continue
        known = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
        RESULTS.parent.mkdir(parents=True, exist_ok=True)
        known[name] = result
        known["headlines"] = headlines(known)
        RESULTS.write_text(json.dumps(known, indent=1) + "\n")


if __name__ == "__main__":
    main()
