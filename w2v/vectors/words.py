"""What is kept after training: words, their vectors, and which words are near each other."""

import math
import operator
import os
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn

from w2v.checkpoint import read_checkpoint
from w2v.checks import as_int, check_positive_int, check_strings, checked, is_table, shown
from w2v.model import Word2Vec
from w2v.vectors.formats import (
    check_word_vectors,
    read_word2vec,
    read_word_analogies,
    read_word_pairs,
    write_projector,
    write_word2vec,
)

if TYPE_CHECKING:
    import pandas as pd

ANALOGY_TRIES = 5  # nearest words tried for one that is not in the question, as gensim does
BLOCK_SIZE = 1 << 24  # cosines in memory at once: 64 MB
CANCELLED = 1e-6  # of a sum of vectors: what is left of their lengths is rounding error of float32

Key = str | int | np.integer  # a word, or the number of its row
KEYS = (str, int, np.integer)
Count = int | None


class WordVectors:
    """Hold one vector for each word, and find the words nearest to others.

    The methods have the names, arguments, defaults and results of gensim's `KeyedVectors`.
    The differences:

    - A word whose vector is 0 has no direction. To ask for its neighbours or its similarity is a
      ValueError (gensim returns nan). Among the neighbours of other words its cosine is 0.
    - A word alone is a list of one word (gensim takes its letters). A dict is no list of words.
    - `most_similar_cosmul` keeps to `restrict_vocab`, which gensim ignores there.
    - Words cannot be added or sorted: there is no `add_vector`, `add_vectors`,
      `wv[word] = vector`, `intersect_word2vec_format`, `resize_vectors` and
      `sort_by_descending_frequency`. Make new ones of `words` and `vectors` instead.
    - `load_word2vec_format` has no `datatype`: vectors are float32. Its `limit` is 1 or more.
    - Words have no attributes: there is no `get_vecattr`, `set_vecattr` and `allocate_vecattrs`;
      the methods have no `fvocab`, `total_vec`, `sort_attr`, `append`, `prefix`,
      `allow_inference`, `copy_vecattrs` and `similarity_function`.
    - `save` and `load` do not exist, because they pickle. `save_word2vec_format` and
      `load_word2vec_format` replace them; they call the file `path`, and take options by name.
    - `wmdistance`, and `indexer` of `most_similar`, need further libraries and do not exist.
      Nor do `init_sims` and `similarity_unseen_docs`, which gensim itself has given up, and the
      methods that only write to its log (`log_accuracy`, `log_evaluate_word_pairs`).

    Args:
        words: n different words, the most frequent first if they have an order.
        vectors: their vectors, shape (n, d), float32. Such an array is not copied if it can be
            written to.

    Arguments of the methods:
        key, key1, key2, word, w1, w2, wa, wb: a word, or the number of its row.
        keys, keys_list, words, ws1, ws2: some of these. In `doesnt_match`, `n_similarity`,
            `rank_by_centrality` and `vectors_for_all` unknown ones are left out.
        topn: how many words to return, 10 unless given; fewer if there are no more. None: an
            array with the score of each word instead.
        restrict_vocab: look only at this many words, the first ones; None or 0: at all.

    Attributes:
        words: the words, a list; `index_to_key` is the same list.
        key_to_index: the row of each word, a dict.
        vectors: the vectors, shape (n, d), float32. They can be changed in place, and
            `torch.from_numpy` takes them; call `fill_norms(force=True)` after a change.

    Raises:
        KeyError: an unknown word, in any method.
        ValueError: words and vectors that differ in number, none at all, a word given twice, or
            a number that is not finite. In any method: no word to work on, a word whose vector
            is 0 where a direction is wanted, or a vector that is not d finite numbers.

    Source: Mikolov et al. 2013a, section 4 (nearest words by cosine); gensim's KeyedVectors.
    """

    def __init__(self, words: Sequence[str], vectors: ArrayLike) -> None:
        self.words = self.index_to_key = check_strings("words", words)
        if isinstance(vectors, Tensor):
            vectors = vectors.detach().cpu()
            vectors = vectors if vectors.is_complex() else vectors.float().numpy()
        try:
            if np.iscomplexobj(vectors):
                raise TypeError
            self.vectors = np.require(vectors, np.float32, ["C", "W"])  # (n, d)
        except (TypeError, ValueError, OverflowError):
            raise TypeError(f"vectors must be numbers, got {shown(vectors)}") from None
        check_word_vectors(self.words, self.vectors)
        self.key_to_index = {word: row for row, word in enumerate(self.words)}

    @classmethod
    @checked
    def from_model(
        cls,
        model: Word2Vec,
        words: Sequence[str],
        *,
        counts: Tensor | ArrayLike | None = None,
        min_count: int = 1,
    ) -> "WordVectors":
        """Take the center embeddings of a model, without the words that were seldom seen.

        Args:
            model: the model, of V words.
            words: the word of each id, V of them.
            counts: how often each row was trained, shape (V,), as `WindowDataset.center_counts`
                gives it, or another count of each id; None keeps all.
            min_count: leave out words with a lower count.

        Returns:
            The vectors of the words kept, copied.

        Raises:
            ValueError: a number of words or counts other than V, or no word seen so often.

        Source: assignment section 1.2 (E^w).
        """
        return cls._from_table(model.center_embeddings.weight, words, counts, min_count)

    @classmethod
    @checked
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
                that it never held. A checkpoint without counts keeps all words.

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
        cls, table: Tensor, words: Sequence[str], counts: Any, min_count: int
    ) -> "WordVectors":
        """Take a copy of the rows of an embedding table that were seen often enough."""
        found = cls(words, table)
        least = as_int(min_count)
        if least is None or least < 0:
            raise ValueError(f"min_count must be an integer of 0 or more, got {shown(min_count)}")
        if counts is None:
            return found.vectors_for_all(range(len(found)))
        try:
            counts = torch.as_tensor(counts)  # (V,)
        except (TypeError, ValueError, RuntimeError):
            raise TypeError(f"counts must be numbers, got {shown(counts)}") from None
        if counts.shape != (len(found),):
            raise ValueError(
                f"counts must be {len(found)} numbers, one for each id, "
                f"got shape {tuple(counts.shape)}"
            )
        if counts.max() < least:
            raise ValueError(
                f"min_count must be at most {int(counts.max())}, the largest count, got {least}"
            )
        return found.vectors_for_all((counts >= least).nonzero()[:, 0].tolist())

    @classmethod
    @checked
    def load_word2vec_format(
        cls,
        path: str | os.PathLike,
        *,
        binary: bool = False,
        encoding: str = "utf8",
        unicode_errors: str = "strict",
        limit: int | None = None,
        no_header: bool = False,
    ) -> "WordVectors":
        """Load vectors that gensim, word2vec, GloVe, fastText or `save_word2vec_format` wrote.

        Of a word that stands in the file again only the first is kept, with a warning.

        Args:
            path: the file, plain or gzipped.
            binary: it is in the binary format, not the text one.
            encoding: of the words.
            unicode_errors: what to do with words in another encoding: "strict" refuses the file,
                "ignore" and "replace" do as in `bytes.decode`.
            limit: load at most this many words, the first ones; None loads all.
            no_header: it is a text file without the line "n d", as GloVe's are.

        Returns:
            The vectors.

        Raises:
            FileNotFoundError: there is no such file.
            TypeError, ValueError: `limit` is no positive integer, or `no_header` with `binary`.
            ValueError: the file is truncated or damaged, its counts are wrong, or a number is
                not finite.

        Source: Mikolov et al. 2013a (the word2vec program); gensim's KeyedVectors.
        """
        how = {"encoding": encoding, "unicode_errors": unicode_errors}
        return cls(*read_word2vec(path, binary, limit=limit, no_header=no_header, **how))

    @checked
    def save_word2vec_format(
        self, path: str | os.PathLike, *, binary: bool = False, write_header: bool = True
    ) -> None:
        """Save the vectors so that gensim and other tools load them, whole or not at all.

        Args:
            path: the file; its directory is made if it is missing. A name that ends in .gz is
                gzipped.
            binary: the binary format, not the text one.
            write_header: begin with the line "n d"; without it the file is like GloVe's.

        Raises:
            ValueError: a word that is empty, or holds a space or a line end.
            OSError: the file cannot be written; what was there before is then untouched.

        Source: Mikolov et al. 2013a (the word2vec program); gensim's KeyedVectors.
        """
        write_word2vec(path, self.words, self.vectors, binary, write_header)

    @checked
    def save_projector(self, directory: str | os.PathLike) -> tuple[Path, Path]:
        """Save vectors.tsv and metadata.tsv, which TensorFlow's embedding projector loads.

        Args:
            directory: where they go; made if it is missing.

        Returns:
            The paths of the two files.

        Raises:
            ValueError: a word that is empty, or holds a tab or a line end.
            OSError: a file cannot be written.

        Source: https://projector.tensorflow.org ("Load data").
        """
        return write_projector(directory, self.words, self.vectors)

    @checked
    def to_embedding(self, freeze: bool = True) -> nn.Embedding:
        """Make an embedding layer of the vectors; the id of a word is `key_to_index[word]`.

        Args:
            freeze: the layer is not trained further.

        Returns:
            The layer, with a copy of the vectors.
        """
        return nn.Embedding.from_pretrained(torch.tensor(self.vectors), freeze=freeze)

    def to_frame(self) -> "pd.DataFrame":
        """Make a table of a copy of the vectors: a row for each word, under its name."""
        import pandas as pd

        return pd.DataFrame(self.vectors, index=pd.Index(self.words), copy=True)

    # Words and their vectors

    def __len__(self) -> int:
        return len(self.words)

    def __iter__(self) -> Iterator[str]:
        return iter(self.words)

    def __contains__(self, key: Key) -> bool:
        return self.get_index(key, -1) >= 0

    def __repr__(self) -> str:
        return f"WordVectors({len(self)} words, dim={self.vector_size})"

    def __getitem__(self, key_or_keys: Key | Sequence[Key] | np.ndarray) -> np.ndarray:
        if isinstance(key_or_keys, KEYS):
            return self.get_vector(key_or_keys)
        return self.vectors[[self.get_index(key) for key in key_or_keys]]  # (m, d)

    has_index_for = __contains__

    @property
    def vector_size(self) -> int:
        """The length d of a vector."""
        return self.vectors.shape[1]

    @property
    def norms(self) -> np.ndarray:
        """The length of each vector, shape (n,), float64."""
        return _lengths(self.vectors)

    @cached_property
    def unit_vectors(self) -> np.ndarray:
        """The vectors at length 1, shape (n, d), float32; a zero vector stays zero."""
        norms = self.norms  # (n,)
        norms[norms == 0] = 1
        units = np.empty_like(self.vectors)  # (n, d)
        return np.divide(self.vectors, norms[:, None], out=units, casting="same_kind")

    @checked
    def fill_norms(self, force: bool = False) -> None:
        """Make the unit vectors again, after `vectors` was changed in place.

        Args:
            force: forget those made before; without it they are made when they are first needed.
        """
        if force:
            self.__dict__.pop("unit_vectors", None)

    def unit_normalize_all(self) -> None:
        """Scale all vectors to length 1, in place."""
        self.vectors[:] = self.unit_vectors

    def get_normed_vectors(self) -> np.ndarray:
        """Give a copy of `unit_vectors`, shape (n, d)."""
        return self.unit_vectors.copy()

    @checked
    def get_index(self, key: Key, default: int | None = None) -> int:
        """Give the row of a word; see `WordVectors`.

        Args:
            default: what to return for an unknown word; None refuses it.
        """
        try:
            row = operator.index(self.key_to_index.get(key, -1) if isinstance(key, str) else key)
        except TypeError:  # no integer
            row = -1
        if 0 <= row < len(self):
            return row
        if default is not None:
            return default
        raise KeyError(f"word must be one of the {len(self)} words, got {key!r}")

    @checked
    def get_vector(self, key: Key, norm: bool = False) -> np.ndarray:
        """Give the vector of a word, shape (d,), read-only; see `WordVectors`.

        Args:
            norm: at length 1.
        """
        vector = (self.unit_vectors if norm else self.vectors)[self.get_index(key)]  # (d,)
        vector.setflags(write=False)
        return vector

    word_vec = get_vector

    @checked
    def get_mean_vector(
        self,
        keys: Any,
        weights: Sequence[float] | np.ndarray | None = None,
        pre_normalize: bool = True,
        post_normalize: bool = False,
        ignore_missing: bool = True,
    ) -> np.ndarray:
        """Give the weighted mean of the vectors of some words.

        Args:
            keys: words, rows, or vectors of shape (d,).
            weights: a number for each key; None takes 1. The sum is divided by that of their
                absolute values.
            pre_normalize: take the vectors of words (not those given as vectors) at length 1.
            post_normalize: give the mean at length 1.
            ignore_missing: leave out unknown words.

        Returns:
            The mean, shape (d,), float32; 0 if no word is known.
        """
        keys = _listed(keys)
        try:
            factors = np.ones(len(keys)) if weights is None else np.asarray(weights, np.float64)
        except (TypeError, ValueError):
            raise TypeError(f"weights must be numbers, got {shown(weights)}") from None
        if not keys:
            raise ValueError("keys must hold a word or more, got none")
        if factors.shape != (len(keys),):
            raise ValueError(
                f"weights must be {len(keys)} numbers, one for each key, got shape {factors.shape}"
            )
        if not np.isfinite(factors).all():
            raise ValueError(f"weights must be finite numbers, got {shown(weights)}")
        if ignore_missing:
            kept = [i for i, k in enumerate(keys) if not isinstance(k, KEYS) or k in self]
            keys, factors = [keys[i] for i in kept], factors[kept]
        mean = factors @ self._vectors(keys, pre_normalize)  # (d,)
        mean /= np.abs(factors).sum() or 1
        if post_normalize:
            mean /= np.linalg.norm(mean) or 1
        return mean.astype(np.float32)

    @checked
    def vectors_for_all(self, keys: Iterable[Key]) -> "WordVectors":
        """Take some of the words, in the order given; see `WordVectors`."""
        rows = list(dict.fromkeys(self.get_index(key) for key in _listed(keys) if key in self))
        if not rows:
            raise ValueError(f"keys must hold a known word or more, got {shown(keys)}")
        return WordVectors([self.words[row] for row in rows], self.vectors[rows])

    # Near words. `Any` is a list of pairs or, for topn=None, an array.

    @checked
    def most_similar(
        self,
        positive: Any = None,
        negative: Any = None,
        topn: Count = 10,
        clip_start: Count = 0,
        clip_end: Count = None,
        restrict_vocab: Count = None,
    ) -> Any:
        """Find the words whose vectors have the highest cosine with the given ones.

        Args:
            positive: a word or words to be near to. A word can be given by its row, by a vector
                of shape (d,), or with its weight, as a pair (word, weight).
            negative: the same, to be far from: they have the weight -1. A weight that is given
                is taken as it is, without a change of sign.
            topn: how many words to return; fewer if there are no more. None: no words, but the
                cosine of each.
            clip_start: look only at the words from this row on; None: from the first.
            clip_end: and before this one; None: to the end.
            restrict_vocab: look only at this many words, the first ones; None or 0: at all.

        Returns:
            A list of pairs of a word and its cosine with the weighted mean of the unit vectors of
            the given words (a vector is taken at its own length); highest first, without the
            given words. Or, for `topn=None`, the cosines of all words looked at, shape (n,).

        Raises:
            KeyError: an unknown word.
            TypeError: `topn` or `restrict_vocab` is no integer.
            ValueError: no word at all, a word whose vector is 0, words that cancel each other
                out, or a vector of another shape.

        Source: Mikolov et al. 2013a, section 4; gensim's KeyedVectors.
        """
        if topn is not None and topn < 1:
            return []
        positive, negative = _listed(positive), _listed(negative)
        pairs = [item if _is_pair(item) else (item, 1) for item in positive]
        pairs += [item if _is_pair(item) else (item, -1) for item in negative]
        if not pairs:
            raise ValueError("positive must hold a word or more, got none")
        keys = [key for key, _ in pairs]
        weights = np.array([weight for _, weight in pairs], np.float64)  # (m,)
        vectors = self._vectors(keys)  # (m, d)
        query = weights @ vectors  # (d,)
        if np.linalg.norm(query) <= CANCELLED * (abs(weights) @ _lengths(vectors)):
            raise ValueError(
                f"positive and negative must not cancel out, got {positive!r} and {negative!r}"
            )
        rows = _first(restrict_vocab) if restrict_vocab else slice(clip_start, clip_end or None)
        return self._ranked(self._cosines(query, rows), rows, keys, topn)

    @checked
    def similar_by_word(self, word: Key, topn: Count = 10, restrict_vocab: Count = None) -> Any:
        """Find what `most_similar` finds for one word; see `WordVectors`."""
        return self.most_similar([word], topn=topn, restrict_vocab=restrict_vocab)

    @checked
    def similar_by_key(self, key: Key, topn: Count = 10, restrict_vocab: Count = None) -> Any:
        """Find what `most_similar` finds for one word; see `WordVectors`."""
        return self.most_similar([key], topn=topn, restrict_vocab=restrict_vocab)

    @checked
    def similar_by_vector(self, vector: Any, topn: Count = 10, restrict_vocab: Count = None) -> Any:
        """Find what `most_similar` finds for one vector, shape (d,); see `WordVectors`.

        Args:
            vector: shape (d,).
        """
        return self.most_similar([vector], topn=topn, restrict_vocab=restrict_vocab)

    @checked
    def most_similar_cosmul(
        self,
        positive: Any = None,
        negative: Any = None,
        topn: Count = 10,
        restrict_vocab: Count = None,
    ) -> Any:
        """Find near words by a product of cosines in place of a sum; see `most_similar`.

        The score is the product of (1 + cosine) / 2 over `positive`, divided by that over
        `negative` plus 0.000001. Words have no weights here.

        Source: Levy and Goldberg 2014, equation (4).
        """
        if topn is not None and topn < 1:
            return []
        positive, negative = _listed(positive), _listed(negative)
        if not positive:
            raise ValueError("positive must hold a word or more, got none")
        rows = _first(restrict_vocab)
        above, below = (
            ((1 + self.unit_vectors[rows] @ vectors.T) / 2).prod(axis=1)  # (n,)
            for vectors in (self._vectors(keys).astype(np.float32) for keys in (positive, negative))
        )
        return self._ranked(above / (below + 0.000001), rows, positive + negative, topn)

    @checked
    def closer_than(self, key1: Key, key2: Key) -> list[str]:
        """Find the words nearer to `key1` than `key2` is, in their own order; see `WordVectors`."""
        distances, row = self.distances(key1), self.get_index(key1)  # (n,)
        near = np.flatnonzero(distances < distances[self.get_index(key2)])
        return [self.words[other] for other in near if other != row]

    words_closer_than = closer_than

    @checked
    def rank(self, key1: Key, key2: Key) -> int:
        """Give the place of `key2` among the neighbours of `key1`, from 1; see `WordVectors`."""
        return len(self.closer_than(key1, key2)) + 1

    @checked
    def most_similar_to_given(self, key1: Key, keys_list: Sequence[Key]) -> Key:
        """Choose the word of a list that is nearest to `key1`; see `WordVectors`."""
        if not len(keys_list):
            raise ValueError("keys_list must hold a word or more, got none")
        return max(keys_list, key=lambda key: self.similarity(key1, key))

    @checked
    def rank_by_centrality(
        self, words: Iterable[Key], use_norm: bool = True
    ) -> list[tuple[float, Key]]:
        """Order words by their nearness to the mean of them all; see `WordVectors`.

        Args:
            use_norm: take each at length 1.

        Returns:
            Pairs of the product with the unit vector of the mean, and the word; highest first.
        """
        words = _listed(words)
        known = [word for word in words if word in self]
        if not known:
            raise ValueError(f"words must hold a known word or more, got {shown(words)}")
        if len(known) < len(words):
            unknown = [word for word in words if word not in self]
            warnings.warn(f"unknown words are left out: {unknown!r}", stacklevel=2)
        vectors = self._vectors(known, use_norm)  # (m, d)
        mean = vectors.mean(axis=0)  # (d,)
        centrality = vectors @ mean / (np.linalg.norm(mean) or 1)  # (m,)
        return sorted(zip(centrality.tolist(), known, strict=True), reverse=True)

    @checked
    def doesnt_match(self, words: Iterable[Key]) -> Key:
        """Find the word with the lowest cosine with the mean of all; see `WordVectors`."""
        return self.rank_by_centrality(words)[-1][1]

    # Cosines

    @staticmethod
    @checked
    def cosine_similarities(vector_1: np.ndarray, vectors_all: np.ndarray) -> np.ndarray:
        """Give the cosines of one vector with others.

        Args:
            vector_1: one vector, shape (d,).
            vectors_all: the others, shape (m, d).

        Returns:
            The cosines, shape (m,), float64, in [-1, 1]; 0 where a vector is 0 (gensim: nan).
        """
        products = np.einsum("md,d->m", vectors_all, vector_1, dtype=np.float64)  # (m,)
        lengths = _lengths(vectors_all) * _lengths(vector_1)  # (m,)
        return np.clip(products / np.where(lengths > 0, lengths, 1), -1, 1)

    @checked
    def similarity(self, w1: Key, w2: Key) -> float:
        """Give the cosine of the vectors of two words, in [-1, 1]; see `WordVectors`."""
        return _cosine(self._vectors([w1, w2], norm=False))

    @checked
    def distance(self, w1: Key, w2: Key) -> float:
        """Give 1 - `similarity`, in [0, 2]; see `WordVectors`."""
        return 1 - self.similarity(w1, w2)

    @checked
    def distances(self, word_or_vector: Any, other_words: Iterable[Key] | None = ()) -> np.ndarray:
        """Give 1 - the cosine of one word or vector with others.

        Args:
            word_or_vector: a word, its row, or a vector of shape (d,).
            other_words: the others; none given: all words.

        Returns:
            The distances, in [0, 2], shape (m,) or (n,), float32.
        """
        (vector,) = self._vectors([word_or_vector])  # (d,)
        rows = [self.get_index(word) for word in _listed(other_words)]
        return 1 - self._cosines(vector, rows or slice(None))

    @checked
    def n_similarity(self, ws1: Sequence[Key], ws2: Sequence[Key]) -> float:
        """Give the cosine of the mean vectors of two lists of words; see `WordVectors`.

        Returns:
            A number in [-1, 1]; 0 where none of `ws1` or of `ws2` is known.

        Raises:
            ZeroDivisionError: an empty list, as in gensim.
        """
        if not (len(ws1) and len(ws2)):
            raise ZeroDivisionError(
                f"ws1 and ws2 must hold a word or more each, got {ws1!r} and {ws2!r}"
            )
        means = [self.get_mean_vector(words, pre_normalize=False) for words in (ws1, ws2)]
        return _cosine(np.array(means, np.float64))

    @checked
    def relative_cosine_similarity(self, wa: Key, wb: Key, topn: int = 10) -> float:
        """Divide a cosine by the sum of those of `topn` neighbours of `wa`; see `WordVectors`.

        Source: Leeuwenberg et al. 2016, equation (1).
        """
        near = self.similar_by_word(wa, check_positive_int("topn", topn))
        return self.similarity(wa, wb) / sum(cosine for _, cosine in near)

    # Tests of vectors

    @checked
    def evaluate_word_pairs(
        self,
        pairs: str | os.PathLike,
        delimiter: str = "\t",
        encoding: str = "utf8",
        restrict_vocab: Count = 300_000,
        case_insensitive: bool = True,
        dummy4unknown: bool = False,
    ) -> tuple[tuple[float, float], tuple[float, float], float]:
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
            Pearson's and Spearman's correlation, each with its p-value, as scipy gives them; and
            the percentage of pairs with an unknown word.

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
        if not delimiter:
            raise ValueError(f"delimiter must hold a character or more, got {delimiter!r}")
        fold = str.upper if case_insensitive else str
        _, known = self._known(restrict_vocab, fold)
        found = read_word_pairs(pairs, delimiter=delimiter, encoding=encoding)
        judged, cosines, n_unknown = [], [], 0
        for word, other, judgement in found:
            rows = [known[name] for name in (fold(word), fold(other)) if name in known]
            is_known = len(rows) == 2
            n_unknown += not is_known
            if is_known or dummy4unknown:
                judged.append(judgement)
                cosines.append(float(np.dot(*self.unit_vectors[rows])) if is_known else 0.0)
        if min(len(set(judged)), len(set(cosines))) < 2:
            raise ValueError(
                "pairs must hold known words of different similarities, "
                f"got {len(found) - n_unknown} pairs of known words in {str(pairs)!r}"
            )
        correlations = pearsonr(judged, cosines), spearmanr(judged, cosines)
        return *correlations, 100 * n_unknown / len(found)

    @checked
    def evaluate_word_analogies(
        self,
        analogies: str | os.PathLike,
        restrict_vocab: Count = 300_000,
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
        names, known = self._known(restrict_vocab, fold)
        sections, questions = [], []
        for name, quadruples in read_word_analogies(analogies):
            sections.append({"section": name, "correct": [], "incorrect": []})
            questions += [(sections[-1], tuple(map(fold, words))) for words in quadruples]
        if not questions:
            raise ValueError(f"analogies must hold lines of four words, got {str(analogies)!r}")
        asked = [words for _, words in questions if known.keys() >= set(words)]
        answers = self._answers(asked, names, known)
        for section, words in questions:
            if known.keys() >= set(words):
                section["correct" if next(answers) == words[3] else "incorrect"].append(words)
            elif dummy4unknown:
                section["incorrect"].append(words)
        total: dict = {"section": "Total accuracy"}
        for verdict in ("correct", "incorrect"):
            total[verdict] = [words for section in sections for words in section[verdict]]
        n_right, n_wrong = len(total["correct"]), len(total["incorrect"])
        return n_right / max(n_right + n_wrong, 1), [*sections, total]

    def _vectors(self, items: list, norm: bool = True) -> np.ndarray:
        """Give vectors for words, rows or vectors, (m, d), float64; those of words are not 0."""
        found = np.empty((len(items), self.vector_size))  # (m, d)
        for place, item in enumerate(items):
            if isinstance(item, KEYS):
                vector = self.get_vector(item, norm)  # (d,)
            else:
                try:
                    vector = np.asarray(item.detach().cpu() if isinstance(item, Tensor) else item)
                except (TypeError, ValueError):  # lists of several lengths
                    vector = np.empty(())
                is_numbers = vector.shape == (self.vector_size,) and vector.dtype.kind in "fiu"
                if not is_numbers or not np.isfinite(vector).all():
                    raise ValueError(
                        "a key must be a word, its row or a vector of "
                        f"{self.vector_size} finite numbers, got {shown(item)}"
                    )
            if not vector.any():
                raise ValueError(f"a word must have a vector other than 0, got {shown(item)}")
            found[place] = vector
        return found

    def _cosines(self, query: np.ndarray, rows: slice | list[int]) -> np.ndarray:
        """Give the cosine of a vector with each of some rows, (m,), float32."""
        unit = (query / np.linalg.norm(query)).astype(np.float32)  # (d,)
        cosines = self.unit_vectors[rows] @ unit  # (m,)
        return np.clip(cosines, -1, 1, out=cosines)

    def _ranked(self, scores: np.ndarray, rows: slice, given: list, topn: Count) -> Any:
        """Give the words of the highest scores among `rows`, without those given."""
        if topn is None:
            return scores
        looked_at = range(len(self))[rows]
        known = {self.get_index(key) for key in given if isinstance(key, KEYS)}
        left_out = [looked_at.index(row) for row in known if row in looked_at]
        scores[left_out] = -np.inf
        n_found = min(check_positive_int("topn", topn), len(scores) - len(left_out))
        if n_found <= 0:
            return []
        last = np.partition(scores, -n_found)[-n_found]
        near = np.flatnonzero(scores >= last)  # words of equal scores keep their order
        best = near[np.argsort(-scores[near], kind="stable")][:n_found]
        return [(self.words[looked_at[place]], float(scores[place])) for place in best]

    def _known(
        self, restrict_vocab: Count, fold: Callable[[str], str]
    ) -> tuple[list[str], dict[str, int]]:
        """Give the first words, folded, and the row of each; of equal ones the first row."""
        if restrict_vocab is not None:
            check_positive_int("restrict_vocab", restrict_vocab)
        names = [fold(word) for word in self.words[:restrict_vocab]]
        return names, {name: row for row, name in reversed(list(enumerate(names)))}

    def _answers(
        self, questions: list[tuple[str, ...]], names: list[str], known: dict[str, int]
    ) -> Iterator[str | None]:
        """Answer questions of which the first three words are given, one after another."""
        units = self.unit_vectors[: len(names)]  # (n, d)
        size = max(1, BLOCK_SIZE // len(units))
        for start in range(0, len(questions), size):
            block = [words[:3] for words in questions[start : start + size]]
            rows = np.array([[known[word] for word in given] for given in block])  # (b, 3)
            a, b, c = (units[column] for column in rows.T)  # (b, d) each
            scores = (b - a + c) @ units.T  # (b, n), the cosines but for the query's length
            np.put_along_axis(scores, rows, -np.inf, axis=1)
            for given, of_words in zip(block, scores, strict=True):
                answer = None
                for _ in range(ANALOGY_TRIES):
                    best = of_words.argmax()
                    if of_words[best] == -np.inf:
                        break  # all words of a tiny vocabulary were given
                    answer, of_words[best] = names[best], -np.inf
                    if answer not in given:
                        break  # a word of the question in another case would be no answer
                yield answer


def _lengths(vectors: np.ndarray) -> np.ndarray:
    """Give the lengths of vectors, (..., d), as float64: squares of float32 could be 0 or inf."""
    return np.sqrt(np.einsum("...d,...d->...", vectors, vectors, dtype=np.float64))


def _cosine(vectors: np.ndarray) -> float:
    """Give the cosine of two vectors, (2, d), float64; exactly 1 for equal ones, 0 for zeros."""
    products = np.einsum("id,jd->ij", vectors, vectors)  # (2, 2), by one kind of sum
    lengths = math.sqrt(products[0, 0] * products[1, 1])
    return min(1.0, max(-1.0, float(products[0, 1]) / (lengths or 1)))


def _first(restrict_vocab: Count) -> slice:
    """Give the rows that `restrict_vocab` looks at."""
    return slice(check_positive_int("restrict_vocab", restrict_vocab) if restrict_vocab else None)


def _listed(given: Any) -> list:
    """Give a list of words, rows, vectors or pairs; one word or vector alone is a list of one."""
    if given is None:
        return []
    if isinstance(given, Tensor):
        given = given.detach().cpu().numpy()
    is_vector = isinstance(given, np.ndarray) and given.ndim == 1 and given.dtype.kind in "fiu"
    if is_vector or isinstance(given, KEYS):
        return [given]
    try:
        if is_table(given):  # its values could be meant as weights
            raise TypeError
        return list(given)
    except TypeError:
        raise TypeError(f"keys must be words, their rows or vectors, got {shown(given)}") from None


def _is_pair(item: Any) -> bool:
    """Tell whether an item is a word, row or vector with its weight."""
    is_two = isinstance(item, (tuple, list)) and len(item) == 2
    is_key = is_two and isinstance(item[0], (*KEYS, np.ndarray, Tensor))
    return is_key and isinstance(item[1], Real) and not isinstance(item[1], bool)
