"""`python -m tests.benchmarks.distributed`: two processes under torchrun beside a single one.

Each process has one thread. The same training of WikiText-2, V and settings for both; the rate is
that of the first epoch's words over the time from its start to its end, means included.
"""

import json
import os
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path

import torch

import w2v
from tests.benchmarks.loader import summary
from tests.benchmarks.processes import machine
from tests.benchmarks.size import CONFIG
from w2v.engines import distributed
from w2v.engines.hogwild import HogwildEngine

RESULTS = Path(__file__).parents[2] / "report/results/distributed.json"
REPEATS = 7


def run_one() -> None:
    """Train one epoch in as many processes as torchrun started; the first prints."""
    rank, n_ranks = distributed.join()
    torch.set_num_threads(1)
    source = w2v.resolve_source("local" if os.environ.get("W2V_DATA") else "builtin")
    tokenizer = w2v.load_tokenizer(source)
    documents = w2v.load_documents("wikitext-2", source, n_samples=None)
    train_set, valid_set = (
        w2v.WindowDataset.from_documents(part, CONFIG.radius, CONFIG.border)
        for part in w2v.preprocess(documents, tokenizer, valid_fraction=0.02)
    )
    counts = train_set.counts(len(tokenizer))
    noise = w2v.NoiseDistribution.from_name(CONFIG.noise, counts)

    def train(dataset: w2v.WindowDataset) -> tuple[w2v.Word2Vec, float]:
        generator = torch.Generator().manual_seed(0)
        model = w2v.Word2Vec(len(tokenizer), CONFIG.dim, generator=generator)
        choose = distributed.AveragedEngine if n_ranks > 1 else HogwildEngine
        start = time.perf_counter()
        engine = choose(model, CONFIG, noise)
        engine.train_epoch(dataset, 1, generator, lambda n_words, loss: None)
        return model, time.perf_counter() - start

    train(valid_set)  # compiled by now
    model, seconds = train(train_set)
    if rank == 0:
        loss = w2v.evaluate_word2vec(model, valid_set, CONFIG, counts=counts).loss
        rate = len(train_set) / seconds
        print(json.dumps({"words_per_second": round(rate), "held_out_loss": round(loss, 5)}))


def main() -> None:
    """Let both take turns; print and store each run and the paired ratios."""
    module = ["-m", "tests.benchmarks.distributed", "one"]
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    commands = {"one process": module, "two processes": torchrun + module}
    runs = {name: [] for name in commands}
    for _ in range(REPEATS):
        for name, command in commands.items():
            command = [sys.executable, *command]
            output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            runs[name].append(json.loads(output.splitlines()[-1]))
            print(name, runs[name][-1], flush=True)
    one, two = runs.values()
    result = {"config": asdict(CONFIG), "machine": machine(), "runs": runs}
    for key in one[0]:
        result[f"ratio_of_{key}"] = summary(
            [b[key] / a[key] for a, b in zip(one, two, strict=True)]
        )
        print(f"two / one, {key}: {result[f'ratio_of_{key}']}")
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    run_one() if sys.argv[1:] == ["one"] else main()
