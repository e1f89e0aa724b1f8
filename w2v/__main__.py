"""The command line: the settings of an experiment as arguments.

python -m w2v train --dim 128 --radius 5 --ratio 5 --batch_size 512 --epochs 3
torchrun --nproc-per-node 2 -m w2v train --engine hogwild ...
python -m w2v neighbours checkpoints/model_dim-....ckpt river army
python -m w2v export checkpoints/model_dim-....ckpt --output vectors.txt
python -m w2v classify --checkpoint checkpoints/model_dim-....ckpt --batch_size 32 --epochs 10
"""

import os
import sys
from dataclasses import dataclass, field
from pathlib import Path

import torch

import w2v
from w2v.engines import distributed


@dataclass(kw_only=True)
class TrainArguments:
    """Say what to train on, and where to keep the result."""

    source: str = field(default="auto", metadata={"help": "auto, local, hub or builtin"})
    corpus: str = field(
        default="wikitext-2", metadata={"help": "wikitext-2, wikitext-103, imdb or novels"}
    )
    n_samples: int = field(default=5000, metadata={"help": "documents; 0 takes all"})
    directory: str = field(default="checkpoints", metadata={"help": "of the checkpoint"})


@dataclass(kw_only=True)
class ClassifyArguments:
    """Say what the classifier starts from, and what it reads."""

    checkpoint: str = field(default="", metadata={"help": "of Word2Vec; none: a random table"})
    dim: int = field(default=128, metadata={"help": "d of a random table"})
    source: str = field(default="auto", metadata={"help": "auto, local, hub or builtin"})
    n_labels: int = field(default=5000, metadata={"help": "labelled texts to train on"})
    n_valid: int = field(default=5000, metadata={"help": "labelled texts held out"})


@dataclass(kw_only=True)
class ExportArguments:
    """Say which vectors to write, and where."""

    checkpoint: str = field(metadata={"help": "of Word2Vec"})
    output: str = field(metadata={"help": "a file .txt (word2vec text) or .bin (binary)"})


def train(arguments: list[str]) -> None:
    """Train Word2Vec and save it under the assignment's file name.

    Args:
        arguments: `Word2VecConfig` and `TrainArguments` as options.

    Source: assignment Q3.1 to Q3.12.
    """
    config, options = _parse("train", arguments, w2v.Word2VecConfig, TrainArguments)
    if distributed.join()[0]:  # of several processes the first speaks
        sys.stdout = open(os.devnull, "w")
    source = w2v.resolve_source(options.source, needs=(options.corpus,))
    path, history = w2v.pretrain(
        config,
        options.directory,
        source=source,
        corpus=options.corpus,
        n_samples=options.n_samples or None,
    )
    for epoch, (loss, auc) in enumerate(
        zip(history.valid_loss, history.valid_auc, strict=True), start=1
    ):
        print(f"epoch {epoch}: validation loss {loss:.4f} nats per pair, AUC {auc:.4f}")
    print(path)


def classify(arguments: list[str]) -> None:
    """Train the attention classifier on held labels, from a checkpoint or a random table.

    Args:
        arguments: `ClassifierConfig` and `ClassifyArguments` as options.

    Source: assignment Q4.1 to Q4.3.
    """
    config, options = _parse("classify", arguments, w2v.ClassifierConfig, ClassifyArguments)
    source = w2v.resolve_source(options.source, needs=("ag_news",))
    labelled = w2v.load_labelled("ag_news", source).shuffle(seed=config.seed)
    tokenizer = w2v.load_tokenizer(source)
    texts = w2v.tokenize(labelled, tokenizer)
    train_set = texts.select(range(options.n_valid, options.n_valid + options.n_labels))
    valid_set = texts.select(range(options.n_valid))
    dim = options.dim
    if options.checkpoint:
        dim = w2v.load_word2vec(options.checkpoint)[1].dim
    classifier = w2v.ClassAttentionModel(
        len(tokenizer),
        dim,
        labelled.features["label"].num_classes,
        generator=torch.Generator().manual_seed(config.seed),
    )
    if options.checkpoint:
        vocabulary = w2v.vocabulary_identity(tokenizer)
        w2v.load_model(options.checkpoint, classifier, vocabulary=vocabulary)
    history = w2v.train_classifier(classifier, train_set, valid_set, config)
    for epoch, (loss, accuracy) in enumerate(
        zip(history.valid_loss, history.valid_accuracy, strict=True), start=1
    ):
        print(f"epoch {epoch}: validation loss {loss:.4f} nats, accuracy {accuracy:.4f}")


def neighbours(arguments: list[str]) -> None:
    """Print the nearest words of some words.

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
    """Write the center table of a checkpoint in a format that gensim and other tools load.

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


COMMANDS = {"train": train, "classify": classify, "neighbours": neighbours, "export": export}


def _load_vectors(path: str) -> w2v.WordVectors:
    """Read a checkpoint whose rows are the tokenizer's words."""
    tokenizer = w2v.load_tokenizer()
    model, _ = w2v.load_word2vec(path, vocabulary=w2v.vocabulary_identity(tokenizer))
    return w2v.WordVectors.from_model(
        model, tokenizer.convert_ids_to_tokens(list(range(len(tokenizer))))
    )


def _parse(command: str, arguments: list[str], *kinds: type) -> tuple:
    """Turn options into settings; `--help` lists them with their defaults."""
    from transformers import HfArgumentParser

    parser = HfArgumentParser(kinds, prog=f"python -m w2v {command}")
    return parser.parse_args_into_dataclasses(arguments)


def main(arguments: list[str]) -> int:
    """Run one command; an error of the user's is one line, without a trace.

    Args:
        arguments: the command and its options.

    Returns:
        The exit status: 0, or 2 after an error.

    Source: the package's own convention for errors.
    """
    if not arguments or arguments[0] not in COMMANDS:
        asked_for_help = arguments[:1] in (["--help"], ["-h"])
        print(__doc__.strip(), file=sys.stdout if asked_for_help else sys.stderr)
        return 0 if asked_for_help else 2
    try:
        COMMANDS[arguments[0]](arguments[1:])
    except (ValueError, TypeError, KeyError, OSError, FloatingPointError) as error:
        reason = error.args[0] if isinstance(error, KeyError) else error  # str() would quote it
        print(f"w2v: {reason}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
