"""`python -m tests.benchmarks.size [words]`: what a corpus of 100M words costs, beside one of 1M.

The text is repeated until it has so many words, and kept in a file. Each training maps the file in
a process of its own, with engine="hogwild", so that its peak memory is its own: first the small
corpus, then the large one, then the small one again, since a machine may slow down.
Another number of words than 100M is a trial: it is printed, and not stored.
"""

import json
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

import torch

import w2v
from tests.benchmarks.processes import in_process, machine, peak_mb

CONFIG = w2v.Word2VecConfig(
    dim=128,
    radius=5,
    ratio=5,
    batch_size=512,
    epochs=1,
    learning_rate=0.05,
    border="shift",
    noise="unigram^0.75",
    engine="hogwild",
    shared_negatives=True,
    decay=True,
)
SMALL, LARGE = 1_000_000, 100_000_000
RESULTS = Path(__file__).parents[2] / "report/results/size.json"


def write_corpus(path: str, n_words: int) -> int:
    """Repeat WikiText-2 until it has so many words, keep it in a file, and give V."""
    source = w2v.resolve_source()
    tokenizer = w2v.load_tokenizer(source)
    documents = w2v.load_documents("wikitext-2", source, n_samples=None)
    once = w2v.WindowDataset.from_documents(w2v.tokenize(documents, tokenizer), CONFIG.radius)
    times = -(-n_words // len(once.tokens))
    starts = torch.arange(times) * len(once.tokens)  # (times,)
    offsets = (starts[:, None] + once.offsets[:-1]).flatten()  # (times * n_documents,)
    offsets = torch.cat([offsets[offsets < n_words], torch.tensor([n_words])])
    tokens = once.tokens.repeat(times)[:n_words]
    w2v.WindowDataset(tokens, offsets, CONFIG.radius).save(path)
    return len(tokenizer)


def train(path: str, vocab_size: int) -> dict:
    """Train one epoch on a file, after a short training that is not timed: numba compiles."""
    from w2v.engines.hogwild import HogwildEngine

    model = w2v.Word2Vec(vocab_size, CONFIG.dim, generator=torch.Generator().manual_seed(0))
    documents = [{"input_ids": list(range(50))}] * 1000
    few = w2v.WindowDataset.from_documents(documents, CONFIG.radius, CONFIG.border)
    generator = torch.Generator().manual_seed(0)
    for train_set in (few, path):
        before = peak_mb()
        start = time.perf_counter()
        if train_set is path:
            train_set = w2v.WindowDataset.load(path, CONFIG.radius, CONFIG.border)
        opened = time.perf_counter()
        counts = train_set.counts(vocab_size)
        noise = w2v.NoiseDistribution.from_name(CONFIG.noise, counts)
        counted = time.perf_counter()
        engine = HogwildEngine(model, CONFIG, noise)
        loss = engine.train_epoch(train_set, 1, generator, lambda n_words, loss: None)
        end = time.perf_counter()
    n_words = len(train_set.tokens)
    return {
        "words": n_words,
        "words_per_second": round(n_words / (end - counted)),
        "seconds_to_open": round(opened - start, 2),
        "seconds_to_count": round(counted - opened, 2),
        "loss": round(loss, 4),
        "peak_mb": round(peak_mb(), 1),
        "peak_mb_before": round(before, 1),
        "bytes_a_word": round((peak_mb() - before) * 1e6 / n_words, 2),
    }


def main(n_words: int) -> None:
    """Train on the small corpus, the large one and the small one; print and store."""
    runs = []
    with tempfile.TemporaryDirectory() as directory:
        small, large = f"{directory}/small", f"{directory}/large"
        vocab_size = in_process(write_corpus, small, min(SMALL, n_words))
        in_process(write_corpus, large, n_words)
        for path in (small, large, small):
            runs.append(in_process(train, path, vocab_size))
            print(json.dumps(runs[-1]), flush=True)
    slowest = min(runs[0]["words_per_second"], runs[2]["words_per_second"])
    fastest = max(runs[0]["words_per_second"], runs[2]["words_per_second"])
    rate = runs[1]["words_per_second"]
    result = {
        "config": asdict(CONFIG),
        "machine": machine(),
        "runs": runs,
        "rate_of_large_to_small": [round(rate / fastest, 3), round(rate / slowest, 3)],
    }
    if n_words == LARGE:
        RESULTS.parent.mkdir(parents=True, exist_ok=True)
        RESULTS.write_text(json.dumps(result, indent=1) + "\n")
    low, high = result["rate_of_large_to_small"]
    print(f"{runs[1]['words']:,} words at {low:.0%} to {high:.0%} of the rate of {SMALL:,}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else LARGE)
