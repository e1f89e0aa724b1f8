"""`python -m tests.benchmarks.speed [speed] [usual] [quality] [--words n]`: engines beside others.

One corpus of word pieces, cut down to the words that occur in its training part, so that all
systems have the same vocabulary; its documents in one random order. Each run is a process of its
own, and the systems take turns. W60 counts scored pairs: center words a second at R=5, K=5, that
is pairs a second over 60, for gensim keeps shorter windows at the borders of a document and w2v
drops them. One scorer for all: nats per positive pair on held-out windows.

Slow systems are timed on a part of the corpus, and their losses left out where an epoch would take
minutes. The time to gensim's loss is that of an epoch, where the median loss lies no higher than
the highest of gensim's own runs. Each process measures the machine's own rate of matrix products
around its training.

Training time alone is counted: the text is counted, read into lists or written to a file before,
and w2v and gensim have made their first vectors.

"usual" takes gensim's usual settings (dynamic windows, frequent words left out, five epochs), on as
many words as WikiText-2 has. word2vec.c stands there too where WORD2VEC names its binary. Another
number of words than usual is a trial: it is printed, and not stored.
"""

import argparse
import json
import os
import statistics
import subprocess
import tempfile
import time
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

import torch

import w2v
from tests.benchmarks import student
from tests.benchmarks.processes import in_process, machine, peak_mb, sgemm_rate
from w2v.engines.thinning import thin

CONFIG = w2v.Word2VecConfig(
    dim=128, radius=5, ratio=5, batch_size=512, epochs=1, noise="unigram^0.75"
)
ENGINES = {
    "loader": CONFIG,
    "blocks": replace(CONFIG, engine="blocks", shared_negatives=True, decay=True, batch_size=2048),
    "hogwild": replace(CONFIG, engine="hogwild", shared_negatives=True, decay=True),
}
GENSIM = {"gensim, alpha .05": 0.05, "gensim, alpha .025": 0.025}
FILE = "gensim, corpus_file"  # alpha .05; read by its threads, not handed to them
WORD2VEC = "word2vec.c"
STUDENT = "student loop, dense Adam"
PART = {STUDENT: 100_000, "loader": 500_000, "blocks": 2_000_000}  # words timed, where not all
WORDS = 3_000_000  # of the corpus; all systems together then take about a quarter of an hour
SMALL = 500_000  # words of the corpus that the comparison of both noises takes
WIKITEXT = 2_000_000  # words of the corpus that gensim's usual settings are timed on
USUAL = {
    "border": "shift", "dynamic_window": True, "subsample": 1e-3, "epochs": 5,
    "learning_rate": 0.025,
}  # fmt: skip
DIMS = 100, 300
REPEATS = 3
FLOPS = 60 * 6 * CONFIG.dim  # of a word: 60 pairs, two floating-point operations in three products
RESULTS = Path(__file__).parents[2] / "report/results/speed.json"
WORDSIM = "wordsim353/wordsim353.tsv"


def prepare(directory: str, most: int | None = None) -> dict:
    """Keep the corpus, or so many words of it, in files, and say what it is."""
    source = w2v.resolve_source("local" if os.environ.get("W2V_DATA") else "builtin")
    tokenizer = w2v.load_tokenizer(source)
    names = ("imdb", "wikitext-2") if source == "local" else ("wikitext-2",)
    parts = [
        w2v.preprocess(
            w2v.load_documents(name, source, n_samples=None), tokenizer, valid_fraction=0.02
        )
        for name in names
    ]
    rows = [[row["input_ids"] for part in parts for row in part[i]] for i in (0, 1)]
    order = torch.randperm(len(rows[0]), generator=torch.Generator().manual_seed(0))
    train = [torch.tensor(rows[0][i]) for i in order]
    if most is not None:
        ends = torch.tensor([len(document) for document in train]).cumsum(0)
        train = train[: 1 + int(torch.searchsorted(ends, most))]
    ids = torch.unique(torch.cat(train))  # (V,), sorted
    place = torch.full((len(tokenizer),), -1)
    place[ids] = torch.arange(len(ids))
    for name, documents in (("train", train), ("valid", map(torch.tensor, rows[1]))):
        kept = (place[document] for document in documents)
        documents = [{"input_ids": document[document >= 0].numpy()} for document in kept]
        w2v.WindowDataset.from_documents(documents, CONFIG.radius).save(f"{directory}/{name}")
    words = tokenizer.convert_ids_to_tokens(ids.tolist())
    Path(f"{directory}/words.json").write_text(json.dumps(words))
    n_words = len(w2v.WindowDataset.load(f"{directory}/train", CONFIG.radius).tokens)
    name = "IMDB unlabelled and WikiText-2" if source == "local" else "built-in"
    return {"name": name, "words": n_words, "vocab_size": len(ids), "documents": len(train)}


def open_corpus(directory: str, n_words: int | None) -> tuple:
    """Give the first words of the training part, the held-out part, and the vocabulary.

    A part of the text has the vocabulary of its own words: gensim knows no others, and would
    otherwise be asked about rows that it never trained.
    """
    train_set, valid_set = (
        w2v.WindowDataset.load(f"{directory}/{name}", CONFIG.radius) for name in ("train", "valid")
    )
    words = json.loads(Path(f"{directory}/words.json").read_text())
    if n_words is None or n_words >= len(train_set.tokens):
        return train_set, valid_set, words
    offsets = train_set.offsets[: 1 + int(torch.searchsorted(train_set.offsets, n_words))]
    ids = torch.unique(train_set.tokens[: offsets[-1]]).long()  # (V,), sorted
    place = torch.full((len(words),), -1)
    place[ids] = torch.arange(len(ids))
    train_tokens = place[train_set.tokens[: offsets[-1]]].int()
    kept = place[valid_set.tokens]
    n_kept = torch.cat([torch.zeros(1, dtype=torch.int64), (kept >= 0).cumsum(0)])
    return (
        w2v.WindowDataset(train_tokens, offsets, CONFIG.radius),
        w2v.WindowDataset(kept[kept >= 0].int(), n_kept[valid_set.offsets], CONFIG.radius),
        [words[i] for i in ids],
    )


def run(system: str, directory: str, seed: int, n_words: int | None, changes: dict) -> dict:
    """Train one system in this process, with some settings changed, and score it."""
    train_set, valid_set, words = open_corpus(directory, n_words)
    offsets = train_set.offsets[:100]
    few = w2v.WindowDataset(train_set.tokens[: offsets[-1]], offsets, CONFIG.radius)
    config = replace(ENGINES.get(system, CONFIG), seed=seed, **changes)
    counts = train_set.counts(len(words))
    train = partial(trainer(system), system, config, counts, directory)
    train(few)  # compiles, and imports what is imported on first use
    before, sgemm = peak_mb(), sgemm_rate()
    start = time.perf_counter()
    model, training = train(train_set)
    seconds = training or time.perf_counter() - start
    peak = peak_mb()
    sgemm = (sgemm + sgemm_rate()) / 2
    n_pairs = config.epochs * pairs_of(system, train_set)
    scorer = replace(CONFIG, noise=config.noise)
    loss = w2v.evaluate_word2vec(model, valid_set, scorer, counts=counts).loss
    return {
        "seconds": seconds,
        "words_per_second": config.epochs * len(train_set.tokens) / seconds,
        "pairs_per_second": n_pairs / seconds,
        "w60": n_pairs / 60 / seconds,
        "sgemm_share": n_pairs / 60 * FLOPS / seconds / sgemm,
        "sgemm_gflops": sgemm / 1e9,
        "held_out_loss": None
        if system == WORD2VEC
        else loss * (1 + config.ratio),  # of a positive pair
        "peak_mb": peak,
        "training_mb": peak - before,
        "wordsim": wordsim(model, words),
    }


def trainer(system: str):
    """Give a function from windows to a model, and to the seconds it took where it timed itself."""
    if system == WORD2VEC:
        return train_word2vec_c
    if system in GENSIM or system == FILE:
        return train_gensim
    return train_student if system == STUDENT else train_engine


def train_engine(system: str, config, counts: torch.Tensor, directory: str, windows) -> tuple:
    """Train as `train_word2vec` does, without its validation."""
    from w2v.engines import make_engine
    from w2v.training import epoch_generator

    model = w2v.Word2Vec(len(counts), config.dim, generator=epoch_generator(config.seed, 0))
    noise = w2v.NoiseDistribution.from_name(config.noise, counts)
    engine = make_engine(model, config, noise)
    start = time.perf_counter()
    for epoch in range(1, config.epochs + 1):
        generator = epoch_generator(config.seed, epoch)
        thinned = thin(windows, counts, config, generator)
        engine.train_epoch(thinned, epoch, generator, lambda n_words, loss: None)
    return model, time.perf_counter() - start


def train_student(system: str, config, counts: torch.Tensor, directory: str, windows) -> tuple:
    """Train the loop of `student`, with its uniform noise."""
    start = time.perf_counter()
    model = student.train(documents_of(windows), config, len(counts), optimizer="adam")
    return model, time.perf_counter() - start


def train_gensim(system: str, config, counts: torch.Tensor, directory: str, windows) -> tuple:
    """Train gensim; reading the text into lists or a file, and counting it, are not timed."""
    from gensim.models import Word2Vec

    names = [str(i) for i in range(len(counts))]
    sentences = [[names[i] for i in row["input_ids"]] for row in documents_of(windows)]
    text = {"corpus_iterable": sentences}
    if system == FILE:
        text = {"corpus_file": write_text(f"{directory}/{os.getpid()}.txt", sentences)}
    gensim = Word2Vec(
        sg=1,
        negative=config.ratio,
        window=config.radius,
        shrink_windows=config.dynamic_window,
        sample=config.subsample,
        vector_size=config.dim,
        min_count=1,
        workers=torch.get_num_threads(),
        alpha=config.learning_rate if config.dynamic_window else GENSIM.get(system, 0.05),
        seed=config.seed,
        ns_exponent=0.75 if config.noise == CONFIG.noise else 0.0,
    )
    gensim.build_vocab(**text)
    start = time.perf_counter()
    size = {"total_examples": gensim.corpus_count, "total_words": gensim.corpus_total_words}
    gensim.train(**text, **size, epochs=config.epochs)
    seconds = time.perf_counter() - start
    order = [int(name) for name in gensim.wv.index_to_key]
    return model_of(order, gensim.wv.vectors, gensim.syn1neg, len(counts)), seconds


def train_word2vec_c(system: str, config, counts: torch.Tensor, directory: str, windows) -> tuple:
    """Train with word2vec.c; it keeps its context table to itself, so that has no loss."""
    from gensim.models import KeyedVectors

    path = f"{directory}/{os.getpid()}"
    sentences = [[str(i) for i in row["input_ids"]] for row in documents_of(windows)]
    write_text(f"{path}.txt", sentences)
    settings = {
        "train": f"{path}.txt", "output": f"{path}.bin", "binary": 1, "cbow": 0, "hs": 0,
        "size": config.dim, "window": config.radius, "negative": config.ratio, "min-count": 1,
        "sample": config.subsample, "alpha": config.learning_rate, "iter": config.epochs,
        "threads": torch.get_num_threads(),
    }  # fmt: skip

    def call(**more) -> float:
        arguments = [
            text for key, value in (settings | more).items() for text in (f"-{key}", value)
        ]
        command = [os.environ["WORD2VEC"], *map(str, arguments)]
        start = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        return time.perf_counter() - start

    overhead = call(iter=0)  # to count the text and to write the vectors
    seconds = call() - overhead
    vectors = KeyedVectors.load_word2vec_format(f"{path}.bin", binary=True)
    order = [int(name) for name in vectors.index_to_key if name != "</s>"]
    rows = vectors[[str(i) for i in order]]
    return model_of(order, rows, None, len(counts)), seconds


def write_text(path: str, sentences: list[list[str]]) -> str:
    """Write a document a line, and give the path."""
    Path(path).write_text("".join(" ".join(sentence) + "\n" for sentence in sentences))
    return path


def model_of(order: list[int], words, contexts, vocab_size: int) -> w2v.Word2Vec:
    """Make a model of tables whose rows stand in another order."""
    model = w2v.Word2Vec(vocab_size, words.shape[1])
    with torch.no_grad():
        model.center_embeddings.weight[order] = torch.from_numpy(words)
        if contexts is not None:
            model.context_embeddings.weight[order] = torch.from_numpy(contexts)
    return model


def documents_of(windows) -> list[dict]:
    """Give the documents as rows of ids."""
    tokens, ends = windows.tokens.tolist(), windows.offsets.tolist()
    return [{"input_ids": tokens[a:b]} for a, b in zip(ends, ends[1:], strict=False)]


def pairs_of(system: str, windows) -> int:
    """Count the pairs that an epoch scores, positive and negative."""
    if system in ENGINES or system == STUDENT:
        return len(windows) * 2 * CONFIG.radius * (1 + CONFIG.ratio)
    lengths, distances = windows.offsets.diff(), range(1, CONFIG.radius + 1)
    positives = sum(2 * (lengths - distance).clamp(min=0).sum() for distance in distances)
    return int(positives) * (1 + CONFIG.ratio)


def wordsim(model: w2v.Word2Vec, words: list[str]) -> float | None:
    """Give the rank correlation with human judgement of similarity, where the file is there."""
    path = Path(os.environ.get("W2V_DATA", "")) / WORDSIM
    if not path.is_file():
        return None
    vectors = w2v.WordVectors.from_model(model, words)
    return float(vectors.evaluate_word_pairs(path)[1][0])


def main() -> None:
    """Let the systems take turns; print and store. A part alone leaves the others as they are."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("parts", nargs="*", help=f"some of {', '.join(PARTS)}; all by default")
    parser.add_argument("--words", type=int, default=WORDS)
    options = parser.parse_args()
    unknown = set(options.parts) - set(PARTS)
    if unknown:
        parser.error(f"parts must be some of {', '.join(PARTS)}, got {', '.join(sorted(unknown))}")
    with tempfile.TemporaryDirectory() as directory:
        corpus = in_process(prepare, directory, options.words)
        print(corpus, flush=True)

        def measure(system, seed=0, n_words=None, **changes) -> dict:
            result = in_process(run, system, directory, seed, n_words, changes)
            shown = ("seconds", "w60", "sgemm_share", "held_out_loss", "peak_mb", "wordsim")
            figures = {key: result[key] and float(f"{result[key]:.4g}") for key in shown}
            print(f"{system}, seed {seed}, {changes or 'as usual'}: {figures}", flush=True)
            return result

        result = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
        for name in options.parts or PARTS:
            result |= PARTS[name](measure, result)
            if name == "speed":
                result["corpus"] = corpus
    result = rounded(result)
    if options.words == WORDS:
        RESULTS.parent.mkdir(parents=True, exist_ok=True)
        RESULTS.write_text(json.dumps(result, indent=1) + "\n")
    show(result)


def measure_speed(measure, found: dict) -> dict:
    """Time every system, and find its losses after one epoch and after five."""
    systems = (STUDENT, *ENGINES, *GENSIM, FILE)
    runs = {system: [] for system in systems}
    for seed in range(REPEATS):
        for system in systems:
            runs[system].append(measure(system, seed, PART.get(system)))
    best = min(GENSIM, key=lambda system: middle(runs[system], "held_out_loss"))
    losses = {
        (system, 1): middle(runs[system], "held_out_loss") for system in ("hogwild", *GENSIM, FILE)
    }
    losses["blocks", 1] = measure("blocks")["held_out_loss"]
    for system in ("hogwild", best):
        losses[system, 5] = measure(system, epochs=5)["held_out_loss"]
    reference = max(found["held_out_loss"] for found in runs[best])  # its runs differ
    rows = [row(system, runs[system], losses, reference) for system in systems]
    missing = dict.fromkeys(key for key in rows[0] if key != "system")
    rows.append({"system": "blocks", **missing, "device": "cuda", "note": "no GPU was at hand"})
    return {
        "machine": machine()
        | {"sgemm_gflops": middle([r for s in systems for r in runs[s]], "sgemm_gflops")},
        "settings": {name: asdict(config) for name, config in ENGINES.items()},
        "reference": {"system": best, "held_out_loss": reference},
        "times_gensim": ratios(runs["hogwild"], runs[best]),
        "times_corpus_file": ratios(runs["hogwild"], runs[FILE]),
        "rows": rows,
    }


def measure_usual(measure, found: dict) -> dict:
    """Time gensim's usual settings, at each size of the vectors; "usual" in the result."""
    systems = ("hogwild", "gensim, alpha .025", FILE)
    systems += (WORD2VEC,) if os.environ.get("WORD2VEC") else ()
    kept = ("seconds", "words_per_second", "held_out_loss", "wordsim")
    rows = []
    for dim in DIMS:
        runs = {system: [] for system in systems}
        for seed in range(REPEATS):
            for system in systems:
                runs[system].append(measure(system, seed, WIKITEXT, dim=dim, **USUAL))
        for system in systems:
            row = {"system": "gensim" if system in GENSIM else system, "dim": dim}
            for key in kept:
                has = runs[system][0][key] is not None
                row[key] = middle(runs[system], key) if has else None
            row["times_hogwild"] = ratios(runs["hogwild"], runs[system])
            rows.append(row)
    return {"usual": {"machine": machine(), "settings": USUAL, "words": WIKITEXT, "rows": rows}}


def measure_quality(measure, found: dict) -> dict:
    """Compare the losses of hogwild and gensim under both noises; "quality" in the result."""
    rows = [
        {"system": system, "noise": noise, "epochs": epochs, "seed": seed, "words": SMALL}
        | {key: run[key] for key in ("held_out_loss", "wordsim")}
        for noise in ("uniform", CONFIG.noise)
        for epochs in (1, 5)
        for seed in range(REPEATS)
        for system in ("hogwild", found["reference"]["system"])
        for run in [measure(system, seed, SMALL, epochs=epochs, noise=noise)]
    ]
    return {"quality": rows}


def ratios(ours: list[dict], theirs: list[dict]) -> list[float]:
    """Give how many times our seconds the others took, round by round."""
    return [b["seconds"] / a["seconds"] for a, b in zip(ours, theirs, strict=True)]


PARTS = {"speed": measure_speed, "usual": measure_usual, "quality": measure_quality}


def row(system: str, runs: list[dict], losses: dict, reference: float) -> dict:
    """Sum up the runs of one system."""
    loss = losses.get((system, 1))
    reached = loss is not None and loss <= reference and system not in PART
    return {
        "system": system,
        "device": "cpu",
        "words_per_second": middle(runs, "words_per_second"),
        "pairs_per_second": middle(runs, "pairs_per_second"),
        "w60": middle(runs, "w60"),
        "w60_min": min(found["w60"] for found in runs),
        "w60_max": max(found["w60"] for found in runs),
        "seconds_to_reference_loss": middle(runs, "seconds") if reached else None,
        "held_out_loss_1": loss,
        "held_out_loss_5": losses.get((system, 5)),
        "peak_mb": middle(runs, "peak_mb"),
        "sgemm_share": middle(runs, "sgemm_share"),
        "wordsim": middle(runs, "wordsim") if runs[0]["wordsim"] and system not in PART else None,
        "runs": runs,
    }


def middle(runs: list[dict], key: str) -> float:
    """Give the median of one figure."""
    return statistics.median(found[key] for found in runs)


def rounded(value):
    """Keep five digits of each number."""
    if isinstance(value, dict):
        return {key: rounded(part) for key, part in value.items()}
    if isinstance(value, list):
        return [rounded(part) for part in value]
    return float(f"{value:.5g}") if isinstance(value, float) else value


def show(result: dict) -> None:
    """Print the tables of what is stored."""
    columns = {"w60": ",.0f", "seconds_to_reference_loss": ".1f", "held_out_loss_1": ".4f"}
    columns |= {"held_out_loss_5": ".4f", "peak_mb": ".0f", "sgemm_share": ".3f", "wordsim": ".3f"}
    show_rows(result.get("rows", []), columns)
    for name in ("times_gensim", "times_corpus_file"):
        times = ", ".join(f"{value:.1f}" for value in result.get(name, []))
        print(f"{name}, seconds of one epoch over those of hogwild: {times}")
    usual = result.get("usual", {"rows": []})
    columns = {"dim": "d", "seconds": ".2f", "held_out_loss": ".4f", "wordsim": ".3f"}
    show_rows(usual["rows"], columns)
    for row in usual["rows"]:
        times = ", ".join(f"{value:.1f}" for value in row["times_hogwild"])
        print(f"{row['system']}, d={row['dim']}, seconds over those of hogwild: {times}")


def show_rows(rows: list[dict], columns: dict[str, str]) -> None:
    """Print one table."""
    print(f"\n{'system':<28}" + "".join(f"{name[-17:]:>18}" for name in columns))
    for row in rows:
        texts = (
            "-" if row[key] is None else format(row[key], form) for key, form in columns.items()
        )
        print(f"{row['system']:<28}" + "".join(f"{text:>18}" for text in texts))


if __name__ == "__main__":
    main()
