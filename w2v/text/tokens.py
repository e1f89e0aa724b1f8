"""Texts become ids: the same way for documents and for labelled texts, and kept in a cache."""

import contextlib
import hashlib
import json
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from w2v.checks import check_positive_int, check_text, shown
from w2v.files import CheckpointError, cache_directory, is_same, read_sealed, write_sealed
from w2v.text.sources import quiet

if TYPE_CHECKING:
    from datasets import Dataset
    from transformers import PreTrainedTokenizerFast

CACHED_FROM = 1_000_000  # characters: a smaller corpus is tokenised in a second
BATCH = 1000  # texts that the tokenizer gets at once


def tokenize(
    documents: "Dataset | Iterable[str]",
    tokenizer: "PreTrainedTokenizerFast",
    *,
    max_length: int = 256,
) -> "Dataset":
    """Turn texts into ids, the same way for documents and for labelled texts.

    No special tokens are added: Word2Vec would not train their rows, and the classifier would
    read them. The tokenizer uses all cores; a terminal shows a progress bar. The ids of a corpus
    of a million characters or more are kept in the platform's cache directory.

    Args:
        documents: a `datasets.Dataset` with a column `text`, and perhaps `label`; or strings: a
            list, or a column of a DataFrame.
        tokenizer: a fast `transformers` tokenizer.
        max_length: where a text is cut off, in ids.

    Returns:
        A `datasets.Dataset` with `input_ids` (list of int), and `label` where it was there.

    Raises:
        TypeError: a text that is no string.
        ValueError: no documents, no column `text`, or a `max_length` below 1.

    Source: assignment Q3.1; section 4.
    """
    from datasets import concatenate_datasets

    max_length = check_positive_int("max_length", max_length)
    documents = as_documents(documents)
    if not len(documents):
        raise ValueError("documents must hold at least one text, got none")
    if not hasattr(tokenizer, "backend_tokenizer"):
        raise TypeError(f"tokenizer must be a fast one of transformers, got {shown(tokenizer)}")

    texts = documents.select_columns("text")
    digest, n_characters = _digest(texts, tokenizer, max_length)
    encode = partial(encode_texts, texts, tokenizer, max_length)
    cached = partial(_cached, encode, digest, len(texts), len(tokenizer))
    tokens, offsets = encode() if n_characters < CACHED_FROM else cached()
    ids = _as_dataset(tokens, offsets, digest)
    if "label" in documents.column_names:
        with quiet():
            ids = concatenate_datasets([ids, documents.select_columns("label")], axis=1)
    return ids


def as_documents(documents: "Dataset | Iterable[str]") -> "Dataset":
    """Make a dataset of strings, where it is none yet.

    Args:
        documents: as in `tokenize`.

    Returns:
        A `datasets.Dataset` with a column `text`.

    Raises:
        TypeError: a single string, a dict, a table without the name of its column, or a text that
            is no string.
        ValueError: a dataset without a column `text`.
    """
    from datasets import Dataset, Features, Value

    if isinstance(documents, Dataset):
        if "text" not in documents.column_names:
            raise ValueError(f"documents must have a column 'text', got {documents.column_names}")
        return documents.with_format(None)  # plain strings, whatever format the rows have
    is_list = hasattr(documents, "__iter__") and getattr(documents, "ndim", 1) == 1
    if isinstance(documents, (str, bytes, Mapping)) or not is_list:
        raise TypeError(
            "documents must be a datasets.Dataset with a column 'text', or a list of strings, "
            f"got {type(documents).__name__}; pass one column, or one split"
        )
    texts = list(documents)
    for row, text in enumerate(texts):
        check_text("documents", text, row)
    return Dataset.from_dict({"text": texts}, features=Features({"text": Value("string")}))


def _cached(
    encode: Callable[[], tuple[Tensor, Tensor]], digest: str, n_texts: int, vocab_size: int
) -> tuple[Tensor, Tensor]:
    """Return the ids from the cache, where they stay in the file; encode what is not there."""
    name = f"tokens-{digest}.pt"
    with contextlib.suppress(OSError, CheckpointError):  # missing or damaged: made again
        saved = read_sealed(cache_directory() / name, mmap=True)
        if is_same(saved.get("made_from"), digest) and _are_ids(saved, n_texts, vocab_size):
            return saved["tokens"], saved["offsets"]
    tokens, offsets = encode()
    try:
        path = cache_directory() / name
        write_sealed(path, {"tokens": tokens, "offsets": offsets, "made_from": digest})
    except CheckpointError as error:
        print(f"The ids could not be cached ({error}), and will be made again.")
    return tokens, offsets


def _are_ids(saved: dict[str, Any], n_texts: int, vocab_size: int) -> bool:
    """Tell whether the parts of a cached file are the ids of so many texts, out of so many."""
    tokens, offsets = saved.get("tokens"), saved.get("offsets")
    if not (isinstance(tokens, Tensor) and isinstance(offsets, Tensor)):
        return False
    if (tokens.dtype, tokens.dim(), offsets.dtype) != (torch.int32, 1, torch.int64):
        return False
    if offsets.shape != (n_texts + 1,) or [*offsets[[0, -1]]] != [0, len(tokens)]:
        return False
    are_in_range = not len(tokens) or 0 <= int(tokens.min()) <= int(tokens.max()) < vocab_size
    return are_in_range and bool((offsets.diff() >= 0).all())


def encode_texts(
    texts: "Dataset", tokenizer: "PreTrainedTokenizerFast", max_length: int
) -> tuple[Tensor, Tensor]:
    """Turn n texts into ids, some texts at a time.

    Args:
        texts: n texts, in a column `text`.
        tokenizer: as in `tokenize`.
        max_length: where a text is cut off, in ids.

    Returns:
        All ids in one row, int32; and where each text starts in it, shape (n + 1,), int64.

    Source: assignment Q3.1.
    """
    tokens, offsets = array("i"), array("q", [0])  # they grow in place: no second copy
    with tqdm(total=len(texts), desc="tokenising", unit=" texts", disable=None) as bar:
        for batch in _batches(texts):
            encoded = tokenizer(
                batch,
                add_special_tokens=False,
                truncation=True,
                max_length=max_length,
                return_attention_mask=False,
                return_token_type_ids=False,
            )
            for ids in encoded["input_ids"]:
                tokens.extend(ids)
                offsets.append(len(tokens))
            bar.update(len(batch))
    return torch.from_numpy(np.asarray(tokens)), torch.from_numpy(np.asarray(offsets))


def _batches(texts: "Dataset") -> Iterator[list[str]]:
    """Yield the texts in order, some at a time."""
    for first in range(0, len(texts), BATCH):
        yield texts[first : first + BATCH]["text"]


def _as_dataset(tokens: Tensor, offsets: Tensor, fingerprint: str) -> "Dataset":
    """Make a dataset of lists of ids. They are views of the tokens, so that nothing is copied."""
    import pyarrow
    from datasets import Dataset

    ids, lists = pyarrow.array(tokens.numpy()), []
    for first in range(0, len(offsets) - 1, BATCH):  # offsets of a pyarrow list are int32
        places = offsets[first : first + BATCH + 1]
        start, end = int(places[0]), int(places[-1])
        relative = pyarrow.array((places - start).int().numpy())
        lists.append(pyarrow.ListArray.from_arrays(relative, ids[start:end]))
    table = pyarrow.table({"input_ids": pyarrow.chunked_array(lists)})
    return Dataset(table, fingerprint=fingerprint)


def _digest(
    texts: "Dataset", tokenizer: "PreTrainedTokenizerFast", max_length: int
) -> tuple[str, int]:
    """Digest all that the ids of texts depend on; count the characters of the texts."""
    state = json.loads(tokenizer.backend_tokenizer.to_str())
    state["truncation"] = state["padding"] = None  # of the last call
    sides = tokenizer.truncation_side, getattr(tokenizer, "split_special_tokens", False)
    state = [state, max_length, sides, version("tokenizers")]
    digest = hashlib.sha256(json.dumps(state).encode())
    n_characters = 0
    for row, text in enumerate(text for batch in _batches(texts) for text in batch):
        check_text("documents", text, row)
        n_characters += len(text)
        content = text.encode()
        digest.update(len(content).to_bytes(8, "little") + content)
    return digest.hexdigest()[:32], n_characters
