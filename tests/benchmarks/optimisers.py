"""`make bench`: the optimisers of the plain loop, each at the learning rate that serves it best.

The rate is chosen on one half of the held-out documents, with one seed. The loss is then measured
on the other half, with further seeds. All run `train_epoch` on the same windows; the optimisers
take turns, so that a machine that slows down slows all of them.
"""

import json
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import torch
from torch.optim import SGD, Adagrad, Adam, Optimizer

import w2v
from tests.benchmarks.loader import N_DOCUMENTS, REPEATS, summary
from tests.benchmarks.processes import in_process, machine
from w2v.training import train_epoch

CONFIG = w2v.Word2VecConfig(dim=128, radius=5, ratio=5, batch_size=512, epochs=1)
RESULTS = Path(__file__).parents[2] / "report/results/optimisers.json"
OPTIMISERS: dict[str, tuple[Callable[..., Optimizer], tuple[float, ...]]] = {
    "Adagrad": (Adagrad, (0.01, 0.02, 0.05, 0.1, 0.2)),
    "Adam": (Adam, (0.001, 0.003, 0.01, 0.02, 0.05)),
    "SGD": (SGD, (300.0, 1000.0, 3000.0, 10000.0, 30000.0)),
}


def run_one(name: str, rate: float, seed: int, n_documents: int) -> dict:
    """Train one epoch in this process, and measure the loss on both halves."""
    source = w2v.resolve_source()
    documents = w2v.load_documents("wikitext-2", source, n_samples=n_documents)
    tokenizer = w2v.load_tokenizer(source)
    train_documents, held_out = w2v.preprocess(documents, tokenizer)
    half = len(held_out) // 2
    train_set, *halves = (
        w2v.WindowDataset.from_documents(part, CONFIG.radius)
        for part in (
            train_documents,
            held_out.select(range(half)),
            held_out.select(range(half, len(held_out))),
        )
    )
    generator = torch.Generator().manual_seed(seed)
    model = w2v.Word2Vec(len(tokenizer), CONFIG.dim, generator=generator)
    optimizer = OPTIMISERS[name][0](model.parameters(), lr=rate, fused=True)
    loader = w2v.make_loader(train_set, CONFIG, len(tokenizer), generator=generator)
    start = time.perf_counter()
    try:
        train_epoch(model, loader, [optimizer])
    except FloatingPointError:  # a rate that is too high
        return {"chosen_on": float("inf"), "held_out_loss": float("inf"), "words_per_second": 0.0}
    seconds = time.perf_counter() - start
    counts = train_set.counts(len(tokenizer))
    chosen_on, measured_on = (
        w2v.evaluate_word2vec(model, part, CONFIG, counts=counts).loss for part in halves
    )
    return {
        "chosen_on": chosen_on,
        "held_out_loss": measured_on,
        "words_per_second": len(train_set) / seconds,
    }


def measure(n_documents: int = N_DOCUMENTS, repeats: int = REPEATS) -> dict:
    """Choose each optimiser's rate, then let the optimisers take turns at their best rates."""
    searched = {
        name: {rate: in_process(run_one, name, rate, 0, n_documents)["chosen_on"] for rate in rates}
        for name, (_, rates) in OPTIMISERS.items()
    }
    best = {name: min(losses, key=losses.__getitem__) for name, losses in searched.items()}
    runs: dict[str, list[dict]] = {name: [] for name in OPTIMISERS}
    for seed in range(1, repeats + 1):
        for name in OPTIMISERS:
            runs[name].append(in_process(run_one, name, best[name], seed, n_documents))
    rows = [
        {
            "optimiser": name,
            "learning_rate": best[name],
            "searched": [
                [rate, round(loss, 4) if loss < float("inf") else "diverged"]
                for rate, loss in searched[name].items()
            ],
            **{
                key: summary(run[key] for run in runs[name])
                for key in ("held_out_loss", "words_per_second")
            },
        }
        for name in OPTIMISERS
    ]
    return {"config": asdict(CONFIG), "documents": n_documents, "machine": machine(), "rows": rows}


def main() -> None:
    """Print and store the rates, the held-out loss and the words a second."""
    result = measure()
    RESULTS.write_text(json.dumps(result, indent=1) + "\n")
    for row in result["rows"]:
        print("{optimiser:<8} best rate {learning_rate:g}, searched {searched}".format(**row))
        print("  loss", row["held_out_loss"], " words/s", row["words_per_second"])


if __name__ == "__main__":
    main()
