"""Vocabularies of a text's own words."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import torch

from w2v.checks import (
    as_int,
    check_default_device,
    check_positive_int,
    check_strings,
    check_text,
    checked,
    is_table,
    shown,
)

if TYPE_CHECKING:
    from tokenizers.normalizers import Normalizer
    from tokenizers.pre_tokenizers import PreTokenizer
    from transformers import PreTrainedTokenizerFast

PAD, UNKNOWN = "<pad>", "<unk>"  # ids 0 and 1 of every `Vocabulary`


class Vocabulary:
    """Give each frequent word of some texts an id; all other words share one.

    Id 0 is the pad, "<pad>"; id 1 stands for every word left out, "<unk>". The words kept follow:
    the most frequent first, words of equal count in alphabetical order. A vocabulary can replace
    the BERT tokenizer: ids from `encode` make a `WindowDataset`, `words` names the rows of
    `WordVectors`, and `preprocess` takes `tokenizer()`.

    Args:
        counts: the occurrences of each word in the texts, as a dict or a `Counter`.
        min_count: leave out words that occur less often.
        size: keep at most this many words beside pad and unknown; None keeps all.

    Attributes:
        words: the word of each id, a list of V.
        index: the id of each word, a dict.
        counts: how often each id occurs in the texts, shape (V,), int64.
        raw: the texts were strings (`from_strings`), so that `tokenizer` cuts strings into words.

    Raises:
        TypeError, ValueError: `min_count` or `size` is no positive integer.

    Source: Mikolov et al. 2013a, section 4 (the most frequent words); the word2vec program.
    """

    @checked
    def __init__(
        self, counts: dict[str, int], *, min_count: int = 1, size: int | None = None
    ) -> None:
        check_default_device()
        check_positive_int("min_count", min_count)
        if size is not None:
            check_positive_int("size", size)
        for word, count in counts.items():
            if not isinstance(word, str) or (as_int(count) or 0) < 0 or as_int(count) is None:
                raise TypeError(
                    "counts must be numbers of occurrences of words, got "
                    f"{shown(count)} for {shown(word)}"
                )
        kept = [word for word in counts if counts[word] >= min_count and word not in (PAD, UNKNOWN)]
        kept.sort(key=lambda word: (-counts[word], word))
        self.words = [PAD, UNKNOWN, *kept[:size]]
        self.index = {word: i for i, word in enumerate(self.words)}
        self.counts = torch.tensor([counts.get(word, 0) for word in self.words])  # (V,)
        self.counts[self.unknown_id] += sum(counts.values()) - self.counts.sum()
        self.raw = False

    @classmethod
    @checked
    def from_texts(
        cls, texts: Iterable[Sequence[str]], *, min_count: int = 1, size: int | None = None
    ) -> "Vocabulary":
        """Count the words of texts that are cut into words already.

        Args:
            texts: a list of words each.
            min_count: leave out words that occur less often.
            size: keep at most this many words beside pad and unknown; None keeps all.

        Returns:
            The vocabulary.

        Raises:
            TypeError: a text that is a string, not a list of words.
            TypeError, ValueError: `min_count` or `size` is no positive integer.
        """
        counts = Counter()
        for text in texts:
            counts.update(_list_of_words(text))
        for word in counts:
            if not isinstance(word, str):
                raise TypeError(f"texts must be lists of strings, got {shown(word)} in one")
        return cls(counts, min_count=min_count, size=size)

    @classmethod
    @checked
    def from_strings(
        cls, texts: Iterable[str], *, min_count: int = 1, size: int | None = None
    ) -> "Vocabulary":
        """Count the words of strings: lower case, punctuation marks are words of their own.

        Args:
            texts: a string each.
            min_count: leave out words that occur less often.
            size: keep at most this many words beside pad and unknown; None keeps all.

        Returns:
            The vocabulary.

        Raises:
            TypeError: one string in place of several, or a text that is no string.
            TypeError, ValueError: `min_count` or `size` is no positive integer.
        """
        if isinstance(texts, str):
            raise TypeError(f"texts must be several strings, got one: {texts[:40]!r}")
        if is_table(texts):
            raise TypeError(f"texts must be a list of strings, got {shown(texts)}; pass one column")
        normalizer, splitter = _cutter()
        counts = Counter()
        for row, text in enumerate(texts):
            check_text("texts", text, row)
            for part in re.split(f"({PAD}|{UNKNOWN})", text):  # the tokenizer keeps these whole
                pieces = splitter.pre_tokenize_str(normalizer.normalize_str(part))
                is_word = part in (PAD, UNKNOWN)
                counts.update([part] if is_word else (word for word, _ in pieces))
        vocabulary = cls(counts, min_count=min_count, size=size)
        vocabulary.raw = True
        return vocabulary

    @property
    def pad_id(self) -> int:
        """The id that stands for no word."""
        return 0

    @property
    def unknown_id(self) -> int:
        """The id of every word that was left out."""
        return 1

    def __len__(self) -> int:
        return len(self.words)

    def __contains__(self, word: str) -> bool:
        return word in self.index

    def __repr__(self) -> str:
        return f"Vocabulary({len(self)} words, {int(self.counts.sum())} occurrences)"

    @checked
    def encode(self, words: Sequence[str]) -> list[int]:
        """Give the id of each word.

        Args:
            words: the words of a text.

        Returns:
            As many ids; `unknown_id` for a word that was left out.

        Raises:
            TypeError: one string, or words that are no strings.

        Source: assignment Q3.1 (documents as ids).
        """
        return [self.index.get(word, self.unknown_id) for word in check_strings("words", words)]

    @checked
    def decode(self, ids: Sequence[int]) -> list[str]:
        """Give the word of each id.

        Args:
            ids: numbers in [0, V).

        Returns:
            As many words.

        Raises:
            TypeError: ids that are no integers.
            IndexError: an id outside [0, V).
        """
        found = [as_int(i) for i in ids]
        for i, given in zip(found, ids, strict=True):
            if i is None:
                raise TypeError(f"ids must be integers, got {shown(given)}")
            if not 0 <= i < len(self):
                raise IndexError(f"ids must lie in [0, {len(self)}), got {i}")
        return [self.words[i] for i in found if i is not None]

    @checked
    def count(self, word: str) -> int:
        """Say how often a word of the vocabulary occurs in the texts.

        Args:
            word: the word; `UNKNOWN` for all words left out together.

        Returns:
            Its occurrences.

        Raises:
            KeyError: a word that was left out or never seen.
        """
        if word not in self.index:
            raise KeyError(f"word must be one of the {len(self)} words, got {word!r}")
        return int(self.counts[self.index[word]])

    def tokenizer(self) -> "PreTrainedTokenizerFast":
        """Make a tokenizer of these words, for `preprocess` and `tokenize`.

        It splits a text at white space and changes nothing else: if the words of the vocabulary
        are in lower case, the texts must be, too. After `from_strings` it cuts strings as they
        were cut there.

        Returns:
            A fast `transformers` tokenizer with the same ids.
        """
        return make_tokenizer(self.words, raw=self.raw)


def make_tokenizer(words: Sequence[str], *, raw: bool | None = None) -> "PreTrainedTokenizerFast":
    """Make a tokenizer of the words that a file keeps, as `Vocabulary.tokenizer` makes it.

    Args:
        words: the word of each id; the first two are the pad and the unknown word.
        raw: cut strings into words as `Vocabulary.from_strings` does; else at white space. None:
            the former, unless that would cut one of the words.

    Returns:
        A fast `transformers` tokenizer with the same ids.

    Raises:
        ValueError: words that do not begin with pad and unknown.
    """
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    if list(words[:2]) != [PAD, UNKNOWN]:
        raise ValueError(f"words must begin with {PAD!r}, {UNKNOWN!r}, got {list(words[:2])!r}")
    cut = Tokenizer(models.WordLevel({w: i for i, w in enumerate(words)}, unk_token=UNKNOWN))
    normalizer, splitter = _cutter()
    if raw is None:
        spelt = [unicodedata.normalize("NFC", word) for word in words[2:]]
        pieces = [splitter.pre_tokenize_str(normalizer.normalize_str(word)) for word in spelt]
        raw = [[piece for piece, _ in parts] for parts in pieces] == [[word] for word in spelt]
    if raw:
        cut.normalizer, cut.pre_tokenizer = normalizer, splitter
    else:
        cut.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(tokenizer_object=cut, pad_token=PAD, unk_token=UNKNOWN)


def _cutter() -> "tuple[Normalizer, PreTokenizer]":
    """Give what cuts a string into words: BERT's rules, but accents stay, in one spelling (NFC)."""
    from tokenizers import normalizers, pre_tokenizers

    lower = normalizers.BertNormalizer(lowercase=True, strip_accents=False)
    return normalizers.Sequence([normalizers.NFC(), lower]), pre_tokenizers.BertPreTokenizer()


def _list_of_words(text: Sequence[str]) -> Sequence[str]:
    """Refuse a string, whose letters would count as words, and what is no list."""
    is_list = hasattr(text, "__iter__") and getattr(text, "shape", None) != ()
    if isinstance(text, str) or not is_list or is_table(text):
        raise TypeError(f"text must be a list of words, got {shown(text)}; cut it first")
    return text
