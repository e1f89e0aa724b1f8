"""`make bench`: the assignment's own path beside the loop as students write it.

Each run is a process of its own, so that its peak memory is its own; the systems take turns, so
that a machine that slows down slows all of them. The same documents, B, K, R, d and E for all, and
one scorer: `evaluate_word2vec` on held-out windows.
"""

import json
import statistics
import time
from dataclasses import asdict
from functools import partial
from pathlib import Path

import torch

import w2v
from tests.benchmarks import student
from tests.benchmarks.processes import in_process, machine, peak_mb
from w2v.training import LoaderEngine

CONFIG = w2v.Word2VecConfig(dim=128, radius=5, ratio=4, batch_size=500, epochs=1)
N_DOCUMENTS = 1500
REPEATS = 3
RESULTS = Path(__file__).parents[2] / "report/results/loader.json"
SYSTEMS = {
    "w2v": "w2v, engine=loader (Adagrad)",
    "adagrad": "student loop, dense Adagrad",
    "adam": "student loop, dense Adam 1e-3",
}


def run_one(system: str, seed: int) -> dict:
    """Train one system for one epoch in this process, after a few steps that are not timed."""
    source = w2v.resolve_source()
    documents = w2v.load_documents("wikitext-2", source, n_samples=N_DOCUMENTS)
    tokenizer = w2v.load_tokenizer(source)
    train_documents, valid_documents = w2v.preprocess(documents, tokenizer)
    train = train_w2v if system == "w2v" else partial(student.train, optimizer=system)
    train(train_documents.select(range(8)), CONFIG, len(tokenizer))  # torch imports on first use
    torch.manual_seed(seed)
    before = peak_mb()
    start = time.perf_counter()
    model = train(train_documents, CONFIG, len(tokenizer))
    seconds = time.perf_counter() - start
    train_set, valid_set = (
        w2v.WindowDataset.from_documents(part, CONFIG.radius)
        for part in (train_documents, valid_documents)
    )
    counts = train_set.counts(len(tokenizer))
    return {
        "words_per_second": len(train_set) * CONFIG.epochs / seconds,
        "held_out_loss": w2v.evaluate_word2vec(model, valid_set, CONFIG, counts=counts).loss,
        "peak_mb": peak_mb(),
        "training_mb": peak_mb() - before,
    }


def train_w2v(documents, config: w2v.Word2VecConfig, vocab_size: int) -> w2v.Word2Vec:
    """Train as `train_word2vec` does, without validation; windows included, as in the other."""
    train_set = w2v.WindowDataset.from_documents(documents, config.radius)
    generator = torch.Generator().manual_seed(torch.initial_seed())
    model = w2v.Word2Vec(vocab_size, config.dim, generator=generator)
    noise = w2v.NoiseDistribution.from_name(config.noise, train_set.counts(vocab_size))
    LoaderEngine(model, config, noise).train_epoch(
        train_set, 1, generator, lambda n_words, loss: None
    )
    return model


def main() -> None:
    """Let the systems take turns; print and store medians, spread and the paired ratios."""
    runs = {system: [] for system in SYSTEMS}
    for repeat in range(REPEATS):
        for system in SYSTEMS:
            runs[system].append(in_process(run_one, system, repeat))
    result = {
        "config": asdict(CONFIG),
        "documents": N_DOCUMENTS,
        "machine": machine(),
        "threads": torch.get_num_threads(),
        "systems": {
            name: {key: summary(run[key] for run in runs[system]) for key in runs[system][0]}
            for system, name in SYSTEMS.items()
        },
    }
    for system in ("adagrad", "adam"):
        result[f"ratio_to_student_{system}"] = summary(
            ours["words_per_second"] / theirs["words_per_second"]
            for ours, theirs in zip(runs["w2v"], runs[system], strict=True)
        )
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(json.dumps(result, indent=1) + "\n")
    show(result)


def summary(values) -> dict:
    """Give the median, the extremes and every value, in the order measured."""
    values = [round(value, 4) for value in values]
    middle = statistics.median(values)
    return {"median": middle, "min": min(values), "max": max(values), "runs": values}


def show(result: dict) -> None:
    """Print the table."""
    print(f"{CONFIG}\n{N_DOCUMENTS} documents, medians of {REPEATS} alternating runs\n")
    print(f"{'system':<32}{'words/s':>10}{'min-max':>18}{'loss':>9}{'peak MB':>9}{'train MB':>9}")
    for name, figures in result["systems"].items():
        rate = figures["words_per_second"]
        columns = (
            f"{figures[key]['median']:>9.4g}" for key in ("held_out_loss", "peak_mb", "training_mb")
        )
        spread = f"{rate['min']:,.0f}-{rate['max']:,.0f}"
        print(f"{name:<32}{rate['median']:>10,.0f}{spread:>18}" + "".join(columns))
    for system in ("adagrad", "adam"):
        ratio = result[f"ratio_to_student_{system}"]
        listed = ", ".join(f"{value:.1f}" for value in ratio["runs"])
        print(f"w2v / {SYSTEMS[system]}: {ratio['median']:.1f} times ({listed})")


if __name__ == "__main__":
    main()
