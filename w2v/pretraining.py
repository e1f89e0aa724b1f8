"""From text to checkpoint in one call (Q3.13)."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from w2v.checkpoint import checkpoint_name, read_checkpoint, save_model
from w2v.checks import checked
from w2v.config import Word2VecConfig
from w2v.engines import distributed
from w2v.files import user_path
from w2v.model import Word2Vec
from w2v.text.corpus import load_documents, load_tokenizer, preprocess, vocabulary_identity
from w2v.text.tokens import as_documents, tokenize
from w2v.text.vocabulary import PAD, UNKNOWN, Vocabulary
from w2v.training import History, train_word2vec
from w2v.vectors.words import WordVectors
from w2v.windows import WindowDataset

if TYPE_CHECKING:
    from datasets import Dataset
    from transformers import PreTrainedTokenizerFast

NO_LIMIT = 2**31 - 1  # ids of a document: none is cut off


@checked
def pretrain(
    config: Word2VecConfig,
    directory: str | Path,
    *,
    source: str = "auto",
    corpus: str = "wikitext-2",
    n_samples: int | None = None,
    progress: bool | None = None,
) -> tuple[Path, History]:
    """Load a corpus, tokenise it, train Word2Vec on it and save the checkpoint.

    One document in fifty is held out to measure the loss; all others are trained on.

    Args:
        config: every setting; it names the file.
        directory: where the checkpoint goes.
        source: where text comes from, as in `resolve_source`.
        corpus: "wikitext-2", say, as in `load_documents`.
        n_samples: number of documents; None takes all.
        progress: show a bar with the loss and words per second; None: on a terminal only.

    Returns:
        The path of the checkpoint, and the numbers of each epoch.

    Source: assignment Q3.1 to Q3.13.
    """
    documents, held_out, tokenizer = _load(config, source, corpus, n_samples)
    _, history, path = train_and_save(
        documents,
        held_out,
        config,
        directory,
        vocab_size=len(tokenizer),
        vocabulary=vocabulary_identity(tokenizer),
        progress=progress,
    )
    return path, history


def _load(
    config: Word2VecConfig, source: str, corpus: str, n_samples: int | None
) -> "tuple[Dataset, Dataset, PreTrainedTokenizerFast]":
    """Load the ids of a corpus to train on and to measure with, and their tokenizer."""
    texts = load_documents(corpus, source, n_samples=n_samples, seed=config.seed)
    tokenizer = load_tokenizer(source)
    return *preprocess(texts, tokenizer, valid_fraction=0.02, seed=config.seed), tokenizer


def train_and_save(
    documents: Iterable[Any],
    held_out: Iterable[Any],
    config: Word2VecConfig,
    directory: str | Path,
    *,
    vocab_size: int,
    vocabulary: str,
    words: Sequence[str] | None = None,
    progress: bool | None = None,
) -> tuple[Word2Vec, History, Path]:
    """Train Word2Vec on tokenised documents and save the checkpoint.

    With `border="pad"` the id 0 fills the borders, as in the tokenizers of `load_tokenizer`.

    Args:
        documents: rows with `input_ids` (list of int), to train on.
        held_out: the same, to measure the loss after each epoch.
        config: every setting; it names the file.
        directory: where the checkpoint goes, and the files that `train_word2vec` keeps.
        vocab_size: V, the number of ids.
        vocabulary: what `vocabulary_identity` says of the ids; stored in the file.
        words: the word of each id, where no tokenizer elsewhere knows them; stored in the file.
        progress: show a bar with the loss and words per second; None: on a terminal only.

    Returns:
        The model after the last epoch, the numbers of each epoch, and the path of the checkpoint.

    Source: assignment Q3.5 to Q3.12.
    """
    train_set, valid_set = (
        WindowDataset.from_documents(part, config.radius, config.border)
        for part in (documents, held_out)
    )
    if words is not None:
        _say_untrained(train_set, words)
    generator = torch.Generator().manual_seed(config.seed)
    model = Word2Vec(vocab_size, config.dim, generator=generator)
    history = train_word2vec(
        model,
        train_set,
        valid_set,
        config,
        directory=directory,
        vocabulary=vocabulary,
        words=words,
        progress=progress,
    )
    if distributed.join()[0] == 0:  # of several processes only the first writes
        how = {"counts": train_set.counts(vocab_size), "corpus": train_set.identity()}
        save_model(model, directory, config, vocabulary=vocabulary, words=words, **how)
    return model, history, user_path(directory) / checkpoint_name(config)


def _say_untrained(train_set: WindowDataset, words: Sequence[str]) -> None:
    """Say which words occur and are never the center of a window: they keep random vectors."""
    occur, centers = train_set.counts(len(words)), train_set.center_counts(len(words))
    rows = ((occur > 0) & (centers == 0)).nonzero()[:, 0].tolist()
    if rows:
        examples = ", ".join(str(words[row]) for row in rows[:3])
        print(
            f"{len(rows)} words keep random vectors, {examples} for example: they stand only where "
            "no window has its center, near the ends of texts; border='shift' or 'pad' trains them"
        )


@checked
def pretrain_on_texts(
    texts: "Dataset | Iterable[str]",
    config: Word2VecConfig,
    directory: str | Path,
    *,
    tokenizer: "PreTrainedTokenizerFast | None" = None,
    min_count: int = 1,
    progress: bool | None = None,
) -> tuple[Path, History]:
    """Train Word2Vec on texts of your own, of any length, and save the checkpoint.

    One document in fifty is held out to measure the loss, at least one. Where only one is long
    enough for a window, the loss is measured on the text that is trained on.

    Args:
        texts: strings, a document each: a list, a column of a DataFrame, or what `load_texts`
            and `load_documents` give.
        config: every setting; it names the file.
        directory: where the checkpoint goes.
        tokenizer: cuts the texts; None takes the words of the texts (`Vocabulary.from_strings`).
            The checkpoint keeps the words of a `Vocabulary`.
        min_count: leave out words that occur less often; without a tokenizer only.
        progress: show a bar with the loss and words per second; None: on a terminal only.

    Returns:
        The path of the checkpoint, and the numbers of each epoch.

    Raises:
        TypeError: a text that is no string.
        ValueError: no text, or none that is long enough for a window.
    """
    documents, words = as_documents(texts), None
    if tokenizer is None:
        vocabulary = _vocabulary_of(documents, min_count)
        tokenizer, words = vocabulary.tokenizer(), vocabulary.words
    elif tokenizer.convert_ids_to_tokens([0, 1]) == [PAD, UNKNOWN]:  # of a `Vocabulary`
        words = tokenizer.convert_ids_to_tokens(list(range(len(tokenizer))))
    train_ids, valid_ids = _hold_out(tokenize(documents, tokenizer, max_length=NO_LIMIT), config)
    _, history, path = train_and_save(
        train_ids,
        valid_ids,
        config,
        directory,
        vocab_size=len(tokenizer),
        vocabulary=vocabulary_identity(tokenizer),
        words=words,
        progress=progress,
    )
    return path, history


@checked
def train_on_texts(
    texts: "Dataset | Iterable[str]",
    config: Word2VecConfig,
    *,
    min_count: int = 1,
    progress: bool | None = None,
) -> WordVectors:
    """Train Word2Vec on texts of your own, and give the vectors of their words.

    Args:
        texts: as in `pretrain_on_texts`, which keeps a checkpoint, too.
        config: every setting.
        min_count: leave out words that occur less often.
        progress: show a bar with the loss and words per second; None: on a terminal only.

    Returns:
        The vectors of the words that were trained.

    Raises:
        TypeError, ValueError: as `pretrain_on_texts`.
    """
    documents = as_documents(texts)
    vocabulary = _vocabulary_of(documents, min_count)
    words, ids = vocabulary.words, tokenize(documents, vocabulary.tokenizer(), max_length=NO_LIMIT)
    train_set, valid_set = (
        WindowDataset.from_documents(part, config.radius, config.border)
        for part in _hold_out(ids, config)
    )
    _say_untrained(train_set, words)
    generator = torch.Generator().manual_seed(config.seed)
    model = Word2Vec(len(words), config.dim, generator=generator)
    train_word2vec(model, train_set, valid_set, config, progress=progress)
    return WordVectors.from_model(model, words, counts=train_set.counts(len(words)))


def _vocabulary_of(documents: "Dataset", min_count: int) -> Vocabulary:
    """Collect the words of texts, one at least."""
    vocabulary = Vocabulary.from_strings(documents["text"], min_count=min_count)
    if len(vocabulary.words) == 2 and vocabulary.counts.any():  # pad and unknown alone
        raise ValueError(
            f"texts must hold a word that occurs {min_count} times or more, got none; "
            "lower min_count"
        )
    return vocabulary


def _hold_out(documents: "Dataset", config: Word2VecConfig) -> "tuple[Dataset, Dataset]":
    """Split documents: one in fifty, long enough for a window, is held out."""
    needed = 1 if config.border == "pad" else 2 * config.radius + 1
    draw = torch.Generator().manual_seed(config.seed)
    order = torch.randperm(len(documents), generator=draw).tolist()
    lengths = [len(ids) for ids in documents["input_ids"]]
    enough = [row for row in order if lengths[row] >= needed]
    if len(enough) < 2:
        return documents, documents
    held_out = set(enough[: max(1, round(len(enough) / 50))])
    kept = [row for row in order if row not in held_out]
    return documents.select(kept), documents.select(sorted(held_out))


@checked
def find_or_train(config: Word2VecConfig, directory: str | Path, *, source: str = "auto") -> Path:
    """Find the checkpoint of a training on all of WikiText-2, or train it now, and say which.

    Args:
        config: every setting; it names the file.
        directory: where the checkpoint is, or goes.
        source: where text comes from, as in `resolve_source`.

    Returns:
        The path of a checkpoint of exactly these settings, for the texts and the vocabulary of
        this source.

    Raises:
        CheckpointError: the checkpoint found is damaged.

    Source: assignment Q3.13 and Q4.1.
    """
    path = user_path(directory) / checkpoint_name(config)
    if not path.exists():
        print(f"There is no {path.name}: training it now.")
    elif _is_of(read_checkpoint(path), config, source):
        print(f"Found {path.name}.")
        return path
    else:
        print(f"{path.name} has other settings, words or texts: training it again.")
    return pretrain(config, directory, source=source)[0]


def _is_of(saved: dict[str, Any], config: Word2VecConfig, source: str) -> bool:
    """Tell whether a checkpoint is what a whole training on all of WikiText-2 gives."""
    if (saved["config"], saved["epoch"]) != (asdict(config), config.epochs):
        return False
    documents, _, tokenizer = _load(config, source, "wikitext-2", None)
    train_set = WindowDataset.from_documents(documents, config.radius, config.border)
    found = saved["vocabulary"], saved.get("corpus")
    return found == (vocabulary_identity(tokenizer), train_set.identity())


def fastest_engine() -> dict[str, Any]:
    """Name the fastest engine that is installed here, as settings of a `Word2VecConfig`.

    Returns:
        "hogwild" with shared negatives and a falling learning rate where numba is installed;
        otherwise "loader", after a sentence that says what to install.

    Source: assignment Q3.13 (if it does not take too much time).
    """
    if find_spec("numba"):
        return {"engine": "hogwild", "shared_negatives": True, "decay": True}
    print("numba is not installed: training with the slower loader; pip install 'w2v[fast]'")
    return {"engine": "loader"}
