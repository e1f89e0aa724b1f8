"""Where text comes from: documents, labelled texts and tokenizers (assignment Q3.1).

The one room that may reach the network. Three sources, one interface: files in the directory that
the environment variable W2V_DATA names ("local"), the Hugging Face hub ("hub"), and the docstrings
of the installed packages ("builtin", see `w2v.builtin`).
"""

import contextlib
import csv
import gzip
import hashlib
import html
import http.client
import json
import os
import re
import sys
import threading
import urllib.request
import warnings
from functools import cache, partial
from importlib.metadata import version
from pathlib import Path

import torch
from tqdm import TqdmWarning

from w2v import builtin
from w2v.config import check_choice, check_positive_int, check_seed

with warnings.catch_warnings():  # on a page without widgets tqdm warns, at its first import only
    warnings.simplefilter("ignore", TqdmWarning)
    import tqdm.auto  # noqa: F401

SOURCES = ("auto", "local", "hub", "builtin")
SPLITS = ("train", "validation", "test")
BERT = "bert-base-uncased"
BERT_IDS = {"[PAD]": 0, "[UNK]": 100, "hello": 7592, "world": 2088}
BERT_SIZE = 30_522
CACHED_FROM = 1_000_000  # characters: a smaller corpus is tokenised in a second
HUB_PATIENCE = 4.0  # seconds, name look-up included: a closed network costs less than 5

# Each corpus: its name on the hub, then its files under W2V_DATA (each may end in .gz as well). Raw
# files are taken where the raw train split is there; the word-tokenised ones otherwise.
WIKITEXT = {
    "wikitext-2": {
        "hub": ("Salesforce/wikitext", "wikitext-2-raw-v1"),
        "raw": dict.fromkeys(SPLITS, "wikitext-2-raw/wiki.{}.raw.txt"),
        "tokens": dict.fromkeys(SPLITS, "wikitext-2-v1/wiki.{}.tokens"),
    },
    "wikitext-103": {
        "hub": ("Salesforce/wikitext", "wikitext-103-raw-v1"),
        "raw": dict.fromkeys(SPLITS, "wikitext-103-raw/wiki.{}.raw.txt"),
        "tokens": {
            "train": "wikitext-103-head/wiki.{}.head.tokens",
            "validation": "wikitext-103-head/wiki.{}.tokens",
            "test": "wikitext-103-head/wiki.{}.tokens",
        },
    },
}
PLAIN = {  # a document a line, and no split but train
    "imdb": {"hub": ("stanfordnlp/imdb", None), "file": "imdb/imdb_unsup.txt"},
    "novels": {"hub": None, "file": "english_novels/english_novels.txt"},
}
LABELLED = {
    "ag_news": {
        "hub": ("fancyzhx/ag_news", None),
        "classes": ("World", "Sports", "Business", "Sci/Tech"),
        "files": {
            "train": ("ag_news/train.csv", "ag_news/train_partial.csv"),
            "test": ("ag_news/test.csv",),  # or .csv.gz
        },
    },
}

# AG News lost the "&" of its HTML codes to a space: " #39;s" was "&#39;s". Only the codes that do
# occur are named, since " part;" or " real;" are words far more often than codes.
_LOST_AMPERSAND = re.compile(
    r"(?:^| )(?=(?:#x?[0-9a-fA-F]+|quot|amp|lt|gt|nbsp|hellip|[mn]dash|[lr][sd]quo"
    r"|[a-zA-Z](?:acute|grave|circ|uml|tilde|cedil));)"
)
_TAG = re.compile(r"</?[a-zA-Z][^<>]*>")


def resolve_source(source: str = "auto", *, needs: tuple[str, ...] = ("wikitext-2",)) -> str:
    """Settle where this process takes its text from, and say so once if it was left open.

    Documents, labelled texts and tokenizer must come from one place, so "auto" is settled once
    for a process: the directory in W2V_DATA; else the hub, if it answers within 5 seconds or holds
    everything in its local cache; else the built-in corpus.

    Args:
        source: "auto", or "local", "hub" or "builtin", which are returned as they are.
        needs: the corpora that the hub's local cache must hold to be taken without a network.

    Returns:
        "local", "hub" or "builtin".

    Raises:
        ValueError: another source, or a name in `needs` that is unknown.
        FileNotFoundError: W2V_DATA is set but names no directory.

    Source: assignment Q3.1.
    """
    check_choice("source", source, SOURCES)
    for name in needs:
        check_choice("needs", name, (*WIKITEXT, *PLAIN, *LABELLED))
    if source == "auto":
        return _settle_source(os.environ.get("W2V_DATA", ""), tuple(needs))
    if source == "local":
        _data_directory()
    return source


_settled: dict[str, str] = {}


def _settle_source(directory: str, needs: tuple[str, ...]) -> str:
    """Settle "auto" for this value of W2V_DATA, the first time with a printed sentence."""
    if directory not in _settled:
        if directory:
            _data_directory()
            source, sentence = "local", "the directory in W2V_DATA"
        elif _hub_answers():
            source, sentence = "hub", "the Hugging Face hub"
        elif all(_is_cached(name) for name in (BERT, *needs)):
            source, sentence = "hub", "the hub's local cache, since the hub does not answer"
        else:
            source = "builtin"
            sentence = "the built-in docstrings, since W2V_DATA is not set and no hub answers"
        print(f"Text comes from {sentence}.")
        _settled[directory] = source
    return _settled[directory]


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
        texts = _paragraphs(_from_hub(*WIKITEXT[name]["hub"], split)["text"])
    if not texts:
        raise ValueError(f"the {split} split of {name} must hold a document, got none")
    order = _seeded_order(len(texts), seed)[:n_samples]
    return _dataset({"text": [texts[i] for i in order]}, {"text": "string"})


def load_labelled(name: str = "ag_news", source: str = "auto", *, split: str = "train"):
    """Load labelled texts, cleaned, in the order of their file.

    AG News texts are title and description joined by a space; a training text that occurs twice
    is kept once, with its first label. The built-in corpus stands in with a
    question of its own: which of four libraries does a docstring describe?

    Args:
        name: "ag_news".
        source: "auto", "local", "hub" or "builtin", as in `resolve_source`.
        split: "train" or "test".

    Returns:
        A `datasets.Dataset` with the columns `text` and `label`, a `ClassLabel` (ids 0 ... n - 1)
        that knows the names of the n classes.

    Raises:
        ValueError: an unknown name, source or split, or a row whose label is none of the classes.
        FileNotFoundError: the directory in W2V_DATA lacks the file.
        ConnectionError: the hub neither answers nor has the texts in its local cache.

    Source: assignment section 4.
    """
    from datasets import ClassLabel

    check_choice("name", name, tuple(LABELLED))
    check_choice("split", split, ("train", "test"))
    source = resolve_source(source, needs=(name,))
    classes = LABELLED[name]["classes"]
    if source == "builtin":
        texts, labels, classes = builtin.labelled(split)
    elif source == "local":
        texts, labels = _local_csv(_find(*LABELLED[name]["files"][split]), len(classes))
    else:
        rows = _from_hub(*LABELLED[name]["hub"], split)
        texts, labels = rows["text"], list(rows["label"])
    if source != "builtin":
        texts = [clean_ag_news(text) for text in texts]
    if split == "train":  # once cleaned, some texts are the same: a held-out part must share none
        first = {text: row for row, text in reversed(list(enumerate(texts)))}
        texts, labels = zip(*((texts[i], labels[i]) for i in sorted(first.values())), strict=True)
    columns = {"text": list(texts), "label": list(labels)}
    return _dataset(columns, {"text": "string", "label": ClassLabel(names=list(classes))})


def split_labelled(
    name: str = "ag_news",
    source: str = "auto",
    *,
    n_valid: int = 5000,
    n_test: int = 5000,
    seed: int = 0,
):
    """Part the labelled texts into those to learn from, to choose by, and to test on.

    The official test split is taken where there is one (local files: `test.csv` beside the
    training rows). Else a seeded part of the training rows is kept for the test. No text lies in
    two parts.

    Args:
        name: "ag_news".
        source: "auto", "local", "hub" or "builtin", as in `resolve_source`.
        n_valid: training rows to choose settings by.
        n_test: training rows to test on, where there is no official test split.
        seed: of the parts.

    Returns:
        Three `datasets.Dataset` as `load_labelled` gives them, to train, choose and test; and
        "official test rows" or "held-out training rows".

    Raises:
        ValueError: fewer training rows than both parts and one row more.
        FileNotFoundError: the directory in W2V_DATA lacks the file.

    Source: assignment section 4.
    """
    check_positive_int("n_valid", n_valid)
    check_positive_int("n_test", n_test)
    source = resolve_source(source, needs=(name,))
    rows = load_labelled(name, source).shuffle(seed=seed)
    if len(rows) <= n_valid + n_test:
        raise ValueError(
            f"n_valid and n_test must leave a row to learn from, got {n_valid!r} and {n_test!r} of "
            f"{len(rows)} rows"
        )
    valid, rest = range(n_valid), range(n_valid, len(rows))
    if source == "local" and _found(*LABELLED[name]["files"]["test"]) is None:
        train, test = rest[:-n_test], rest[-n_test:]
        return *(rows.select(part) for part in (train, valid, test)), "held-out training rows"
    official = load_labelled(name, source, split="test")
    known, texts = set(official["text"]), rows["text"]
    train, valid = (
        rows.select([i for i in part if texts[i] not in known]) for part in (rest, valid)
    )
    return train, valid, official, "official test rows"


def load_csv(path: str | os.PathLike, classes: list[str]):
    """Load labelled texts from any CSV file whose first column is the class.

    Args:
        path: a UTF-8 file, plain or ending in .gz. The first column holds the number of the class
            (1 for the first) or its name; the others are joined to the text. A first row without
            a class is a header.
        classes: the names of the classes.

    Returns:
        A `datasets.Dataset` with the columns `text` and `label`, as `load_labelled` gives it.

    Raises:
        ValueError: a row without text or with another class, or no row at all.
        FileNotFoundError: there is no such file.

    Source: assignment section 4.
    """
    from datasets import ClassLabel

    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"path must be an existing file, got {str(path)!r}")
    number = {str(i): i - 1 for i in range(1, len(classes) + 1)}
    number |= {name: i for i, name in enumerate(classes)}
    texts, labels = [], []
    with _open_text(path, newline="") as file:
        for line, row in enumerate(csv.reader(file), start=1):
            if len(row) > 1 and row[0] in number:
                texts.append(clean_ag_news(" ".join(row[1:])))
                labels.append(number[row[0]])
            elif line > 1:
                raise ValueError(
                    f"row {line} of {path.name} must be a class (1 to {len(classes)}, or one of "
                    f"{', '.join(classes)}) and text, got {row!r}"
                )
    if not texts:
        raise ValueError(f"{path.name} must hold a labelled text, got none")
    return _dataset(
        {"text": texts, "label": labels},
        {"text": "string", "label": ClassLabel(names=list(classes))},
    )


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
        directory = _find(f"{BERT}/tokenizer.json", f"{BERT}/vocab.txt").parent
        tokenizer = BertTokenizerFast.from_pretrained(directory)
    else:
        with _hub(BERT) as offline:
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


def tokenize(documents, tokenizer, *, max_length: int = 256):
    """Turn texts into ids, the same way for documents and for labelled texts.

    No special tokens: their rows would enter the classifier without ever having been trained.
    Uses all cores, and shows a bar on a terminal. The ids of a million characters or more are
    kept in the platform's cache directory, under a digest of texts and tokenizer.

    Args:
        documents: a `datasets.Dataset` with a column `text`, and perhaps `label`.
        tokenizer: a fast `transformers` tokenizer.
        max_length: where a text is cut off, in ids.

    Returns:
        A `datasets.Dataset` with `input_ids` (list of int), and `label` where it was there.

    Raises:
        ValueError: no documents, or a `max_length` below 1.

    Source: assignment Q3.1; section 4.
    """
    check_positive_int("max_length", max_length)
    if not len(documents):
        raise ValueError("documents must hold at least one text, got none")
    from datasets import Features, Sequence, Value, concatenate_datasets

    encode = partial(
        tokenizer,
        add_special_tokens=False,
        truncation=True,
        max_length=max_length,
        return_attention_mask=False,
        return_token_type_ids=False,
    )
    texts = documents.select_columns("text")
    key, n_characters = _identity_of_ids(texts, tokenizer, max_length)
    options = {
        "batched": True,  # the tokenizer's own threads share the texts of a batch
        "remove_columns": ["text"],
        "features": Features({"input_ids": Sequence(Value("int32"))}),
        "new_fingerprint": key,
        "desc": "tokenising",
    }
    with contextlib.nullcontext() if sys.stderr.isatty() else _quiet():
        ids = _mapped(texts, lambda rows: encode(rows["text"]), options, n_characters)
        if "label" in documents.column_names:
            ids = concatenate_datasets([ids, documents.select_columns("label")], axis=1)
    return ids


def _mapped(texts, encode, options: dict, n_characters: int):
    """Encode texts, or take their ids from the cache, where they lie in a file mapped to memory."""
    from datasets import Dataset

    if n_characters >= CACHED_FROM:
        path = builtin.cache_directory() / f"tokens-{options['new_fingerprint']}.arrow"
        with contextlib.suppress(OSError, ValueError):  # absent or damaged: made again
            if len(found := Dataset.from_file(str(path))) == len(texts):
                return found
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            return texts.map(
                encode, cache_file_name=str(path), load_from_cache_file=False, **options
            )
        except OSError as error:
            print(f"The ids could not be cached ({error.strerror}), and will be made again.")
    return texts.map(encode, **options)


def _identity_of_ids(texts, tokenizer, max_length: int) -> tuple[str, int]:
    """Digest all that the ids of texts depend on; count the characters of the texts."""
    state = json.loads(tokenizer.backend_tokenizer.to_str())
    state["truncation"] = state["padding"] = None  # of the last call
    digest = hashlib.sha256(json.dumps([state, max_length, version("tokenizers")]).encode())
    n_characters = 0
    for rows in texts.iter(batch_size=1000):
        for text in rows["text"]:
            n_characters += len(text)
            content = text.encode("utf-8", "surrogatepass")
            digest.update(len(content).to_bytes(8, "little") + content)
    return digest.hexdigest()[:32], n_characters


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


def clean_ag_news(text: str) -> str:
    """Give a news text back its characters: codes, tags and line breaks are undone.

    HTML codes become characters (also those that lost their "&" to a space), tags go, a backslash
    (which stands for a line break, or before a "$") becomes a space, and runs of spaces become one.

    Args:
        text: title and description as the file has them.

    Returns:
        The text as a reader would have seen it.

    Source: assignment section 4 (AG News).
    """
    text = html.unescape(html.unescape(_LOST_AMPERSAND.sub("&", text)))
    return " ".join(_TAG.sub(" ", text).replace("\\", " ").split())


def _seeded_order(n: int, seed: int) -> list[int]:
    """Shuffle 0 ... n - 1 by the seed."""
    return torch.randperm(n, generator=torch.Generator().manual_seed(seed)).tolist()


def _dataset(columns: dict, types: dict):
    """Make a `datasets.Dataset` of plain lists; a type is a name, [a name] or a feature."""
    from datasets import Dataset, Features, Sequence, Value

    def feature(kind):
        if isinstance(kind, list):
            return Sequence(Value(kind[0]))
        return Value(kind) if isinstance(kind, str) else kind

    features = Features({column: feature(kind) for column, kind in types.items()})
    return Dataset.from_dict(columns, features=features)


def _paragraphs(lines: list[str]) -> list[str]:
    """Keep the lines that are paragraphs: not blank, and no ` = Heading = `."""
    lines = (line.rstrip("\n") for line in lines)
    kept = (x for x in lines if not (x.startswith(" = ") and x.endswith(" = ")))
    return [line.strip() for line in kept if line.strip()]


def _undo_word_tokens(line: str) -> str:
    """Undo what WikiText's word-tokenised files did to a line: unknown words, split numbers."""
    for mark, text in ((" @-@ ", "-"), (" @,@ ", ","), (" @.@ ", "."), ("<unk>", "[UNK]")):
        line = line.replace(mark, text)
    return line


def _local_wikitext(name: str, split: str) -> list[str]:
    """Read the paragraphs of a WikiText split from the directory in W2V_DATA."""
    raw, tokens = WIKITEXT[name]["raw"], WIKITEXT[name]["tokens"]
    # All splits must be of one kind, and the train split settles which.
    is_raw = _found(raw["train"].format("train")) is not None
    pattern = (raw if is_raw else tokens)[split]
    with _open_text(_find(pattern.format("valid" if split == "validation" else split))) as file:
        paragraphs = _paragraphs(file)
    return paragraphs if is_raw else [_undo_word_tokens(text) for text in paragraphs]


def _plain_texts(name: str, source: str) -> list[str]:
    """Read the documents of a corpus that has no split: tags go, and so do blank lines."""
    here = PLAIN[name]
    sources = ("local", "hub") if here["hub"] else ("local",)
    if source not in sources:
        wanted = " or ".join(map(repr, sources))
        raise ValueError(f"source must be {wanted} for {name!r}, got {source!r}; set W2V_DATA")
    if source == "hub":
        lines = _from_hub(*here["hub"], "unsupervised")["text"]
    else:
        with _open_text(_find(here["file"])) as file:
            lines = file.readlines()
    texts = (" ".join(_TAG.sub(" ", line).split()) for line in lines)
    return [text for text in texts if text]


def _local_csv(path: Path, n_classes: int) -> tuple[list[str], list[int]]:
    """Read rows of class (1 ... n), title, description: texts, and labels 0 ... n - 1."""
    texts, labels = [], []
    with _open_text(path, newline="") as file:
        for number, row in enumerate(csv.reader(file), start=1):
            known = [str(label) for label in range(1, n_classes + 1)]
            if len(row) != 3 or row[0] not in known:
                raise ValueError(
                    f"row {number} of {path.name} must be class (1 to {n_classes}), title,"
                    f" description, got {row!r:.80}"
                )
            texts.append(f"{row[1]} {row[2]}".strip())
            labels.append(int(row[0]) - 1)
    return texts, labels


def _data_directory() -> Path:
    """Return the directory that W2V_DATA names."""
    directory = os.environ.get("W2V_DATA", "")
    if not directory:
        raise FileNotFoundError('W2V_DATA must name a directory for source="local", got nothing')
    if not Path(directory).is_dir():
        raise FileNotFoundError(f"W2V_DATA must name a directory, got {directory!r}; unset it")
    return Path(directory)


def _found(name: str) -> Path | None:
    """Return the path of a file under W2V_DATA, plain or gzipped, if it is there."""
    candidates = (_data_directory() / name, _data_directory() / f"{name}.gz")
    return next((path for path in candidates if path.is_file()), None)


def _find(*names: str) -> Path:
    """Return the first of some files under W2V_DATA that is there."""
    for name in names:
        if (path := _found(name)) is not None:
            return path
    raise FileNotFoundError(
        f"the directory in W2V_DATA must hold {' or '.join(names)} (or the same with .gz), got no"
        " such file; add it, or pass another source"
    )


def _open_text(path: Path, newline: str | None = None):
    """Open a UTF-8 text file, gzipped or not."""
    opener = gzip.open if path.suffix == ".gz" else open
    return opener(path, "rt", encoding="utf-8", newline=newline)


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


@cache
def _hub_answers() -> bool:
    """Ask the hub for one small file's head; once for a process, and for 5 seconds at most."""
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        return False
    answers = []

    def ask() -> None:
        request = urllib.request.Request(
            f"{constants.ENDPOINT}/{BERT}/resolve/main/vocab.txt", method="HEAD"
        )
        with contextlib.suppress(OSError, ValueError, http.client.HTTPException):
            urllib.request.urlopen(request, timeout=HUB_PATIENCE).close()
            answers.append(True)

    # A name look-up takes no timeout, hence the thread that may be left behind.
    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(HUB_PATIENCE)
    return bool(answers)


def _is_cached(name: str) -> bool:
    """Tell whether the hub's local cache holds a corpus, or the tokenizer."""
    if name == BERT:
        from huggingface_hub import try_to_load_from_cache

        files = ("tokenizer.json", "vocab.txt")
        return any(isinstance(try_to_load_from_cache(BERT, file), str) for file in files)
    from datasets import config

    repository, configuration = {**WIKITEXT, **PLAIN, **LABELLED}[name]["hub"] or ("", None)
    folder = Path(config.HF_DATASETS_CACHE) / repository.replace("/", "___")
    return any(folder.glob(f"{configuration or 'default'}/*/*/dataset_info.json"))


@contextlib.contextmanager
def _hub(name: str):
    """Talk to the hub; without a network keep to its local cache, and never retry.

    Yields whether the hub is offline.
    """
    import datasets
    from huggingface_hub import constants

    offline = not _hub_answers()
    before = constants.HF_HUB_OFFLINE, datasets.config.HF_HUB_OFFLINE
    try:
        if offline:
            constants.HF_HUB_OFFLINE = datasets.config.HF_HUB_OFFLINE = True
        with _quiet():
            yield offline
    except (OSError, ValueError) as error:
        if not offline:
            raise
        raise ConnectionError(
            f"the hub must answer, or its local cache must hold {name}, got neither; set W2V_DATA,"
            ' or pass source="builtin"'
        ) from error
    finally:
        constants.HF_HUB_OFFLINE, datasets.config.HF_HUB_OFFLINE = before


@contextlib.contextmanager
def _quiet():
    """Keep the progress bars and advice of the hub's clients off the page, for a while."""
    import datasets
    from huggingface_hub import utils

    modules = (datasets, utils)
    with_bars = [module for module in modules if not module.are_progress_bars_disabled()]
    levels = [module.logging.get_verbosity() for module in modules]
    for module in modules:
        module.logging.set_verbosity_error()
        module.disable_progress_bars()
    try:
        yield
    finally:
        for module, level in zip(modules, levels, strict=True):
            module.logging.set_verbosity(level)
        for module in with_bars:
            module.enable_progress_bars()


def _from_hub(repository: str, configuration: str | None, split: str):
    """Load one split of a corpus of the hub, or of its local cache."""
    from datasets import load_dataset

    with _hub(repository):
        return load_dataset(repository, configuration, split=split)
