"""`python -m tests.benchmarks.gpu [directory]`: blocks and the loader on a GPU, beside hogwild.

The corpus, the settings and the scorer are those of `speed`; a directory holds a corpus that
`speed.prepare` kept. Times are those of an epoch: the text goes to the GPU, no model is made and
nothing is scored. hogwild runs on the processor of the same machine.
"""

import json
import os
import statistics
import sys
import tempfile
import time
from dataclasses import replace

import torch

import w2v
from tests.benchmarks import speed
from w2v.engines import blocks, make_engine
from w2v.training import epoch_generator

BATCH_SIZES = (2048, 8192, 16_384, 32_768, 65_536)
LOADER_WORDS = 300_000  # of the corpus, that the loader is timed on
REPEATS = 3
RESULTS = speed.RESULTS.with_name("gpu.json")


def train(windows, config: w2v.Word2VecConfig, counts: torch.Tensor, device: str) -> tuple:
    """Train one epoch; give the model and the seconds of the epoch."""
    draw = epoch_generator(config.seed, 0)
    model = w2v.Word2Vec(len(counts), config.dim, generator=draw).to(device)
    noise = w2v.NoiseDistribution.from_name(config.noise, counts)
    engine = make_engine(model, config, noise)
    torch.cuda.synchronize()
    start = time.perf_counter()
    engine.train_epoch(windows, 1, epoch_generator(config.seed, 1), lambda n_words, loss: None)
    torch.cuda.synchronize()
    return model, time.perf_counter() - start


def measure(corpus: tuple, config: w2v.Word2VecConfig, device: str) -> dict:
    """Time some epochs, each from a new model, after a short one that is not timed."""
    train_set, valid_set, words = corpus
    counts = train_set.counts(len(words))
    offsets = train_set.offsets[:2000]
    few = w2v.WindowDataset(train_set.tokens[: offsets[-1]], offsets, config.radius)
    train(few, config, counts, device)
    rates, losses = [], []
    for seed in range(REPEATS):
        model, seconds = train(train_set, replace(config, seed=seed), counts, device)
        rates.append(len(train_set) / seconds)
        loss = w2v.evaluate_word2vec(model, valid_set, config, counts=counts).loss
        losses.append(loss * (1 + config.ratio))  # a mean per pair; in nats per positive pair
    row = {
        "system": config.engine,
        "device": device,
        "batch_size": config.batch_size,
        "w60": statistics.median(rates),
        "held_out_loss": statistics.median(losses),
        "words": len(train_set.tokens),
        "runs": rates,
    }
    print({key: row[key] for key in row if key != "runs"}, flush=True)
    return row


def limits() -> dict:
    """Measure what the GPU can do: bytes that a copy moves, operations of products in TF32."""
    source = torch.empty(2**30, dtype=torch.uint8, device="cuda")
    a = torch.randn(8192, 8192, device="cuda")
    products = torch.backends.cuda.matmul
    precision, products.fp32_precision = products.fp32_precision, "tf32"
    rates = {
        "copy_bytes": 2 * source.numel() / seconds_of(source.clone),
        "product_flops": 2 * len(a) ** 3 / seconds_of(lambda: a @ a),
    }
    products.fp32_precision = precision
    return rates


def seconds_of(work) -> float:
    """Give the median time of some work on the GPU."""
    times = []
    for _ in range(10):
        torch.cuda.synchronize()
        start = time.perf_counter()
        work()
        torch.cuda.synchronize()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def shares(row: dict, machine: dict) -> dict:
    """Compare a rate with the limits: each row of a block is read once, and added to once."""
    config, width = speed.CONFIG, blocks.BLOCK
    n_scored = width + 2 * config.radius + blocks.NEGATIVES  # context rows of a block
    n_bytes = 2 * 4 * config.dim * (width + n_scored) / width  # of a word
    n_operations = 3 * 2 * config.dim * n_scored  # of a word
    return {
        "memory_share": row["w60"] * n_bytes / machine["copy_bytes"],
        "product_share": row["w60"] * n_operations / machine["product_flops"],
    }


def main(directory: str | None) -> None:
    """Measure all; print and store."""
    with tempfile.TemporaryDirectory() as kept:
        if directory is None:
            speed.prepare(kept)
        corpus = speed.open_corpus(directory or kept, None)
        part = speed.open_corpus(directory or kept, LOADER_WORDS)
    machine = {
        "device": torch.cuda.get_device_name(),
        "torch": torch.__version__,
        "cores": os.cpu_count(),
        **limits(),
    }
    print(machine, flush=True)
    reference = measure(corpus, speed.ENGINES["hogwild"], "cpu")
    rows = [reference]
    for batch_size in BATCH_SIZES:
        config = replace(speed.ENGINES["blocks"], batch_size=batch_size)
        row = measure(corpus, config, "cuda")
        rows.append(row | shares(row, machine))
    rows += [
        measure(part, replace(speed.ENGINES["loader"], batch_size=batch_size), "cuda")
        for batch_size in (512, 4096)
    ]
    for row in rows[: 1 + len(BATCH_SIZES)]:
        row["loss_to_hogwild"] = row["held_out_loss"] / reference["held_out_loss"]
    words = {"words": len(corpus[0].tokens), "vocab_size": len(corpus[2])}
    result = {"machine": machine, "corpus": words, "rows": rows}
    RESULTS.write_text(json.dumps(speed.rounded(result), indent=1) + "\n")
    show(rows)


def show(rows: list[dict]) -> None:
    """Print the table."""
    print(f"\n{'system':<10}{'device':<8}{'B':>8}{'W60':>14}{'loss':>9}{'/hogwild':>10}", end="")
    print(f"{'memory':>9}{'products':>10}")
    for row in rows:
        line = f"{row['system']:<10}{row['device']:<8}{row['batch_size']:>8}{row['w60']:>14,.0f}"
        line += f"{row['held_out_loss']:>9.4f}"
        for key, width in (("loss_to_hogwild", 10), ("memory_share", 9), ("product_share", 10)):
            line += f"{row[key]:>{width}.3f}" if key in row else f"{'-':>{width}}"
        print(line)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else None)
