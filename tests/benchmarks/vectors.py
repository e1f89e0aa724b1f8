"""Neighbours and analogies of 400,000 vectors of 300 numbers, beside gensim.

Run as `python -m tests.benchmarks.vectors`. Each run is a process of its own, so that its peak
memory is its own; the two systems take turns. Words, vectors and questions are random, half of the
questions with an answer planted where it belongs, so that right and wrong answers are compared.
"""

import json
import tempfile
import time
from pathlib import Path

import numpy as np

import w2v
from tests.benchmarks.loader import summary
from tests.benchmarks.processes import in_process, machine, peak_mb

N_WORDS, DIM = 400_000, 300
N_QUERIES, N_QUESTIONS = 20, 200
REPEATS = 3
RESULTS = Path(__file__).parents[2] / "report/results/vectors.json"
SYSTEMS = ("w2v", "gensim")


def make_case(seed: int) -> tuple[list[str], np.ndarray, list[tuple[int, ...]]]:
    """Give random words, their vectors, and questions as rows (a, b, c, d)."""
    draw = np.random.default_rng(seed)
    words = [f"w{number:x}" for number in draw.permutation(N_WORDS)]
    vectors = draw.standard_normal((N_WORDS, DIM), dtype=np.float32)
    rows = draw.permutation(100_000)[: 4 * N_QUESTIONS].reshape(-1, 4)
    for a, b, c, d in rows[::2]:
        vectors[d] = vectors[b] - vectors[a] + vectors[c] + vectors[d]
    return words, vectors, rows.tolist()


def run_one(system: str, seed: int) -> dict:
    """Load one system with the vectors, and time it in this process."""
    words, vectors, questions = make_case(seed)
    if system == "w2v":
        known = w2v.WordVectors(words, vectors)
    else:
        from gensim.models import KeyedVectors

        known = KeyedVectors(DIM, count=0)
        known.key_to_index = {word: row for row, word in enumerate(words)}
        known.index_to_key, known.vectors = words, vectors
    before = peak_mb()
    start = time.perf_counter()
    known.most_similar(words[0])  # makes the unit vectors, or the norms
    first = time.perf_counter() - start
    seconds = []
    for word in words[1 : N_QUERIES + 1]:
        start = time.perf_counter()
        known.most_similar(word)
        seconds.append(time.perf_counter() - start)
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "questions.txt"
        lines = [" ".join(words[row] for row in rows) for rows in questions]
        path.write_text("\n".join([": random words", *lines, ""]))
        start = time.perf_counter()
        accuracy, _ = known.evaluate_word_analogies(str(path))
        analogy_seconds = time.perf_counter() - start
    return {
        "first_query_ms": 1000 * first,
        "query_ms": 1000 * float(np.median(seconds)),
        "slowest_query_ms": 1000 * max(seconds),
        "analogies_per_second": N_QUESTIONS / analogy_seconds,
        "accuracy": accuracy,
        "beyond_vectors_mb": peak_mb() - before,
    }


def main() -> None:
    """Let the systems take turns; print and store medians, spread and the paired ratios."""
    runs = {system: [] for system in SYSTEMS}
    for repeat in range(REPEATS):
        for system in SYSTEMS:
            runs[system].append(in_process(run_one, system, repeat))
    pairs = list(zip(runs["w2v"], runs["gensim"], strict=True))
    if any(ours["accuracy"] != theirs["accuracy"] for ours, theirs in pairs):
        raise ValueError(f"accuracies must be equal, got {runs}")
    result = {
        "words": N_WORDS,
        "dim": DIM,
        "queries": N_QUERIES,
        "questions": N_QUESTIONS,
        "machine": machine(),
        "systems": {
            system: {key: summary(run[key] for run in runs[system]) for key in runs[system][0]}
            for system in SYSTEMS
        },
        "analogies_ratio": summary(
            ours["analogies_per_second"] / theirs["analogies_per_second"] for ours, theirs in pairs
        ),
        "query_ratio": summary(theirs["query_ms"] / ours["query_ms"] for ours, theirs in pairs),
    }
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(json.dumps(result, indent=1) + "\n")
    show(result)


def show(result: dict) -> None:
    """Print the table."""
    print(f"{N_WORDS} vectors of {DIM} numbers, medians of {REPEATS} alternating runs\n")
    print(f"{'system':<10}{'ms/query':>10}{'slowest':>10}{'analogies/s':>13}{'right':>8}{'MB':>8}")
    columns = ("query_ms", "slowest_query_ms", "analogies_per_second", "accuracy")
    for system, figures in result["systems"].items():
        ms, slowest, rate, right = (figures[key]["median"] for key in columns)
        mb = figures["beyond_vectors_mb"]["median"]
        print(f"{system:<10}{ms:>10.1f}{slowest:>10.1f}{rate:>13.1f}{right:>8.3f}{mb:>8.0f}")
    ratio = result["analogies_ratio"]
    listed = ", ".join(f"{value:.1f}" for value in ratio["runs"])
    print(f"analogies, w2v / gensim: {ratio['median']:.1f} times ({listed})")


if __name__ == "__main__":
    main()
