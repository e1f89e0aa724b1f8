"""What is kept after training: words, their vectors, and which words are near each other.

`WordVectors` follows gensim's `KeyedVectors` in names, defaults and results, with three
differences: an unknown word, or a word whose vector is 0, is always an error; correlations come
without their p-values; and an error gives the reason where gensim divides by zero or returns nan.
"""

import os
from collections.abc import Callable, Sequence
from functools import cached_property

import numpy as np
from torch import Tensor

from w2v.checkpoint import read_checkpoint
from w2v.config import check_positive_int
from w2v.model import Word2Vec
from w2v.vectors.formats import (
    check_word_vectors,
    read_word2vec,
    read_word_analogies,
    read_word_pairs,
    write_word2vec,
)

ANALOGY_TRIES = 5  # nearest words tried for one that is not in the question, as gensim does
BLOCK_SIZE = 1 << 24  # cosines in memory at once: 64 MB
CANCELLED = 1e-6  # a mean of unit vectors shorter than this is rounding error of float32


class WordVectors:
    """Hold one vector for each word, and find the words nearest to others.

    Args:
        words: n different words, the most frequent first if they have an order.
        vectors: their vectors, shape (n, d), float32; not copied, and not to be changed.

    Raises:
        ValueError: words and vectors that differ in number, none at all, a word given twice, or
            a number that is not finite.

    Source: Mikolov et al. 2013a, section 4 (nearest words by cosine); gensim's KeyedVectors.
    """

    def __init__(self, words: Sequence[str], vectors: np.ndarray) -> None:
        self.words = list(words)
        self.vectors = np.asarray(vectors, dtype=np.float32).view()  # (n, d)
        self.vectors.setflags(write=False)  # the unit vectors are made from them once
        check_word_vectors(self.words, self.vectors)
        self.index = {word: row for row, word in enumerate(self.words)}

    @classmethod
    def from_model(
        cls,
        model: Word2Vec,
        words: Sequence[str],
        *,
        counts: Tensor | None = None,
        min_count: int = 1,
    ) -> "WordVectors":
        """Take the center embeddings of a model, without the words that were seldom seen.

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
        table = model.center_embeddings.weight  # (V, d)
        return cls._from_table(table, words, counts, min_count)

    @classmethod
    def from_checkpoint(
        cls,
        path: str | os.PathLike,
        words: Sequence[str] | None = None,
        *,
        vocabulary: str | None = None,
        min_count: int = 1,
    ) -> "WordVectors":
        """Take the center embeddings of a checkpoint, without the words that were seldom seen.

        Args:
            path: a file that `save_model` or `train_word2vec` wrote.
            words: the word of each id, V of them, for a checkpoint that does not keep them. If
                it does, its own words are taken.
            vocabulary: which words the rows should stand for, as `vocabulary_identity` gives it;
                None leaves that unchecked.
            min_count: leave out words seen less often in the training text: 1 leaves out those
                whose rows were never trained. A checkpoint without counts keeps all words.

        Returns:
            The vectors of the words kept.

        Raises:
            FileNotFoundError: there is no such file.
            CheckpointError: the file is damaged, hostile, or of another vocabulary.
            ValueError: `words` is None or not V words, and the checkpoint keeps none; or no word
                was seen `min_count` times.

        Source: assignment Q3.12 (E^w).
        """
        saved = read_checkpoint(path, vocabulary=vocabulary)
        words = saved.get("words", words)
        if words is None:
            raise ValueError(
                f"words must be given for a checkpoint that keeps none, got None for "
                f"{str(path)!r}; take tokenizer.convert_ids_to_tokens(range(len(tokenizer)))"
            )
        return cls._from_table(saved["center_embeddings"], words, saved.get("counts"), min_count)

    @classmethod
    def _from_table(
        cls, table: Tensor, words: Sequence[str], counts: Tensor | None, min_count: int
    ) -> "WordVectors":
        """Take the rows of an embedding table that were seen often enough."""
        rows = table.detach().cpu().numpy()  # (V, d)
        if len(words) != len(rows):
            raise ValueError(f"words must be {len(rows)}, one for each id, got {len(words)}")
        kept = list(range(len(words)))
        if counts is not None:
            kept = (counts >= min_count).nonzero()[:, 0].tolist()
            if not kept:
                raise ValueError(
                    f"min_count must be at most {int(counts.max())}, the largest count, "
                    f"got {min_count!r}"
                )
        return cls([words[row] for row in kept], rows[kept])  # rows[kept] is a copy

    @classmethod
    def load_word2vec_format(
        cls, path: str | os.PathLike, *, binary: bool = False
    ) -> "WordVectors":
        """Load vectors that gensim, the word2vec program or `save_word2vec_format` wrote.

        Args:
            path: the file.
            binary: it is in the binary format, not the text one.

        Returns:
            The vectors.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: the file is truncated or damaged, its counts are wrong, a word stands in
                it twice, or a number is not finite.

        Source: Mikolov et al. 2013a (the word2vec program); gensim's KeyedVectors.
        """
        return cls(*read_word2vec(path, binary=binary))

    def save_word2vec_format(self, path: str | os.PathLike, *, binary: bool = False) -> None:
        """Save the vectors so that gensim and other tools load them, whole or not at all.

        Args:
            path: the file; its directory is made if it is missing.
            binary: the binary format, not the text one.

        Raises:
            ValueError: a word that is empty, or holds a space or a line end.
            OSError: the file cannot be written; what was there before is then untouched.

        Source: Mikolov et al. 2013a (the word2vec program); gensim's KeyedVectors.
        """
        write_word2vec(path, self.words, self.vectors, binary=binary)

    def __len__(self) -> int:
        return len(self.words)

    def __contains__(self, word: str) -> bool:
        return word in self.index

    def __repr__(self) -> str:
        return f"WordVectors({len(self)} words, dim={self.vectors.shape[1]})"

    def __getitem__(self, word: str) -> np.ndarray:
        if word not in self.index:
            raise KeyError(f"word must be one of the {len(self)} words, got {word!r}")
        return self.vectors[self.index[word]]  # (d,)

    @cached_property
    def unit_vectors(self) -> np.ndarray:
        """The vectors at length 1, shape (n, d), float32; a zero vector stays zero."""
        squares = np.einsum("nd,nd->n", self.vectors, self.vectors, dtype=np.float64)  # (n,)
        norms = np.sqrt(np.where(squares > 0, squares, 1))[:, None]  # (n, 1)
        units = np.empty_like(self.vectors)  # (n, d)
        return np.divide(self.vectors, norms, out=units, casting="same_kind")

    def most_similar(
        self,
        positive: str | Sequence[str] = (),
        negative: str | Sequence[str] = (),
        topn: int = 10,
    ) -> list[tuple[str, float]]:
        """Find the words whose vectors have the highest cosine with the given words.

        Args:
            positive: a word, or words, to be near to.
            negative: a word, or words, to be far from.
            topn: how many words to return; fewer if there are no more.

        Returns:
            Pairs of a word and its cosine with the mean of the unit vectors of `positive` and
            of the negated ones of `negative`; highest first, without the given words.

        Raises:
            KeyError: an unknown word.
            TypeError: `topn` is no integer.
            ValueError: no word at all, a word whose vector is 0, words that cancel each other
                out, or `topn` below 1.

        Source: Mikolov et al. 2013a, section 4; gensim's KeyedVectors.
        """
        check_positive_int("topn", topn)
        positive = [positive] if isinstance(positive, str) else list(positive)
        negative = [negative] if isinstance(negative, str) else list(negative)
        if not positive + negative:
            raise ValueError("positive must hold a word or more, got none")
        given = self._rows(positive + negative)
        signs = np.array([1.0] * len(positive) + [-1.0] * len(negative), dtype=np.float32)
        query = signs @ self.unit_vectors[given] / len(given)  # (d,)
        length = np.linalg.norm(query)
        if length < CANCELLED:
            raise ValueError(
                f"positive and negative must not cancel out, got {positive!r} and {negative!r}"
            )
        cosines = self.unit_vectors @ (query / length)  # (n,)
        cosines[given] = -np.inf
        n_found = min(topn, len(self) - len(set(given)))
        last = np.partition(cosines, -n_found)[-n_found]
        near = np.flatnonzero(cosines >= last)  # words of equal cosine keep their order
        best = near[np.argsort(-cosines[near], kind="stable")][:n_found]
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
            ValueError: a word whose vector is 0.

        Source: Mikolov et al. 2013a, section 4; gensim's KeyedVectors.
        """
        one, another = self.unit_vectors[self._rows([word, other])]  # (d,) each
        return float(one @ another)

    def doesnt_match(self, words: Sequence[str]) -> str:
        """Find the word that is least like the others.

        Args:
            words: some words.

        Returns:
            The one whose vector has the lowest cosine with the mean of their unit vectors; of
            words with equal cosines the first in the alphabet.

        Raises:
            KeyError: an unknown word (gensim leaves it out).
            ValueError: no word at all, or one whose vector is 0.

        Source: gensim's KeyedVectors.
        """
        words = list(words)
        if not words:
            raise ValueError("words must hold a word or more, got none")
        units = self.unit_vectors[self._rows(words)].astype(np.float64)  # (m, d)
        centrality = units @ units.mean(axis=0)  # (m,)
        return min(zip(centrality.tolist(), words, strict=True))[1]

    def evaluate_word_pairs(
        self,
        pairs: str | os.PathLike,
        delimiter: str = "\t",
        encoding: str = "utf8",
        restrict_vocab: int | None = 300_000,
        case_insensitive: bool = True,
        dummy4unknown: bool = False,
    ) -> tuple[float, float, float]:
        """Correlate the cosines of word pairs with similarities that people judged.

        Args:
            pairs: a file with two words and a number in each line, as WordSim-353 has them. Other
                lines, and lines that start with #, are skipped.
            delimiter: the separator of the three.
            encoding: of the file.
            restrict_vocab: only this many words, the first ones, are known; None: all.
            case_insensitive: ignore case; of words that differ only in case the first is used.
            dummy4unknown: a pair with an unknown word gets the cosine 0; else it is left out.

        Returns:
            Pearson's and Spearman's correlation, and the percentage of pairs with an unknown
            word. gensim gives each correlation as a pair, with its p-value second.

        Raises:
            FileNotFoundError: there is no such file.
            ImportError: scipy is not installed.
            ValueError: fewer than two pairs of known words, or numbers that are all the same.

        Source: Finkelstein et al. 2002 (WordSim-353); gensim's KeyedVectors.
        """
        try:
            from scipy.stats import pearsonr, spearmanr
        except ImportError:
            raise ImportError(
                "evaluate_word_pairs needs scipy, which is not installed; "
                "pip install 'w2v[studies]'"
            ) from None
        fold = str.upper if case_insensitive else str
        known = self._known_rows(restrict_vocab, fold)
        judged, cosines, n_unknown = [], [], 0
        found = read_word_pairs(pairs, delimiter=delimiter, encoding=encoding)
        for word, other, judgement in found:
            row, other_row = known.get(fold(word)), known.get(fold(other))
            cosine = 0.0
            if row is None or other_row is None:
                n_unknown += 1
                if not dummy4unknown:
                    continue
            else:
                cosine = float(self.unit_vectors[row] @ self.unit_vectors[other_row])
            judged.append(judgement)
            cosines.append(cosine)
        if min(len(set(judged)), len(set(cosines))) < 2:
            raise ValueError(
                "pairs must hold known words of different similarities, "
                f"got {len(found) - n_unknown} pairs of known words in {str(pairs)!r}"
            )
        pearson, spearman = (
            float(correlate(judged, cosines).statistic)  # pyright: ignore  (scipy has no types)
            for correlate in (pearsonr, spearmanr)
        )
        return pearson, spearman, 100 * n_unknown / len(found)

    def evaluate_word_analogies(
        self,
        analogies: str | os.PathLike,
        restrict_vocab: int | None = 300_000,
        case_insensitive: bool = True,
        dummy4unknown: bool = False,
    ) -> tuple[float, list[dict]]:
        """Answer questions "a is to b as c is to what?", and count the right answers.

        The answer is the word nearest to b - a + c that is none of the three.

        Args:
            analogies: a file of sections: a line ": name", then lines of four words. Lines of
                more or fewer words are skipped.
            restrict_vocab: only this many words, the first ones, are known and can be answers;
                None: all.
            case_insensitive: ignore case; of words that differ only in case the first is used.
            dummy4unknown: a question with an unknown word counts as wrong; else it is left out.

        Returns:
            The share of right answers (0 if no question was counted), and a dict for each section
            and for "Total accuracy": its name under "section", and under "correct" and
            "incorrect" the questions as tuples of words, in upper case if `case_insensitive`.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: a line before the first section, or no line of four words.

        Source: Mikolov et al. 2013a, section 4.1; gensim's KeyedVectors.
        """
        fold = str.upper if case_insensitive else str
        known = self._known_rows(restrict_vocab, fold)
        sections, questions = [], []
        for name, quadruples in read_word_analogies(analogies):
            sections.append({"section": name, "correct": [], "incorrect": []})
            questions += [(sections[-1], tuple(map(fold, words))) for words in quadruples]
        if not questions:
            raise ValueError(f"analogies must hold lines of four words, got {str(analogies)!r}")
        rows = [[known.get(word) for word in words] for _, words in questions]
        asked = np.array([row for row in rows if None not in row]).reshape(-1, 4)  # (m, 4)
        firsts = np.array([known[fold(word)] for word in self.words[:restrict_vocab]])  # (n,)
        answered_right = iter(self._answers(asked[:, :3], firsts) == asked[:, 3])
        for (section, words), row in zip(questions, rows, strict=True):
            if None not in row:
                section["correct" if next(answered_right) else "incorrect"].append(words)
            elif dummy4unknown:
                section["incorrect"].append(words)
        total = {"section": "Total accuracy", "correct": [], "incorrect": []}
        for section in sections:
            total["correct"] += section["correct"]
            total["incorrect"] += section["incorrect"]
        n_right, n_wrong = len(total["correct"]), len(total["incorrect"])
        return n_right / max(n_right + n_wrong, 1), [*sections, total]

    def _rows(self, words: list[str]) -> list[int]:
        """Give the rows of words, which must be known and have a vector other than 0."""
        for word in words:
            if not self[word].any():
                raise ValueError(f"word must have a vector other than 0, got {word!r}")
        return [self.index[word] for word in words]

    def _known_rows(self, restrict_vocab: int | None, fold: Callable[[str], str]) -> dict[str, int]:
        """Give the row of each of the first words; of words that fold to the same, the first."""
        if restrict_vocab is not None:
            check_positive_int("restrict_vocab", restrict_vocab)
        known = {}
        for row, word in enumerate(self.words[:restrict_vocab]):
            known.setdefault(fold(word), row)
        return known

    def _answers(self, questions: np.ndarray, firsts: np.ndarray) -> np.ndarray:
        """Answer questions (a, b, c), given as rows; each answer is a row among the `firsts`."""
        units = self.unit_vectors[: len(firsts)]  # (n, d)
        answers = np.full(len(questions), -1)  # (m,)
        size = max(1, BLOCK_SIZE // len(units))
        for start in range(0, len(questions), size):
            rows = questions[start : start + size]  # (b, 3)
            a, b, c = (units[column] for column in rows.T)  # (b, d) each
            scores = (b - a + c) @ units.T  # (b, n), the cosines but for the query's length
            np.put_along_axis(scores, rows, -np.inf, axis=1)
            still_open = np.arange(start, start + len(rows))  # (b,)
            for _ in range(ANALOGY_TRIES):
                best = scores.argmax(axis=1)  # (b,)
                place = np.arange(len(best)), best
                is_word = scores[place] > -np.inf  # all words of a tiny vocabulary may be given
                answers[still_open[is_word]] = firsts[best[is_word]]
                scores[place] = -np.inf
                # A word of the question in another case is no answer: the next word is tried.
                is_given = (firsts[best][:, None] == questions[still_open]).any(axis=1) & is_word
                if not is_given.any():
                    break
                scores, still_open = scores[is_given], still_open[is_given]
        return answers
