"""The command line: each setting of an experiment is an option.

python -m w2v train --dim 128 --radius 5 --ratio 5 --batch_size 512 --epochs 3
torchrun --nproc-per-node 2 -m w2v train --engine hogwild ...
python -m w2v neighbours checkpoints/model_dim-....ckpt river army
python -m w2v export checkpoints/model_dim-....ckpt --output vectors.txt
python -m w2v classify --checkpoint checkpoints/model_dim-....ckpt --batch_size 32 --epochs 10
python -m w2v classify --batch_size 32 --epochs 10 --output classifier.ckpt
python -m w2v score --classifier classifier.ckpt --csv test.csv
python -m w2v study --name labels
"""

import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import torch

import w2v
from w2v.engines import distributed

SOURCE = {"help": "where text comes from: auto, local, hub or builtin"}


@dataclass(kw_only=True)
class TrainArguments:
    """What to train on, and where the checkpoint goes."""

    source: str = field(default="auto", metadata=SOURCE)
    corpus: str = field(
        default="wikitext-2", metadata={"help": "wikitext-2, wikitext-103, imdb or novels"}
    )
    n_samples: int = field(default=5000, metadata={"help": "number of documents; 0 takes all"})
    directory: str = field(default="checkpoints", metadata={"help": "folder of the checkpoint"})


@dataclass(kw_only=True)
class ClassifyArguments:
    """What the classifier starts from, what it is trained on, and where it is saved."""

    checkpoint: str = field(default="", metadata={"help": "of Word2Vec; none: random embeddings"})
    table: str = field(default="center", metadata={"help": "center, context or sum"})
    standardise: bool = field(default=False, metadata={"help": "columns to mean 0, variance 1"})
    dim: int = field(default=128, metadata={"help": "d of random embeddings"})
    readout: str = field(default="mean", metadata={"help": "mean (the lab's), class or hidden"})
    start: str = field(default="random", metadata={"help": "random or uniform"})
    source: str = field(default="auto", metadata=SOURCE)
    n_labels: int = field(default=5000, metadata={"help": "labelled texts to train on"})
    output: str = field(default="", metadata={"help": "file to save the classifier in"})


@dataclass(kw_only=True)
class ScoreArguments:
    """Which saved classifier to score, and on which texts."""

    classifier: str = field(metadata={"help": "a file that classify --output wrote"})
    csv: str = field(
        default="",
        metadata={"help": "rows of class (1 ... n, or its name), text; none: AG News test rows"},
    )
    source: str = field(default="auto", metadata=SOURCE)


@dataclass(kw_only=True)
class StudyArguments:
    """Which study to run, and where its files go."""

    name: str = field(metadata={"help": "labels, controls, options, ablation or all"})
    source: str = field(default="auto", metadata=SOURCE)
    directory: str = field(
        default="checkpoints/studies", metadata={"help": "of embedding tables and finished runs"}
    )
    results: str = field(default="report/results", metadata={"help": "of the results files"})
    n_seeds: int = field(default=5, metadata={"help": "number of seeds, 2 or more"})
    workers: int = field(default=0, metadata={"help": "processes; 0: one per core"})


@dataclass(kw_only=True)
class ExportArguments:
    """Which vectors to write, and where."""

    checkpoint: str = field(metadata={"help": "of Word2Vec"})
    output: str = field(metadata={"help": "a file .txt (word2vec text) or .bin (binary)"})


def train(arguments: list[str]) -> None:
    """Train Word2Vec and save it under the assignment's file name.

    Args:
        arguments: `Word2VecConfig` and `TrainArguments` as options.

    Source: assignment Q3.1 to Q3.12.
    """
    config, options = _parse("train", arguments, w2v.Word2VecConfig, TrainArguments)
    if distributed.join()[0]:  # of several processes only the first prints
        sys.stdout = open(os.devnull, "w")
    source = w2v.resolve_source(options.source, needs=(options.corpus,))
    path, history = w2v.pretrain(
        config,
        options.directory,
        source=source,
        corpus=options.corpus,
        n_samples=options.n_samples or None,
    )
    _print_epochs("nats per pair", history.valid_loss, "AUC", history.valid_auc)
    print(path)


def classify(arguments: list[str]) -> None:
    """Train the attention classifier on pretrained or random embeddings, and test it.

    Args:
        arguments: `ClassifierConfig` and `ClassifyArguments` as options.

    Source: assignment Q4.1 to Q4.3.
    """
    epilog = (
        "To score a classifier that --output saved on a labelled CSV (class, then text): "
        "python -m w2v score --classifier FILE --csv FILE"
    )
    config, options = _parse(
        "classify", arguments, w2v.ClassifierConfig, ClassifyArguments, epilog=epilog
    )
    source = w2v.resolve_source(options.source, needs=("ag_news",))
    *parts, split = w2v.split_labelled("ag_news", source)
    classes = parts[0].features["label"].names
    tokenizer = w2v.load_tokenizer(source)
    vocabulary = w2v.vocabulary_identity(tokenizer)
    if not 0 < options.n_labels <= len(parts[0]):
        raise ValueError(
            f"n_labels must lie in 1 ... {len(parts[0])}, the training rows, got {options.n_labels}"
        )
    parts[0] = parts[0].select(range(options.n_labels))
    train_set, valid_set, test_set = (w2v.tokenize(part, tokenizer) for part in parts)
    dim = options.dim
    if options.checkpoint:
        dim = w2v.load_word2vec(options.checkpoint)[1].dim
    classifier = w2v.ClassAttentionModel(
        len(tokenizer),
        dim,
        len(classes),
        readout=options.readout,
        start=options.start,
        generator=torch.Generator().manual_seed(config.seed),
    )
    if options.checkpoint:
        how = {"table": options.table, "standardise": options.standardise}
        w2v.load_model(options.checkpoint, classifier, vocabulary=vocabulary, **how)
    history = w2v.train_classifier(classifier, train_set, valid_set, config)
    _print_epochs("nats", history.valid_loss, "accuracy", history.valid_accuracy)
    if options.output:
        path, kept = options.output, {"vocabulary": vocabulary, "classes": classes}
        print(w2v.save_classifier(classifier, path, **kept))
    print(f"on {split}:")
    _print_scores(classifier, test_set, classes)


def score(arguments: list[str]) -> None:
    """Score a saved classifier on a labelled CSV, or on the test rows of AG News.

    Args:
        arguments: `ScoreArguments` as options.

    Source: assignment Q4.2.
    """
    (options,) = _parse("score", arguments, ScoreArguments)
    source = w2v.resolve_source(options.source, needs=("ag_news",))
    tokenizer = w2v.load_tokenizer(source)
    vocabulary = w2v.vocabulary_identity(tokenizer)
    classifier, classes = w2v.load_classifier(options.classifier, vocabulary=vocabulary)
    if options.csv:
        texts = w2v.load_csv(options.csv, classes)
    else:
        *_, texts, split = w2v.split_labelled("ag_news", source)
        print(f"on {split}:")
    _print_scores(classifier, w2v.tokenize(texts, tokenizer), classes)


def study(arguments: list[str]) -> None:
    """Run one study of the report, or all of them; finished runs are not repeated.

    Args:
        arguments: `StudyArguments` as options.

    Source: assignment Q4.3 and Q4.4.
    """
    from w2v.studies import plans

    (options,) = _parse("study", arguments, StudyArguments)
    source = w2v.resolve_source(options.source, needs=("ag_news", "wikitext-2"))
    for name in plans.STUDIES if options.name == "all" else [options.name]:
        path = plans.write_study(
            name,
            options.directory,
            options.results,
            source=source,
            seeds=range(options.n_seeds),
            workers=options.workers or None,
            progress=True,
        )
        print(path)
        for row in plans.read_results(name, options.results):
            print(
                "{labels:>6} labels  {accuracy_mean:.3f} [{accuracy_low:.3f}, "
                "{accuracy_high:.3f}]  {system}".format(**row)
            )


def neighbours(arguments: list[str]) -> None:
    """Print the nearest neighbours of some words.

    Args:
        arguments: the path of a checkpoint, then words.

    Source: Mikolov et al. 2013a, section 4.
    """
    if len(arguments) < 2:
        raise ValueError(f"neighbours must get a checkpoint and words, got {arguments!r}")
    path, *words = arguments
    vectors = _load_vectors(path)
    w2v.describe_neighbours({word: vectors.most_similar(word) for word in words})


def export(arguments: list[str]) -> None:
    """Write the center embeddings of a checkpoint in a format that gensim and other tools load.

    Args:
        arguments: the path of a checkpoint, and `ExportArguments` as options.

    Source: Mikolov et al. 2013a (the word2vec program).
    """
    if arguments and not arguments[0].startswith("-"):
        arguments = ["--checkpoint", *arguments]
    (options,) = _parse("export", arguments, ExportArguments)
    suffix = Path(options.output).suffix
    if suffix not in (".txt", ".bin"):
        raise ValueError(f"output must end in .txt or .bin, got {options.output!r}")
    vectors = _load_vectors(options.checkpoint)
    vectors.save_word2vec_format(options.output, binary=suffix == ".bin")
    print(f"{len(vectors)} vectors in {options.output}")


COMMANDS = {
    "train": train,
    "neighbours": neighbours,
    "export": export,
    "classify": classify,
    "score": score,
    "study": study,
}


def _load_vectors(path: str) -> "w2v.WordVectors":
    """Read a checkpoint whose rows are the tokenizer's words."""
    tokenizer = w2v.load_tokenizer()
    model, _ = w2v.load_word2vec(path, vocabulary=w2v.vocabulary_identity(tokenizer))
    words = tokenizer.convert_ids_to_tokens(list(range(len(tokenizer))))
    return w2v.WordVectors.from_model(model, words)


def _print_epochs(unit: str, losses: list[float], name: str, scores: list[float]) -> None:
    """Print the validation loss and one score of each epoch."""
    for epoch, (loss, value) in enumerate(zip(losses, scores, strict=True), start=1):
        print(f"epoch {epoch}: validation loss {loss:.4f} {unit}, {name} {value:.4f}")


def _print_scores(
    classifier: "w2v.ClassAttentionModel", texts: Iterable[Any], classes: list[str]
) -> None:
    """Print accuracy, interval and confusions on tokenised texts."""
    print(w2v.format_scores(w2v.score_texts(classifier, texts), classes))


def _parse(
    command: str, arguments: list[str], *kinds: type, epilog: str | None = None
) -> tuple[Any, ...]:
    """Turn options into settings; `--help` lists them with their defaults."""
    from transformers import HfArgumentParser

    # transformers types a data class as a NewType, which no class satisfies
    parser = HfArgumentParser(cast(Any, kinds), prog=f"python -m w2v {command}", epilog=epilog)
    return parser.parse_args_into_dataclasses(arguments)


def main(arguments: list[str]) -> int:
    """Run one command; an error in its options or files prints one line, and no traceback.

    Args:
        arguments: the command and its options.

    Returns:
        The exit status: 0, or 2 after an error.
    """
    if not arguments or arguments[0] not in COMMANDS:
        is_help = arguments[:1] in (["--help"], ["-h"])
        print((__doc__ or "").strip(), file=sys.stdout if is_help else sys.stderr)
        return 0 if is_help else 2
    try:
        COMMANDS[arguments[0]](arguments[1:])
    except (ValueError, TypeError, KeyError, OSError, FloatingPointError, ImportError) as error:
        reason = error.args[0] if isinstance(error, KeyError) else error  # str() would quote it
        print(f"w2v: {reason}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
