"""Documents and their tokenizer, from text to two sets of ids (assignment Q3.1)."""

import hashlib

import torch

from w2v.config import check_choice, check_positive_int, check_seed
from w2v.text import builtin
from w2v.text.cleaning import clean_review, undo_word_tokens
from w2v.text.sources import (
    BERT,
    HUB,
    find_file,
    found_file,
    from_hub,
    open_text,
    resolve_source,
    talking_to_hub,
)
from w2v.text.tokens import tokenize

SPLITS = ("train", "validation", "test")
BERT_IDS = {"[PAD]": 0, "[UNK]": 100, "hello": 7592, "world": 2088}
BERT_SIZE = 30_522

# The files of each corpus under W2V_DATA (each may end in .gz as well). Raw files are taken where
# the raw train split is there; the word-tokenised ones otherwise.
WIKITEXT = {
    "wikitext-2": {
        "raw": dict.fromkeys(SPLITS, "wikitext-2-raw/wiki.{}.raw.txt"),
        "tokens": dict.fromkeys(SPLITS, "wikitext-2-v1/wiki.{}.tokens"),
    },
    "wikitext-103": {
        "raw": dict.fromkeys(SPLITS, "wikitext-103-raw/wiki.{}.raw.txt"),
        "tokens": {
            "train": "wikitext-103-head/wiki.{}.head.tokens",
            "validation": "wikitext-103-head/wiki.{}.tokens",
            "test": "wikitext-103-head/wiki.{}.tokens",
        },
    },
}
PLAIN = {  # a document a line, and no split but train
    "imdb": "imdb/imdb_unsup.txt",
    "novels": "english_novels/english_novels.txt",
}


def load_documents(
    name: str = "wikitext-2",
    source: str = "auto",
    *,
    n_samples: int | None = 5000,
    seed: int = 0,
    split: str = "train",
):
    """Load the documents of one split, in a seeded order.

    A document is a paragraph of WikiText (blank lines and ` = Heading = ` lines are no documents),
    or a docstring of the built-in corpus, which stands in for either WikiText; or, for a bigger
    training, an unlabelled film review of IMDB, or a paragraph of English novels.

    Args:
        name: "wikitext-2", "wikitext-103", "imdb" or "novels" (in a local directory only).
        source: "auto", "local", "hub" or "builtin", as in `resolve_source`.
        n_samples: how many documents to keep; all of them where None, or where there are fewer.
        seed: of the order, and so of which documents are kept.
        split: "train", "validation" or "test"; "imdb" and "novels" have "train" alone.

    Returns:
        A `datasets.Dataset` with the one column `text`.

    Raises:
        ValueError: an unknown name, source or split, a split without documents, or a source
            that does not have the corpus.
        FileNotFoundError: the directory in W2V_DATA lacks the file.
        ConnectionError: the hub neither answers nor has the corpus in its local cache.

    Source: assignment Q3.1.
    """
    from datasets import Dataset, Features, Value

    check_choice("name", name, (*WIKITEXT, *PLAIN))
    check_choice("split", split, ("train",) if name in PLAIN else SPLITS)
    check_seed(seed)
    if n_samples is not None:
        check_positive_int("n_samples", n_samples)
    source = resolve_source(source, needs=(name,))
    if name in PLAIN:
        texts = _plain_texts(name, source)
    elif source == "builtin":
        texts = builtin.documents(split)
    elif source == "local":
        texts = _local_wikitext(name, split)
    else:
        texts = _paragraphs(from_hub(name, split)["text"])
    if not texts:
        raise ValueError(f"the {split} split of {name} must hold a document, got none")
    order = _seeded_order(len(texts), seed)[:n_samples]
    features = Features({"text": Value("string")})
    return Dataset.from_dict({"text": [texts[i] for i in order]}, features=features)


def load_tokenizer(source: str = "auto"):
    """Load the tokenizer that belongs to a source, and check that it knows its words.

    Args:
        source: "auto", "local", "hub" or "builtin", as in `resolve_source`.

    Returns:
        A fast `transformers` tokenizer with a pad token: bert-base-uncased (30,522 pieces), or the
        WordPiece vocabulary of the built-in corpus.

    Raises:
        ValueError: an unknown source, or a vocabulary that is not that of bert-base-uncased.
        FileNotFoundError: the directory in W2V_DATA lacks the file.
        ConnectionError: the hub neither answers nor has the tokenizer in its local cache.

    Source: assignment Q3.1.
    """
    source = resolve_source(source)
    if source == "builtin":
        return builtin.tokenizer()
    from transformers import AutoTokenizer, BertTokenizerFast

    if source == "local":
        directory = find_file(f"{BERT}/tokenizer.json", f"{BERT}/vocab.txt").parent
        tokenizer = BertTokenizerFast.from_pretrained(directory)
    else:
        with talking_to_hub(BERT) as offline:
            tokenizer = AutoTokenizer.from_pretrained(BERT, local_files_only=offline)
    return _checked_bert(tokenizer)


def preprocess(
    documents,
    tokenizer,
    *,
    max_length: int = 256,
    valid_fraction: float = 0.2,
    seed: int = 0,
):
    """Tokenise documents and split them into a training and a validation part.

    Args:
        documents: a `datasets.Dataset` with a column `text`.
        tokenizer: a fast `transformers` tokenizer.
        max_length: where a document is cut off, in ids.
        valid_fraction: the share of the validation part, between 0 and 1.
        seed: of the split.

    Returns:
        `document_train_set`, `document_valid_set`: two `datasets.Dataset` with the one column
        `input_ids` (list of int), without special tokens.

    Raises:
        ValueError: a fraction not between 0 and 1, or too few documents to fill both parts.

    Source: assignment Q3.1.
    """
    check_seed(seed)
    if not 0 < valid_fraction < 1:
        raise ValueError(f"valid_fraction must lie between 0 and 1, got {valid_fraction!r}")
    n_valid = round(len(documents) * valid_fraction)
    if not 0 < n_valid < len(documents):
        raise ValueError(
            f"documents must fill a training and a validation part, got {len(documents)} documents"
            f" for valid_fraction={valid_fraction!r}"
        )
    texts = documents.select_columns("text")
    order = _seeded_order(len(texts), seed)
    train, valid = texts.select(order[n_valid:]), texts.select(order[:n_valid])
    return tuple(tokenize(part, tokenizer, max_length=max_length) for part in (train, valid))


def vocabulary_identity(tokenizer) -> str:
    """Name a vocabulary by its size and a digest of its pieces in the order of their ids.

    Args:
        tokenizer: a `transformers` tokenizer.

    Returns:
        For example "vocabulary-30522-1f3c0b5a9d2e4f68"; the same wherever the files came from.

    Source: assignment Q3.12, Q4.1 (a table fits one vocabulary only).
    """
    vocabulary = tokenizer.get_vocab()
    pieces = "\n".join(sorted(vocabulary, key=vocabulary.get))
    digest = hashlib.sha256(pieces.encode()).hexdigest()[:16]
    return f"vocabulary-{len(vocabulary)}-{digest}"


def _seeded_order(n: int, seed: int) -> list[int]:
    """Shuffle 0 ... n - 1 by the seed."""
    return torch.randperm(n, generator=torch.Generator().manual_seed(seed)).tolist()


def _paragraphs(lines: list[str]) -> list[str]:
    """Keep the lines that are paragraphs: not blank, and no ` = Heading = `."""
    lines = (line.rstrip("\n") for line in lines)
    kept = (x for x in lines if not (x.startswith(" = ") and x.endswith(" = ")))
    return [line.strip() for line in kept if line.strip()]


def _local_wikitext(name: str, split: str) -> list[str]:
    """Read the paragraphs of a WikiText split from the directory in W2V_DATA."""
    raw, tokens = WIKITEXT[name]["raw"], WIKITEXT[name]["tokens"]
    # All splits must be of one kind, and the train split settles which.
    is_raw = found_file(raw["train"].format("train")) is not None
    pattern = (raw if is_raw else tokens)[split]
    with open_text(find_file(pattern.format("valid" if split == "validation" else split))) as file:
        paragraphs = _paragraphs(file)
    return paragraphs if is_raw else [undo_word_tokens(text) for text in paragraphs]


def _plain_texts(name: str, source: str) -> list[str]:
    """Read the documents of a corpus that has no split: tags go, and so do blank lines."""
    sources = ("local", "hub") if HUB[name] else ("local",)
    if source not in sources:
        wanted = " or ".join(map(repr, sources))
        raise ValueError(f"source must be {wanted} for {name!r}, got {source!r}; set W2V_DATA")
    if source == "hub":
        lines = from_hub(name, "unsupervised")["text"]
    else:
        with open_text(find_file(PLAIN[name])) as file:
            lines = file.readlines()
    return [text for line in lines if (text := clean_review(line))]


def _checked_bert(tokenizer):
    """Refuse a tokenizer that does not give the ids of bert-base-uncased."""
    got = {word: tokenizer.convert_tokens_to_ids(word) for word in BERT_IDS}
    encoded = tokenizer("hello world", add_special_tokens=False)["input_ids"]
    right = encoded == [BERT_IDS["hello"], BERT_IDS["world"]] and tokenizer.pad_token_id == 0
    if got != BERT_IDS or len(tokenizer) != BERT_SIZE or not right:
        raise ValueError(
            f"the tokenizer must be that of {BERT} ({BERT_SIZE} pieces, {BERT_IDS}), got"
            f" {len(tokenizer)} pieces, {got}, pad id {tokenizer.pad_token_id},"
            f" 'hello world' as {encoded}; replace its files"
        )
    return tokenizer
