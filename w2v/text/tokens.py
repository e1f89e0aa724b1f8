"""Texts become ids: the same way for documents and for labelled texts, and kept in a cache."""

import contextlib
import hashlib
import json
import sys
from functools import partial
from importlib.metadata import version

from w2v.config import check_positive_int
from w2v.files import cache_directory
from w2v.text.sources import quiet

CACHED_FROM = 1_000_000  # characters: a smaller corpus is tokenised in a second


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
    with contextlib.nullcontext() if sys.stderr.isatty() else quiet():
        ids = _mapped(texts, lambda rows: encode(rows["text"]), options, n_characters)
        if "label" in documents.column_names:
            ids = concatenate_datasets([ids, documents.select_columns("label")], axis=1)
    return ids


def _mapped(texts, encode, options: dict, n_characters: int):
    """Encode texts, or take their ids from the cache, where they lie in a file mapped to memory."""
    from datasets import Dataset

    if n_characters >= CACHED_FROM:
        path = cache_directory() / f"tokens-{options['new_fingerprint']}.arrow"
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
