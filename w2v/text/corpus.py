"""Documents and their tokenizer, from text to two sets of ids (assignment Q3.1)."""

import os
from collections.abc import Iterable
from numbers import Real
from typing import TYPE_CHECKING

import torch

from w2v.checks import (
    check_choice,
    check_default_device,
    check_positive_int,
    check_seed,
    checked,
    shown,
)
from w2v.files import identity_of_words, user_path
from w2v.text import builtin
from w2v.text.catalogue import DOCUMENTS, DocumentSet
from w2v.text.sources import (
    BERT,
    find_file,
    found_file,
    from_hub,
    read_lines,
    resolve_source,
    talking_to_hub,
)
from w2v.text.tokens import as_documents, tokenize

if TYPE_CHECKING:
    from datasets import Dataset
    from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast

BERT_VOCABULARY = "vocabulary-30522-0f052197aac305fe"  # its name, by `vocabulary_identity`


@checked
def load_documents(
    corpus: str = "wikitext-2",
    source: str = "auto",
    *,
    n_samples: int | None = 5000,
    seed: int = 0,
    split: str = "train",
) -> "Dataset":
    """Load the documents of one split, in a seeded order.

    A document is a paragraph of WikiText, an unlabelled film review of IMDB, or a paragraph of
    English novels. Blank lines and ` = Heading = ` lines of WikiText are left out. The built-in
    corpus, whose documents are docstrings, replaces either WikiText.

    Args:
        corpus: "wikitext-2", "wikitext-103", "imdb" or "novels" (in a local directory only).
        source: "auto", "local", "hub" or "builtin", as in `resolve_source`.
        n_samples: how many documents to keep; all of them where None, or where there are fewer.
        seed: of the order, and so of which documents are kept.
        split: "train", "validation" or "test"; "imdb" and "novels" have "train" alone.

    Returns:
        A `datasets.Dataset` with the one column `text`.

    Raises:
        ValueError: an unknown corpus, source or split, a split without documents, or a source
            that does not have the corpus.
        FileNotFoundError: the directory in W2V_DATA lacks the file.
        ConnectionError: the hub does not answer, and its local cache does not hold the corpus.

    Source: assignment Q3.1.
    """
    from datasets import Dataset, Features, Value

    check_choice("corpus", corpus, tuple(DOCUMENTS))
    this = DOCUMENTS[corpus]
    paths, read = this.forms[0]
    check_choice("split", split, tuple(paths))
    check_seed(seed)
    if n_samples is not None:
        check_positive_int("n_samples", n_samples)
    source = resolve_source(source, needs=(corpus,))
    if source == "builtin" and this.builtin:
        texts = builtin.documents(split)
    elif source == "hub" and this.hub:
        texts = read(from_hub(this.hub, split)[this.hub.column])
    elif source == "local":
        texts = _local_documents(this, split)
    else:
        sources = {"local": True, "hub": this.hub, "builtin": this.builtin}
        wanted = " or ".join(repr(name) for name in sources if sources[name])
        raise ValueError(f"source must be {wanted} for {corpus!r}, got {source!r}; set W2V_DATA")
    if not texts:
        raise ValueError(f"the {split} split of {corpus} must hold a document, got none")
    order = _seeded_order(len(texts), seed)[:n_samples]
    features = Features({"text": Value("string")})
    return Dataset.from_dict({"text": [texts[i] for i in order]}, features=features)


@checked
def load_texts(path: str | os.PathLike) -> list[str]:
    """Read the documents of a text file or folder of your own.

    Args:
        path: a UTF-8 file, whose lines are the documents; or a folder, whose .txt files are, those
            in its folders too. A file may be packed by gzip. Blank lines, empty files and hidden
            files are skipped.

    Returns:
        The documents: a file in the order of its lines, a folder in the order of its names.

    Raises:
        FileNotFoundError: there is no such file or folder.
        ValueError: no text, a table (.csv, .tsv, .json), or a file that is damaged or not UTF-8.
    """
    path = user_path(path)
    if path.is_dir():
        files = sorted(
            file
            for file in path.rglob("*")
            if file.name.lower().endswith((".txt", ".txt.gz"))
            and not file.is_dir()
            and not any(part.startswith(".") for part in file.relative_to(path).parts)
        )
        documents = [" ".join("".join(read_lines(file)).split()) for file in files]
    elif path.name.lower().removesuffix(".gz").endswith((".csv", ".tsv", ".json", ".jsonl")):
        raise ValueError(
            f"text must be a file of plain text, got {path.name!r}; read it with pandas, and pass "
            "the column of its texts"
        )
    else:
        documents = [line.strip() for line in read_lines(path)]
    documents = [document for document in documents if document]
    if not documents:
        raise ValueError(f"{str(path)!r} must hold a document (a line, or a .txt file), got none")
    return documents


@checked
def load_tokenizer(source: str = "auto") -> "PreTrainedTokenizerFast":
    """Load the tokenizer that belongs to a source, and check the ids of some words.

    Args:
        source: "auto", "local", "hub" or "builtin", as in `resolve_source`.

    Returns:
        A fast `transformers` tokenizer with a pad token: bert-base-uncased (30,522 pieces), or the
        WordPiece vocabulary of the built-in corpus.

    Raises:
        ValueError: an unknown source, or a vocabulary that is not that of bert-base-uncased.
        FileNotFoundError: the directory in W2V_DATA lacks the file.
        ConnectionError: the hub does not answer, and its local cache does not hold the tokenizer.

    Source: assignment Q3.1.
    """
    source = resolve_source(source)
    if source == "builtin":
        return builtin.tokenizer()
    if source == "local":
        from transformers import BertTokenizerFast  # pyright: ignore  (exported at run time only)

        found = find_file(f"{BERT}/tokenizer.json", f"{BERT}/vocab.txt")
        if found.suffix == ".gz":
            raise ValueError(f"the files of {BERT} must be unpacked, got {found.name}; gunzip it")
        directory = found.parent
        try:
            tokenizer = BertTokenizerFast.from_pretrained(directory)
        except Exception as error:  # the reader of tokenizer.json raises plain exceptions
            raise ValueError(
                f"{str(directory)!r} must hold the complete files of {BERT}, got {error!r:.200}; "
                "download them again"
            ) from error
    else:
        from transformers import AutoTokenizer

        with talking_to_hub(BERT) as offline:
            tokenizer = AutoTokenizer.from_pretrained(BERT, local_files_only=offline)
    return _checked_bert(tokenizer)


def preprocess(
    documents: "Dataset | Iterable[str]",
    tokenizer: "PreTrainedTokenizerFast",
    *,
    max_length: int = 256,
    valid_fraction: float = 0.2,
    seed: int = 0,
) -> "tuple[Dataset, Dataset]":
    """Tokenise documents and split them into a training and a validation part.

    Args:
        documents: a `datasets.Dataset` with a column `text`; or strings, as in `tokenize`.
        tokenizer: a fast `transformers` tokenizer.
        max_length: where a document is cut off, in ids.
        valid_fraction: the share of the validation part, between 0 and 1.
        seed: of the split.

    Returns:
        `document_train_set`, `document_valid_set`: two `datasets.Dataset` with the one column
        `input_ids` (list of int), without special tokens.

    Raises:
        TypeError: a document that is no string.
        ValueError: a fraction not between 0 and 1, or too few documents to fill both parts.

    Source: assignment Q3.1.
    """
    check_default_device()
    check_seed(seed)
    if not isinstance(valid_fraction, Real) or not 0 < valid_fraction < 1:
        raise ValueError(f"valid_fraction must lie between 0 and 1, got {shown(valid_fraction)}")
    valid_fraction = float(valid_fraction)  # of numpy, say
    documents = as_documents(documents)
    n_valid = round(len(documents) * valid_fraction)
    if not 0 < n_valid < len(documents):
        raise ValueError(
            f"documents must fill a training and a validation part, got {len(documents)} documents"
            f" for valid_fraction={valid_fraction!r}"
        )
    texts = documents.select_columns("text")
    order = _seeded_order(len(texts), seed)
    train, valid = texts.select(order[n_valid:]), texts.select(order[:n_valid])
    return (
        tokenize(train, tokenizer, max_length=max_length),
        tokenize(valid, tokenizer, max_length=max_length),
    )


@checked
def vocabulary_identity(tokenizer: "PreTrainedTokenizerBase") -> str:
    """Name a vocabulary by its size and a digest of its pieces in the order of their ids.

    Args:
        tokenizer: a `transformers` tokenizer.

    Returns:
        For example "vocabulary-30522-1f3c0b5a9d2e4f68"; it does not depend on the source.

    Source: assignment Q3.12, Q4.1 (an embedding table belongs to one vocabulary).
    """
    vocabulary = tokenizer.get_vocab()
    return identity_of_words(sorted(vocabulary, key=vocabulary.__getitem__))


def _seeded_order(n: int, seed: int) -> list[int]:
    """Shuffle 0 ... n - 1 by the seed."""
    return torch.randperm(n, generator=torch.Generator().manual_seed(int(seed))).tolist()


def _local_documents(this: DocumentSet, split: str) -> list[str]:
    """Read the documents of a split from the directory in W2V_DATA."""
    present = (form for form in this.forms if found_file(form[0]["train"]))
    paths, read = next(present, this.forms[-1])
    return read(read_lines(find_file(paths[split])))


def _checked_bert(tokenizer: "PreTrainedTokenizerFast") -> "PreTrainedTokenizerFast":
    """Refuse a tokenizer that does not give the ids of bert-base-uncased."""
    identity, pad = vocabulary_identity(tokenizer), tokenizer.pad_token_id
    ids = tokenizer("Hello WORLD", add_special_tokens=False)["input_ids"]
    pieces, normalizer = (
        tokenizer.convert_ids_to_tokens(ids),
        tokenizer.backend_tokenizer.normalizer,
    )
    right = (identity, pad, pieces) == (BERT_VOCABULARY, 0, ["hello", "world"])
    # Accents go, and Chinese letters stand alone.
    if not right or normalizer.normalize_str("\u00c9\u4e2d") != "e \u4e2d ":
        raise ValueError(
            f"the tokenizer must be that of {BERT} ({BERT_VOCABULARY}, pad id 0), got {identity}, "
            f"pad id {pad}, 'Hello WORLD' as {pieces}; replace its files"
        )
    return tokenizer
