"""The command line: each setting of an experiment is an option.

python -m w2v train --dim 128 --radius 5 --ratio 5 --batch_size 512 --epochs 3
python -m w2v train --text my.txt --dim 64 --radius 5 --ratio 5 --batch_size 64 --epochs 20
torchrun --nproc-per-node 2 -m w2v train --engine hogwild ...
python -m w2v neighbours checkpoints/model_dim-....ckpt river army
python -m w2v export checkpoints/model_dim-....ckpt --output vectors.txt
python -m w2v classify --checkpoint checkpoints/model_dim-....ckpt --batch_size 32 --epochs 10
python -m w2v classify --csv my.csv --batch_size 32 --epochs 10 --output classifier.ckpt
python -m w2v score --classifier classifier.ckpt --csv test.csv
python -m w2v predict --classifier classifier.ckpt "a text" "another text"
python -m w2v study --name labels

python -m w2v COMMAND --help lists the options of a command.
"""

import io
import os
import signal
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import w2v
from w2v.checks import shown

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

PATHS = {"checkpoint", "classifier", "csv", "directory", "output", "results", "text"}
SOURCE = {"help": "where text comes from: auto, local, hub or builtin"}
VOCABULARIES = ("words", "bert")


@dataclass(kw_only=True)
class TrainArguments:
    """What to train on, and where the checkpoint goes."""

    text: str | None = field(
        default=None,
        metadata={"help": "your own text: a file, a document a line; or a folder of .txt files"},
    )
    vocabulary: str = field(
        default="", metadata={"help": "words (of the text; with --text) or bert (without)"}
    )
    min_count: int = field(
        default=1, metadata={"help": "leave out words seen less often; of --vocabulary words"}
    )
    source: str = field(default="auto", metadata=SOURCE)
    corpus: str | None = field(
        default=None,
        metadata={"help": "wikitext-2 (where nothing is said), wikitext-103, imdb or novels"},
    )
    n_samples: int | None = field(
        default=None,
        metadata={"help": "number of its documents (5000 where nothing is said); 0 takes all"},
    )
    directory: str = field(default="checkpoints", metadata={"help": "folder of the checkpoint"})


@dataclass(kw_only=True)
class CsvArguments:
    """Which labelled texts to read."""

    csv: str | None = field(
        default=None, metadata={"help": "your own labelled texts, as load_csv reads them"}
    )
    text_column: str = field(default="", metadata={"help": "of the CSV; none: it is found"})
    label_column: str = field(default="", metadata={"help": "of the CSV; none: it is found"})
    source: str = field(default="auto", metadata=SOURCE)


@dataclass(kw_only=True)
class ClassifyArguments(CsvArguments):
    """What the classifier starts from, what it is trained on, and where it is saved."""

    classes: list[str] = field(
        default_factory=list, metadata={"help": "names of the classes; none: the CSV's labels"}
    )
    checkpoint: str | None = field(
        default=None, metadata={"help": "of Word2Vec; none: random embeddings"}
    )
    vocabulary: str = field(
        default="",
        metadata={"help": "words (of the texts; with --csv) or bert (without); see --checkpoint"},
    )
    table: str = field(default="center", metadata={"help": "center, context or sum"})
    standardise: bool = field(default=False, metadata={"help": "columns to mean 0, variance 1"})
    dim: int | None = field(
        default=None, metadata={"help": "d of random embeddings (128 where nothing is said)"}
    )
    readout: str = field(default="mean", metadata={"help": "mean (the lab's), class or hidden"})
    start: str = field(default="random", metadata={"help": "random or uniform"})
    n_labels: int = field(
        default=0, metadata={"help": "texts to train on; 0: 5000 of AG News, all of a CSV"}
    )
    output: str | None = field(default=None, metadata={"help": "file to save the classifier in"})


@dataclass(kw_only=True)
class ScoreArguments(CsvArguments):
    """Which saved classifier to score; without --csv on the test rows of AG News."""

    classifier: str = field(metadata={"help": "a file that classify --output wrote"})


@dataclass(kw_only=True)
class PredictArguments:
    """Which saved classifier names the class of some texts."""

    classifier: str = field(metadata={"help": "a file that classify --output wrote"})
    source: str = field(default="auto", metadata=SOURCE)


@dataclass(kw_only=True)
class StudyArguments:
    """Which study to run, and where its files go."""

    name: str = field(metadata={"help": "labels, controls, options, ablation, lab_ablation or all"})
    source: str = field(default="auto", metadata=SOURCE)
    directory: str = field(
        default="checkpoints/studies", metadata={"help": "of embedding tables and finished runs"}
    )
    results: str = field(default="report/results", metadata={"help": "of the results files"})
    n_seeds: int = field(default=5, metadata={"help": "number of seeds, 2 or more"})
    workers: int = field(default=0, metadata={"help": "processes; 0: one per core"})


@dataclass(kw_only=True)
class NeighboursArguments:
    """Where the names of the words come from, if the checkpoint does not keep them."""

    source: str = field(default="auto", metadata=SOURCE)


@dataclass(kw_only=True)
class ExportArguments:
    """Which vectors to write, and where."""

    output: str = field(metadata={"help": "a file .txt (word2vec text) or .bin (binary)"})
    source: str = field(default="auto", metadata=SOURCE)


def train(arguments: list[str]) -> None:
    """Train Word2Vec and save it under the assignment's file name.

    Args:
        arguments: `Word2VecConfig` and `TrainArguments` as options.

    Source: assignment Q3.1 to Q3.12.
    """
    from w2v.checks import check_choice
    from w2v.engines import distributed
    from w2v.text.catalogue import DOCUMENTS

    config, options = _parse("train", arguments, w2v.Word2VecConfig, TrainArguments)
    vocabulary = options.vocabulary or ("words" if options.text else "bert")
    check_choice("vocabulary", vocabulary, VOCABULARIES)
    if options.text is not None:
        _refuse(options, ("corpus", "n_samples"), "without text")
    corpus = options.corpus or "wikitext-2"
    check_choice("corpus", corpus, tuple(DOCUMENTS))
    if vocabulary == "bert" and options.min_count != 1:
        raise ValueError("min_count must go with --vocabulary words, got the words of bert")
    if distributed.join()[0]:  # of several processes only the first prints
        sys.stdout = open(os.devnull, "w")
    n_samples = 5000 if options.n_samples is None else options.n_samples or None
    if not options.text and vocabulary == "bert":
        source = w2v.resolve_source(options.source, needs=(corpus,))
        path, history = w2v.pretrain(
            config, options.directory, source=source, corpus=corpus, n_samples=n_samples
        )
    else:
        if options.text:
            texts = w2v.load_texts(options.text)
        else:
            source = w2v.resolve_source(options.source, needs=(corpus,))
            how = {"n_samples": n_samples, "seed": config.seed}
            texts = w2v.load_documents(corpus, source, **how)
        path, history = w2v.pretrain_on_texts(
            texts,
            config,
            options.directory,
            tokenizer=w2v.load_tokenizer(options.source) if vocabulary == "bert" else None,
            min_count=options.min_count,
        )
    _print_epochs("nats per pair", history.valid_loss, "AUC", history.valid_auc)
    print(path)


def classify(arguments: list[str]) -> None:
    """Train the attention classifier on pretrained or random embeddings, and test it.

    Args:
        arguments: `ClassifierConfig` and `ClassifyArguments` as options.

    Source: assignment Q4.1 to Q4.3.
    """
    import torch

    from w2v.checkpoint import TABLE_CHOICES, read_checkpoint
    from w2v.checks import check_choice, check_positive_int

    epilog = (
        "To score a classifier that --output saved on a labelled CSV: "
        "python -m w2v score --classifier FILE --csv FILE"
    )
    config, options = _parse(
        "classify", arguments, w2v.ClassifierConfig, ClassifyArguments, epilog=epilog
    )
    if not options.csv:
        _refuse(options, ("classes", "text_column", "label_column"), "with csv")
    if options.checkpoint:
        _refuse(options, ("dim", "vocabulary"), "without checkpoint")
    dim = 128 if options.dim is None else options.dim
    kind = options.vocabulary or ("words" if options.csv else "bert")
    check_choice("vocabulary", kind, VOCABULARIES)
    check_choice("table", options.table, TABLE_CHOICES)
    check_positive_int("dim", dim)
    if options.standardise and not options.checkpoint:
        raise ValueError(
            "standardise must go with checkpoint, got no checkpoint; random embeddings have "
            "nothing to standardise"
        )
    if options.output:  # before the training, which would be lost
        _refuse_same(options.output, csv=options.csv, checkpoint=options.checkpoint)
        _check_output(Path(options.output))
    saved = read_checkpoint(options.checkpoint) if options.checkpoint else None
    if options.csv:
        rows = _load_csv(options, options.classes or None)
        n_held_out = max(1, len(rows) // 10)
        *parts, split = w2v.split_labelled(rows, n_valid=n_held_out, n_test=n_held_out)
    else:
        source = w2v.resolve_source(options.source, needs=("ag_news",))
        *parts, split = w2v.split_labelled("ag_news", source)
    n_labels = options.n_labels or (len(parts[0]) if options.csv else 5000)
    if not 0 < n_labels <= len(parts[0]):
        raise ValueError(
            f"n_labels must lie in 1 ... {len(parts[0])}, the training rows, got {n_labels}"
        )
    parts[0] = parts[0].select(range(n_labels))
    classes = parts[0].features["label"].names
    learned = set(parts[0]["label"])
    if absent := [name for i, name in enumerate(classes) if i not in learned]:
        raise ValueError(
            f"the {n_labels} training rows must hold each class, got none of "
            f"{', '.join(absent):.200}; add texts of it, or train on more rows"
        )
    words = saved.get("words") if saved else None
    if saved is None and kind == "words":
        words = w2v.Vocabulary.from_strings(parts[0]["text"]).words
    tokenizer = _load_tokenizer(words, options.source)
    vocabulary = w2v.vocabulary_identity(tokenizer)
    train_set, valid_set, test_set = (w2v.tokenize(part, tokenizer) for part in parts)
    classifier = w2v.ClassAttentionModel(
        len(tokenizer),
        saved["config"]["dim"] if saved else dim,
        len(classes),
        readout=options.readout,
        start=options.start,
        generator=torch.Generator().manual_seed(config.seed),
    )
    if saved:
        how = {"table": options.table, "standardise": options.standardise}
        w2v.load_model(options.checkpoint, classifier, vocabulary=vocabulary, **how)
    history = w2v.train_classifier(classifier, train_set, valid_set, config)
    _print_epochs("nats", history.valid_loss, "accuracy", history.valid_accuracy)
    if options.output:
        kept = {"vocabulary": vocabulary, "classes": classes, "words": words}
        print(w2v.save_classifier(classifier, options.output, **kept))
    print(f"on {split}:")
    _print_scores(classifier, test_set, classes)


def score(arguments: list[str]) -> None:
    """Score a saved classifier on a labelled CSV, or on the test rows of AG News.

    Args:
        arguments: `ScoreArguments` as options.

    Source: assignment Q4.2.
    """
    (options,) = _parse("score", arguments, ScoreArguments)
    if not options.csv:
        _refuse(options, ("text_column", "label_column"), "with csv")
    classifier, classes, tokenizer = _load_classifier(options)
    if options.csv:
        texts = _load_csv(options, classes)
    else:
        source = w2v.resolve_source(options.source, needs=("ag_news",))
        *_, texts, split = w2v.split_labelled("ag_news", source)
        found = texts.features["label"].names
        if classes != found:
            raise ValueError(
                f"csv must be given for a classifier of {', '.join(classes):.200}, got none; "
                f"the test rows have the classes {', '.join(found)}"
            )
        print(f"on {split}:")
    _print_scores(classifier, w2v.tokenize(texts, tokenizer), classes)


def predict(arguments: list[str]) -> None:
    """Print the most probable class of each text, its probability and the text.

    Args:
        arguments: `PredictArguments` as options, and texts; without texts the lines of stdin.
    """
    texts_help = {"nargs": "*", "help": "each in quotes; none: the lines of standard input"}
    options, given = _parse("predict", arguments, PredictArguments, texts=texts_help)
    classifier, classes, tokenizer = _load_classifier(options)
    texts = given.texts or _read_stdin()
    if not texts:
        raise ValueError("predict must get a text, got none")
    best = w2v.predict_texts(classifier, tokenizer, texts).max(dim=1)
    for text, probability, label in zip(texts, *map(list, best), strict=True):
        print(f"{classes[label]}\t{probability:.4f}\t{text}")


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
        arguments: the path of a checkpoint, words, and `NeighboursArguments` as options.

    Source: Mikolov et al. 2013a, section 4.
    """
    options, given = _parse(
        "neighbours",
        arguments,
        NeighboursArguments,
        checkpoint={"help": "of Word2Vec"},
        words={"nargs": "+", "help": "whose neighbours are wanted"},
    )
    vectors = _load_vectors(given.checkpoint, options.source)
    w2v.describe_neighbours({word: vectors.most_similar(word) for word in given.words})


def export(arguments: list[str]) -> None:
    """Write the center embeddings of a checkpoint in a format that gensim and other tools load.

    Args:
        arguments: the path of a checkpoint, and `ExportArguments` as options.

    Source: Mikolov et al. 2013a (the word2vec program).
    """
    checkpoint = {"help": "of Word2Vec"}
    options, given = _parse("export", arguments, ExportArguments, checkpoint=checkpoint)
    suffix = Path(options.output.removesuffix(".gz")).suffix
    if suffix not in (".txt", ".bin"):
        raise ValueError(f"output must end in .txt, .bin or .gz after it, got {options.output!r}")
    _refuse_same(options.output, checkpoint=given.checkpoint)
    vectors = _load_vectors(given.checkpoint, options.source)
    vectors.save_word2vec_format(options.output, binary=suffix == ".bin")
    print(f"{len(vectors)} vectors in {options.output}")


COMMANDS = {
    "train": train,
    "neighbours": neighbours,
    "export": export,
    "classify": classify,
    "score": score,
    "predict": predict,
    "study": study,
}


def _load_tokenizer(words: Sequence[str] | None, source: str) -> "PreTrainedTokenizerFast":
    """Make the tokenizer of the words that a file keeps; without words load that of a source."""
    from w2v.text.vocabulary import make_tokenizer

    return (
        w2v.load_tokenizer(w2v.resolve_source(source)) if words is None else make_tokenizer(words)
    )


def _load_vectors(path: str, source: str) -> "w2v.WordVectors":
    """Read a checkpoint whose rows are its own words, or else the tokenizer's."""
    from w2v.checkpoint import read_checkpoint

    if "words" in read_checkpoint(path):
        return w2v.WordVectors.from_checkpoint(path)
    tokenizer = _load_tokenizer(None, source)
    words = tokenizer.convert_ids_to_tokens(list(range(len(tokenizer))))
    vocabulary = w2v.vocabulary_identity(tokenizer)
    return w2v.WordVectors.from_checkpoint(path, words, vocabulary=vocabulary)


def _load_classifier(
    options: ScoreArguments | PredictArguments,
) -> "tuple[w2v.ClassAttentionModel, list[str], PreTrainedTokenizerFast]":
    """Load a classifier, the names of its classes and its tokenizer."""
    words = w2v.classifier_words(options.classifier)
    tokenizer = _load_tokenizer(words, options.source)
    vocabulary = w2v.vocabulary_identity(tokenizer)
    classifier, classes = w2v.load_classifier(options.classifier, vocabulary=vocabulary)
    return classifier, classes, tokenizer


def _load_csv(options: CsvArguments, classes: list[str] | None) -> Any:
    """Load the labelled texts that the options name."""
    columns = {"text": options.text_column or None, "label": options.label_column or None}
    return w2v.load_csv(options.csv or "", classes, **columns)


def _refuse(options: Any, names: Iterable[str], where: str) -> None:
    """Refuse options that would be ignored."""
    for name in names:
        if vars(options)[name] not in (None, "", []):
            raise ValueError(
                f"{name} must be given {where}, got {shown(vars(options)[name])}; leave one out"
            )


def _refuse_same(output: str, **inputs: str | None) -> None:
    """Refuse an output that is one of the inputs, which would be lost."""
    for name, given in inputs.items():
        if given and os.path.realpath(given) == os.path.realpath(output):
            raise ValueError(f"output must be another file than {name}, got {output!r}")


def _check_output(path: Path) -> None:
    """Refuse a file that could not be written."""
    from w2v.files import check_writable

    check_writable(path.parent)
    try:
        if path.is_dir():
            raise ValueError(f"output must be a file, got the directory {str(path)!r}")
        if path.exists() and not path.is_file():
            raise OSError(0, "it is no regular file")
        # as long a name as that of the temporary file that will replace it
        with tempfile.NamedTemporaryFile(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent):
            pass
    except OSError as error:
        raise ValueError(
            f"output must be a file that can be written, got {shown(str(path))}; {error.strerror}"
        ) from None


def _read_stdin() -> list[str]:
    """Read the lines of standard input as UTF-8, whatever encoding the system has."""
    if sys.stdin is None:  # closed, as by <&-
        return []
    if isinstance(sys.stdin, io.TextIOWrapper):
        sys.stdin.reconfigure(encoding="utf-8-sig", errors="strict")
    try:
        return [line.rstrip("\r\n") for line in sys.stdin]
    except UnicodeDecodeError as error:
        raise ValueError(f"standard input must be UTF-8 text; {error}") from None


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
    command: str,
    arguments: list[str],
    *kinds: type,
    epilog: str | None = None,
    **positional: dict[str, Any],
) -> tuple[Any, ...]:
    """Turn options into settings, and a "~" in a path into the home directory.

    `--help` lists the options with their defaults. Positional arguments come last, as one object.
    """
    from transformers import HfArgumentParser

    from w2v.checks import check_choice
    from w2v.files import user_path
    from w2v.text.sources import SOURCES

    # transformers types a data class as a NewType, which no class satisfies
    parser = HfArgumentParser(
        cast(Any, kinds), prog=f"python -m w2v {command}", epilog=epilog, allow_abbrev=False
    )
    for name, how in positional.items():
        parser.add_argument(name, **how)
    *found, unknown = parser.parse_args_into_dataclasses(arguments, return_remaining_strings=True)
    if unknown:
        parser.error(f"unknown option {unknown[0]}; --help lists the options")
    for options in found:
        check_choice("source", getattr(options, "source", "auto"), SOURCES)
        for name in PATHS & vars(options).keys():
            if vars(options)[name] == "":
                raise ValueError(f"{name} must be a path, got ''; is a shell variable empty?")
            if vars(options)[name]:
                setattr(options, name, str(user_path(vars(options)[name])))
    return tuple(found)


def _import_all() -> None:
    """Import what takes seconds; Ctrl-C then ends the process without a word, as nothing has begun.

    Python would raise KeyboardInterrupt inside the C code of an import, which can make another
    error of it, with a trace.
    """
    found = signal.getsignal(signal.SIGINT)
    if found is not signal.SIG_IGN:  # as of a command in the background
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    import datasets  # noqa: F401
    import transformers  # noqa: F401

    import w2v.text.corpus
    import w2v.training  # noqa: F401

    signal.signal(signal.SIGINT, found)


def main(arguments: list[str]) -> int:
    """Run one command; an error in its options or files prints one line, and no traceback.

    Args:
        arguments: the command and its options.

    Returns:
        The exit status: 0; 2 after an error; 130 after Ctrl-C; 141 where the reader of the output
        has gone, as in `| head -1`.
    """
    try:
        try:
            return _run(arguments)
        finally:
            if sys.stdout is not None:
                sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # Python flushes once more as it ends
        return 141
    except KeyboardInterrupt:
        again = "; run it again to go on from what is finished"  # the two that keep something
        kept = arguments[:1] in (["train"], ["study"])
        print(f"w2v: interrupted{again if kept else ''}", file=sys.stderr)
        return 130
    except (ValueError, TypeError, KeyError, OSError, FloatingPointError, ImportError) as error:
        reason = error.args[0] if isinstance(error, KeyError) else error  # str() would quote it
        print(f"w2v: {reason}", file=sys.stderr)
        return 2
    except (MemoryError, RuntimeError) as error:
        if not isinstance(error, MemoryError) and "memory" not in str(error):
            raise
        print(
            "w2v: memory must be enough, got too little; lower dim or batch_size", file=sys.stderr
        )
        return 2


def _run(arguments: list[str]) -> int:
    """Run the command, or print the commands that there are."""
    if arguments and arguments[0] in COMMANDS:
        COMMANDS[arguments[0]](arguments[1:])
        return 0
    is_help = arguments[:1] in (["--help"], ["-h"])
    stream = sys.stdout if is_help else sys.stderr
    print((__doc__ or "").strip(), file=stream)
    if arguments and not is_help:
        print(
            f"w2v: command must be one of {', '.join(COMMANDS)}, got {arguments[0]!r}", file=stream
        )
    return 0 if is_help else 2


if __name__ == "__main__":
    for stream in (sys.stdout, sys.stderr):
        if isinstance(
            stream, io.TextIOWrapper
        ):  # a console that cannot show a letter shows its code
            stream.reconfigure(errors="backslashreplace")
    if sys.argv[1:] and sys.argv[1] in COMMANDS:
        _import_all()
    sys.exit(main(sys.argv[1:]))
