"""What is kept after training: words, their vectors, and who is near whom."""

from collections.abc import Sequence
from functools import cached_property

import numpy as np
from torch import Tensor

from w2v.model import Word2Vec


class WordVectors:
    """Hold one vector for each word, and find the words nearest to others.

    Args:
        words: n different words.
        vectors: their vectors, shape (n, d), float32.

    Raises:
        ValueError: words and vectors that differ in number, or a word given twice.

    Source: Mikolov et al. 2013a, section 4 (nearest words by cosine).
    """

    def __init__(self, words: Sequence[str], vectors: np.ndarray) -> None:
        self.words = list(words)
        self.vectors = np.asarray(vectors, dtype=np.float32)  # (n, d)
        self.index = {word: row for row, word in enumerate(self.words)}
        if len(self.words) != len(self.vectors):
            raise ValueError(
                f"vectors must have a row for each of {len(self.words)} words, "
                f"got shape {self.vectors.shape}"
            )
        if len(self.index) != len(self.words):
            raise ValueError(f"words must differ, got {len(self.words) - len(self.index)} twice")

    @classmethod
    def from_model(
        cls,
        model: Word2Vec,
        words: Sequence[str],
        *,
        counts: Tensor | None = None,
        min_count: int = 1,
    ) -> "WordVectors":
        """Take the center table of a model, without the rows that were hardly trained.

        Args:
            model: the model, of V words.
            words: the word of each id, V of them.
            counts: occurrences of each id in the training set, shape (V,); None keeps all.
            min_count: leave out words seen less often.

        Returns:
            The vectors of the words kept.

        Raises:
            ValueError: a number of words other than V.

        Source: assignment section 1.2 (E^w).
        """
        table = model.center_embeddings.weight.detach().cpu().numpy()  # (V, d)
        if len(words) != len(table):
            raise ValueError(f"words must be {len(table)}, one for each id, got {len(words)}")
        kept = range(len(words)) if counts is None else np.flatnonzero(counts >= min_count)
        return cls([words[row] for row in kept], table[kept].copy())

    def __len__(self) -> int:
        return len(self.words)

    def __contains__(self, word: str) -> bool:
        return word in self.index

    def __getitem__(self, word: str) -> np.ndarray:
        if word not in self.index:
            raise KeyError(f"word must be one of the {len(self)} words, got {word!r}")
        return self.vectors[self.index[word]]  # (d,)

    @cached_property
    def unit_vectors(self) -> np.ndarray:
        """The vectors at length 1, shape (n, d), float32; a zero vector stays zero."""
        norms = np.linalg.norm(self.vectors, axis=1, keepdims=True)  # (n, 1)
        return self.vectors / np.where(norms > 0, norms, 1)  # (n, d)

    def most_similar(
        self, positive: str | Sequence[str], negative: str | Sequence[str] = (), topn: int = 10
    ) -> list[tuple[str, float]]:
        """Find the words whose vectors turn most to the same side as the words given.

        Args:
            positive: a word, or words, to be near to.
            negative: a word, or words, to be far from.
            topn: how many words to give.

        Returns:
            Pairs of a word and its cosine with the mean of the unit vectors of `positive` and
            of the negated ones of `negative`; highest first, the words given left out.

        Raises:
            KeyError: an unknown word.
            ValueError: no word at all.

        Source: Mikolov et al. 2013a, section 4.
        """
        positive = [positive] if isinstance(positive, str) else list(positive)
        negative = [negative] if isinstance(negative, str) else list(negative)
        if not positive + negative:
            raise ValueError("positive must hold a word or more, got none")
        for word in positive + negative:
            self[word]
        given = [self.index[word] for word in positive + negative]
        signs = np.array([1.0] * len(positive) + [-1.0] * len(negative), dtype=np.float32)
        query = signs @ self.unit_vectors[given] / len(given)  # (d,)
        cosines = self.unit_vectors @ (query / max(np.linalg.norm(query), 1e-12))  # (n,)
        cosines[given] = -np.inf
        n_found = min(topn, len(self) - len(set(given)))
        best = np.argsort(-cosines, kind="stable")[:n_found]
        return [(self.words[row], float(cosines[row])) for row in best]

    def similarity(self, word: str, other: str) -> float:
        """Give the cosine of the vectors of two words.

        Args:
            word: one word.
            other: another word.

        Returns:
            A number in [-1, 1].

        Raises:
            KeyError: an unknown word.

        Source: Mikolov et al. 2013a, section 4.
        """
        for name in (word, other):
            self[name]
        return float(self.unit_vectors[self.index[word]] @ self.unit_vectors[self.index[other]])
