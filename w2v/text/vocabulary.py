"""Words and their counts: vocabularies, which occurrences stay, and the noise of negatives."""

import copy
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from w2v.config import (
    SUBSAMPLE_RULES,
    check_choice,
    check_positive,
    check_positive_int,
    noise_exponent,
)

if TYPE_CHECKING:
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

    Raises:
        TypeError, ValueError: `min_count` or `size` is no positive integer.

    Source: Mikolov et al. 2013a, section 4 (the most frequent words); the word2vec program.
    """

    def __init__(
        self, counts: dict[str, int], *, min_count: int = 1, size: int | None = None
    ) -> None:
        check_positive_int("min_count", min_count)
        if size is not None:
            check_positive_int("size", size)
        kept = [word for word in counts if counts[word] >= min_count and word not in (PAD, UNKNOWN)]
        kept.sort(key=lambda word: (-counts[word], word))
        self.words = [PAD, UNKNOWN, *kept[:size]]
        self.index = {word: i for i, word in enumerate(self.words)}
        self.counts = torch.tensor([counts.get(word, 0) for word in self.words])  # (V,)
        self.counts[self.unknown_id] += sum(counts.values()) - self.counts.sum()

    @classmethod
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
        return cls(counts, min_count=min_count, size=size)

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

    def encode(self, words: Sequence[str]) -> list[int]:
        """Give the id of each word.

        Args:
            words: the words of a text.

        Returns:
            As many ids; `unknown_id` for a word that was left out.

        Raises:
            TypeError: a string, not a list of words.

        Source: assignment Q3.1 (documents as ids).
        """
        return [self.index.get(word, self.unknown_id) for word in _list_of_words(words)]

    def decode(self, ids: Sequence[int]) -> list[str]:
        """Give the word of each id.

        Args:
            ids: numbers in [0, V).

        Returns:
            As many words.

        Raises:
            IndexError: an id outside [0, V).
        """
        for i in ids:
            if not 0 <= i < len(self):
                raise IndexError(f"ids must lie in [0, {len(self)}), got {i!r}")
        return [self.words[i] for i in ids]

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

        It splits a text at white space and changes nothing else. If the words of the vocabulary
        are in lower case, the texts must be, too.

        Returns:
            A fast `transformers` tokenizer with the same ids.
        """
        from tokenizers import Tokenizer, models, pre_tokenizers
        from transformers import PreTrainedTokenizerFast

        cut = Tokenizer(models.WordLevel(self.index, unk_token=UNKNOWN))
        cut.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
        return PreTrainedTokenizerFast(tokenizer_object=cut, pad_token=PAD, unk_token=UNKNOWN)


def _list_of_words(text: Sequence[str]) -> Sequence[str]:
    """Refuse a string: each of its letters would count as a word."""
    if isinstance(text, str):
        raise TypeError(f"text must be a list of words, got {text[:40]!r}; cut it first")
    return text


def keep_probabilities(counts: Tensor, threshold: float, rule: str) -> Tensor:
    """Say how likely an occurrence of each word stays where frequent words are left out.

    For a word that makes up the share f of the text:
    "word2vec.c" keeps it with (sqrt(f / t) + 1) t / f, or 1 where that is more;
    "paper" keeps it with sqrt(t / f), or 1 where that is more;
    "percentile" keeps it with sqrt(t / (f + t)), t being that percentile of the shares of the
    words that occur: no word is safe, and of one at the percentile 71 % stay.

    Args:
        counts: occurrences of each id, shape (V,), int64.
        threshold: t for the first two; a percentile in (0, 100] for "percentile".
        rule: "word2vec.c", "paper" or "percentile".

    Returns:
        Probabilities, shape (V,), float64; 1 for ids that do not occur.

    Raises:
        TypeError, ValueError: another rule, or a threshold that is out of range.

    Source: Mikolov et al. 2013b, section 2.3, eq. (5); the word2vec program; Breslow 2022.
    """
    check_choice("subsample_rule", rule, SUBSAMPLE_RULES)
    check_positive("threshold", threshold)
    shares = counts.double() / counts.sum()  # (V,): f
    if rule == "percentile":
        if threshold > 100:
            raise ValueError(f"threshold must be a percentile up to 100, got {threshold!r}")
        limit = torch.quantile(shares[counts > 0], threshold / 100)  # (): t
        keep = (limit / (shares + limit)).sqrt()  # (V,)
    elif rule == "paper":
        keep = (threshold / shares).sqrt()  # (V,)
    else:
        excess = shares / threshold  # (V,): f / t
        keep = (excess.sqrt() + 1) / excess  # (V,)
    return keep.clamp(max=1)  # (V,)


class NoiseDistribution:
    """Draw word ids with probabilities proportional to count ** exponent, in constant time each.

    Built once as an alias table (Walker's method): a draw picks one of V equal columns, then
    one of the two ids that share the column. `torch.multinomial` would rebuild its own table at
    every call.

    Args:
        weights: unnormalised probabilities, shape (V,), 0 or more, one at least above 0.

    Raises:
        ValueError: weights that are negative, not finite or all zero.

    Source: assignment Q3.6; Mikolov et al. 2013b, section 2.2; Walker 1977.
    """

    def __init__(self, weights: Tensor) -> None:
        weights = weights.double()
        total = weights.sum()
        least = weights.min() if len(weights) else total
        if not (total > 0 and torch.isfinite(total) and (weights >= 0).all()):
            raise ValueError(
                "weights must be finite, 0 or more and not all 0, "
                f"got a sum of {total.item()!r} and a minimum of {least.item()!r}"
            )
        self.vocab_size = len(weights)
        self.probabilities = weights / total  # (V,)
        self.threshold, self.alias = _alias_table(self.probabilities)  # (V,) each
        self.is_uniform = bool((self.threshold >= 1).all())  # every column holds one id alone

    @classmethod
    def from_name(cls, noise: str, counts: Tensor) -> "NoiseDistribution":
        """Build the distribution that a config names.

        Args:
            noise: "uniform" (every id of the vocabulary alike, unseen ones too), or
                "unigram^a": count ** a, so that ids never seen are never drawn.
            counts: occurrences of each id in the training set, shape (V,).

        Returns:
            The distribution.

        Raises:
            ValueError: another name, or counts that are all zero.

        Source: assignment Q3.6; Mikolov et al. 2013b, section 2.2.
        """
        if noise == "uniform":
            return cls(torch.ones(len(counts)))
        exponent = noise_exponent(noise)
        return cls(torch.where(counts > 0, counts.double() ** exponent, 0.0))

    def to(self, device: torch.device) -> "NoiseDistribution":
        """Give the same distribution, to draw on another device.

        Args:
            device: where the ids are wanted.

        Returns:
            A distribution whose tables are there; on the same device, they are shared.

        Source: the package's own convention for devices.
        """
        moved = copy.copy(self)
        moved.threshold, moved.alias = self.threshold.to(device), self.alias.to(device)
        return moved

    def sample(self, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
        """Draw independent word ids, with replacement.

        Args:
            shape: the shape wanted.
            generator: where the randomness comes from, on the device of the distribution.

        Returns:
            Ids in [0, V), of that shape, int64.

        Source: assignment Q3.6.
        """
        device = generator.device
        column = torch.randint(self.vocab_size, shape, generator=generator, device=device)
        if self.is_uniform:
            return column
        height = torch.rand(shape, generator=generator, device=device)
        return torch.where(height < self.threshold[column], column, self.alias[column])


def _alias_table(probabilities: Tensor) -> tuple[Tensor, Tensor]:
    """Split V unequal probabilities into V columns of equal height that hold two ids at most."""
    heights = (probabilities * len(probabilities)).tolist()
    threshold = [1.0] * len(heights)
    alias = list(range(len(heights)))
    low = [i for i, height in enumerate(heights) if height < 1]
    high = [i for i, height in enumerate(heights) if height >= 1]
    while low and high:
        short, tall = low.pop(), high[-1]
        threshold[short], alias[short] = heights[short], tall
        heights[tall] -= 1 - heights[short]
        if heights[tall] < 1:
            low.append(high.pop())
    return torch.tensor(threshold), torch.tensor(alias)
