"""Center words and their context windows: as lists (Q3.2-Q3.4) and as a Dataset (Q3.5)."""

import copy
import hashlib
import os
from array import array
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from w2v.checks import (
    check_choice,
    check_default_device,
    check_device,
    check_int,
    check_positive_int,
    checked,
    shown,
)
from w2v.config import BORDERS
from w2v.files import CheckpointError, read_sealed, write_sealed

NO_WORD = -1  # the id of a context place outside the drawn radius


@checked
def extract_words_contexts(
    ids: Sequence[int], R: int, border: str = "drop", pad_id: int = 0
) -> tuple[list[int], list[list[int]]]:
    """List every center word of a document, and its 2R context words in text order.

    Every context has the same size. At the borders of the document there are three rules:
    `"drop"` takes only words with R neighbours on each side as centers. `"shift"` pushes the
    window inside the document, so every word of a document of 2R + 1 words or more is a center.
    `"pad"` fills the missing places with `pad_id`.

    Args:
        ids: the document, n token ids: a list, an array or a tensor of integers.
        R: radius of the window, 1 or more.
        border: "drop", "shift" or "pad".
        pad_id: the id of padded places; used by "pad" alone.

    Returns:
        Two lists of the same length: the ids of w, and for each the list of its 2R context ids.

    Raises:
        TypeError, ValueError: R is not a positive integer, `border` is none of the three, or the
            ids are not integers.

    Source: assignment Q3.2.
    """
    R, pad_id = check_positive_int("R", R), check_int("pad_id", pad_id)
    check_choice("border", border, BORDERS)
    document = check_ids("ids", ids).tolist()
    if border == "drop":
        centers = range(R, len(document) - R)
    elif border == "shift":
        centers = range(len(document) if len(document) > 2 * R else 0)
    else:
        document = [pad_id] * R + document + [pad_id] * R
        centers = range(R, len(document) - R)

    words, contexts = [], []
    for center in centers:
        start = min(max(center - R, 0), len(document) - (2 * R + 1))  # moves only under "shift"
        window = document[start : start + 2 * R + 1]
        words.append(window.pop(center - start))
        contexts.append(window)
    return words, contexts


@checked
def flatten_dataset_to_list(
    dataset: Iterable[Any], R: int, border: str = "drop", pad_id: int = 0
) -> tuple[list[int], list[list[int]]]:
    """Apply `extract_words_contexts` to every document and join the results.

    Args:
        dataset: rows with `input_ids`, the token ids of a document; or these ids alone.
        R: radius of the window, 1 or more.
        border: "drop", "shift" or "pad".
        pad_id: the id of padded places; used by "pad" alone.

    Returns:
        Two lists over all documents: the ids of w, and for each the list of its 2R context ids.

    Raises:
        TypeError, ValueError: as `extract_words_contexts`.

    Source: assignment Q3.3.
    """
    words, contexts = [], []
    for document in dataset:
        document_words, document_contexts = extract_words_contexts(
            _ids_of(document), R, border, pad_id
        )
        words.extend(document_words)
        contexts.extend(document_contexts)
    return words, contexts


class WindowDataset(Dataset):
    """Serve the pairs of `flatten_dataset_to_list` without storing a single window.

    The dataset keeps one flat int32 array of tokens and the place where each document starts: 4
    bytes a word. It cuts a window out of them when a batch needs it.

    Args:
        tokens: all documents, one after the other, shape (n,), int32.
        offsets: where each document starts, and the end of the last, shape (n_documents + 1,).
        radius: R, the context words on each side of a center word, 1 or more.
        border: "drop", "shift" or "pad", as in `extract_words_contexts`.
        pad_id: the id of padded places; used by "pad" alone.
        radii: the radius of the window around each token, shape (n,), uint8, 1 ... R, where it
            varies; None if all windows have radius R.

    Raises:
        TypeError, ValueError: `radius` is not a positive integer, `border` is none of the three,
            the offsets do not fit the tokens, or no document is long enough for a window.

    Source: assignment Q3.5.
    """

    def __init__(
        self,
        tokens: Tensor,
        offsets: Tensor,
        radius: int,
        border: str = "drop",
        pad_id: int = 0,
        *,
        radii: Tensor | None = None,
    ) -> None:
        check_default_device()
        radius = check_positive_int("radius", radius)
        check_choice("border", border, BORDERS)
        pad_id = check_int("pad_id", pad_id)
        _check_text(tokens, offsets, radii)
        self.tokens, self.offsets = tokens, offsets
        self.radius, self.border, self.pad_id, self.radii = radius, border, pad_id, radii
        lengths = offsets.diff()  # (n_documents,)
        if border == "drop":
            n_centers = (lengths - 2 * radius).clamp(min=0)
        elif border == "shift":
            n_centers = torch.where(lengths > 2 * radius, lengths, 0)
        else:
            n_centers = lengths
        self.ends = n_centers.cumsum(0)  # (n_documents,): windows up to the end of each document
        longest = int(lengths.max()) if len(lengths) else 0
        needed, formula = (1, "") if border == "pad" else (2 * radius + 1, " (2R+1)")
        if longest < needed:
            raise ValueError(
                f"dataset must hold a document of {needed} words{formula} or more, "
                f"got {len(lengths)} documents of at most {longest}; lower R, add longer documents "
                "or take border='pad'"
            )

    @classmethod
    @checked
    def from_documents(
        cls, dataset: Iterable[Any], radius: int, border: str = "drop", pad_id: int = 0
    ) -> "WindowDataset":
        """Build the dataset from tokenised documents.

        Args:
            dataset: rows with `input_ids`, the token ids of a document (a list, an array or a
                tensor of integers); or these ids alone, for example a column of a DataFrame. Ids
                that the `attention_mask` of a row leaves out are no words.
            radius: R, the context words on each side of a center word, 1 or more.
            border: "drop", "shift" or "pad".
            pad_id: the id of padded places; used by "pad" alone.

        Returns:
            A dataset whose item i is the i-th pair of `flatten_dataset_to_list`.

        Raises:
            TypeError, ValueError: see `WindowDataset`.

        Source: assignment Q3.4 and Q3.5.
        """
        tokens, offsets = array("i"), array("q", [0])  # they grow in place: no second copy
        for row in dataset:
            tokens.frombytes(check_ids("input_ids", _ids_of(row)).tobytes())
            offsets.append(len(tokens))
        tokens, offsets = (torch.from_numpy(np.asarray(numbers)) for numbers in (tokens, offsets))
        return cls(tokens, offsets, radius, border, pad_id)

    def __len__(self) -> int:
        return int(self.ends[-1]) if len(self.ends) else 0

    def __getitem__(self, index: Any) -> tuple[Tensor, Tensor]:
        if isinstance(index, slice):
            return self.gather(range(len(self))[index])
        if np.ndim(index):
            return self.gather(index)
        words, contexts = self.gather([range(len(self))[index]])
        return words[0], contexts[0]

    def __getitems__(self, indices: Sequence[int]) -> list[tuple[Tensor, Tensor]]:
        """Serve the samples of a batch; a `DataLoader` calls this where a dataset has it.

        Args:
            indices: B indices in [0, len(self)).

        Returns:
            B samples: the id of w, shape (), and its context ids, shape (2R,); both int64.

        Raises:
            IndexError: an index outside the dataset.

        Source: assignment Q3.5.
        """
        return list(zip(*self.gather(indices), strict=True))

    @checked
    def gather(self, indices: Sequence[int] | Tensor) -> tuple[Tensor, Tensor]:
        """Cut the windows of a whole batch by array indexing.

        Args:
            indices: B indices in [0, len(self)).

        Returns:
            The ids of w, shape (B,), and their context ids, shape (B, 2R); both int64.

        Raises:
            IndexError: an index outside the dataset.

        Source: assignment Q3.5.
        """
        index = _as_index(indices)  # (B,)
        if len(index) and (index.min() < 0 or index.max() >= len(self)):
            raise IndexError(f"index must lie in [0, {len(self)}), got {shown(indices)}")
        index = index.to(self.tokens.device)  # (B,)
        document = torch.searchsorted(self.ends, index, right=True)  # (B,)
        first, last = self.offsets[document], self.offsets[document + 1]  # (B,)
        center = last - (self.ends[document] - index)  # (B,): counted back from the end
        if self.border == "drop":
            center = center - self.radius
        start = self._starts(center, first, last, self.radius)  # (B,)
        step = torch.arange(2 * self.radius, device=index.device)  # (2R,)
        skips_center = step >= (center - start).unsqueeze(1)  # (B, 2R)
        place = start.unsqueeze(1) + step + skips_center  # (B, 2R)
        words = self.tokens[center].long()  # (B,)
        if self.fill_id is None:
            return words, self.tokens[place].long()
        low, high = self.spans(center)  # (B,) each
        inside = (place >= low.unsqueeze(1)) & (place <= high.unsqueeze(1))  # (B, 2R)
        contexts = self.tokens[place.clamp(0, len(self.tokens) - 1)].long()  # (B, 2R)
        if self.border == "pad":
            inside &= contexts != self.pad_id
        return words, contexts.where(inside, self.fill_id)

    @property
    def fill_id(self) -> int | None:
        """The id that contexts hold in padded places; None if no place is padded."""
        if self.radii is not None:
            return NO_WORD
        return self.pad_id if self.border == "pad" else None

    @checked
    def spans(self, places: Tensor) -> tuple[Tensor, Tensor]:
        """Find the window around each place of the text: its first and its last place.

        Args:
            places: places in `tokens`, shape (B,), int64.

        Returns:
            The first and the last place of each window, shape (B,) each. The center lies between
            them. Where a place is the center of no window, the last lies before the first.

        Source: assignment Q3.2 (borders); Mikolov et al. 2013a, section 3.2 (radii that vary).
        """
        document = torch.searchsorted(self.offsets, places, right=True) - 1  # (B,)
        first, last = self.offsets[document], self.offsets[document + 1]  # (B,)
        radius = self.radius if self.radii is None else self.radii[places].long()
        low = self._starts(places, first, last, radius)  # (B,)
        high = low + 2 * radius  # (B,)
        if self.border == "pad":
            return torch.maximum(low, first), torch.minimum(high, last - 1)
        if self.border == "drop":
            is_center = (places - self.radius >= first) & (places + self.radius < last)  # (B,)
        else:
            is_center = last - first > 2 * self.radius  # (B,)
        return low, high.where(is_center, low - 1)

    def _starts(self, center: Tensor, first: Tensor, last: Tensor, radius: int | Tensor) -> Tensor:
        """Find the first place of each window, (B,); under "pad" it may lie before the text."""
        start = center - radius  # (B,)
        if self.border != "shift":
            return start
        return torch.minimum(torch.maximum(start, first), last - (2 * radius + 1))

    @checked
    def counts(self, vocab_size: int) -> Tensor:
        """Count how often each id occurs in the documents.

        Args:
            vocab_size: V, the number of ids.

        Returns:
            Counts, shape (V,), int64.

        Raises:
            ValueError: an id outside [0, V).

        Source: Mikolov et al. 2013b, section 2.2 (unigram counts).
        """
        vocab_size = check_positive_int("vocab_size", vocab_size)
        _check_text(self.tokens, self.offsets, self.radii)  # they may have changed since
        if len(self.tokens) and not 0 <= self.tokens.min() <= self.tokens.max() < vocab_size:
            found = f"{int(self.tokens.min())} ... {int(self.tokens.max())}"
            raise ValueError(
                f"input_ids must lie in [0, {vocab_size}), got {found}; "
                "tokenise with the vocabulary that the model was made for"
            )
        return torch.bincount(self.tokens, minlength=vocab_size)  # (V,)

    @checked
    def center_counts(self, vocab_size: int) -> Tensor:
        """Count how often each id is the center of a window: its row is trained that often.

        With the border rule "drop", a word that stands only near the ends of documents occurs and
        is never a center.

        Args:
            vocab_size: V, the number of ids.

        Returns:
            Counts, shape (V,), int64; at most those of `counts`.

        Raises:
            ValueError: an id outside [0, V).

        Source: assignment Q3.2 (borders).
        """
        total = torch.zeros_like(self.counts(vocab_size))  # (V,)
        for places in torch.arange(len(self.tokens)).split(2**20):
            low, high = self.spans(places)  # (n,) each
            total += torch.bincount(self.tokens[places][low <= high], minlength=vocab_size)
        return total

    def identity(self) -> dict[str, Any]:
        """Name the text: a digest of its ids and of the borders of its documents, and its size.

        Returns:
            "digest" (32 hexadecimal digits), "documents" and "tokens" (their numbers).

        Source: assignment Q3.12 (a model belongs to the text that it was trained on).
        """
        digest = hashlib.sha256()
        for part in (self.offsets, self.tokens):
            digest.update(part.cpu().contiguous().numpy().data)
        n_documents, n_tokens = len(self.offsets) - 1, len(self.tokens)
        return {"digest": digest.hexdigest()[:32], "documents": n_documents, "tokens": n_tokens}

    @checked
    def over(self, tokens: Tensor, offsets: Tensor, radii: Tensor | None = None) -> "WindowDataset":
        """Cut windows of the same radius and border rule out of another text.

        Args:
            tokens: all documents, shape (n,), int32.
            offsets: where each document starts, and the end of the last.
            radii: the radius of the window around each token, as in the class.

        Returns:
            The dataset over that text; nothing is copied.

        Raises:
            ValueError: no document is long enough for a window.
        """
        return WindowDataset(tokens, offsets, self.radius, self.border, self.pad_id, radii=radii)

    @checked
    def to(self, device: torch.device | str) -> "WindowDataset":
        """Give the same windows on another device.

        Args:
            device: where the tokens are wanted.

        Returns:
            A dataset whose tokens lie there; on the same device they are shared.

        Raises:
            ValueError: a device that PyTorch does not have here.
        """
        check_device(device)
        moved = copy.copy(self)
        for name in ("tokens", "offsets", "ends", "radii"):
            if getattr(self, name) is not None:
                setattr(moved, name, getattr(self, name).to(device))
        return moved

    @checked
    def save(self, path: str | os.PathLike, *, vocabulary: str = "") -> Path:
        """Write the tokens and where documents start to a file, whole or not at all.

        Windows are not written: the file serves any radius and border rule.

        Args:
            path: the file; its directory is made if it is missing.
            vocabulary: which words the ids stand for, as `vocabulary_identity` gives it.

        Returns:
            The path.

        Raises:
            ValueError: windows with a radius of their own, which would be lost.
            CheckpointError: the file cannot be written; an older file there is untouched.

        Source: assignment Q3.13 (a bigger corpus).
        """
        if self.radii is not None:
            raise ValueError("radii must be None to be saved, got some; save the whole text")
        corpus = {"tokens": self.tokens, "offsets": self.offsets, "vocabulary": vocabulary}
        return write_sealed(path, corpus)

    @classmethod
    @checked
    def load(
        cls,
        path: str | os.PathLike,
        radius: int,
        border: str = "drop",
        pad_id: int = 0,
        *,
        vocabulary: str | None = None,
    ) -> "WindowDataset":
        """Open a corpus that `save` wrote. Its tokens stay on disk and are read when needed.

        Args:
            path: the file.
            radius: R, the context words on each side of a center word, 1 or more.
            border: "drop", "shift" or "pad".
            pad_id: the id of padded places; used by "pad" alone.
            vocabulary: which words the ids should stand for; None leaves that unchecked.

        Returns:
            The dataset, its tokens mapped from the file.

        Raises:
            FileNotFoundError: there is no such file.
            CheckpointError: the file is truncated or changed by as much as a bit, is not a
                tokenised corpus, or belongs to another vocabulary.
            TypeError, ValueError: see `WindowDataset`.

        Source: assignment Q3.13 (a bigger corpus).
        """
        saved = read_sealed(path, mmap=True)
        tokens, offsets = (cast(Tensor, saved.get(name)) for name in ("tokens", "offsets"))
        try:
            _check_text(tokens, offsets, None)
        except (TypeError, ValueError) as error:
            raise CheckpointError(
                f"{str(path)!r} must hold a tokenised corpus, got {list(saved)}: {error}"
            ) from None
        if vocabulary is not None and saved.get("vocabulary") != vocabulary:
            raise CheckpointError(
                f"{str(path)!r} must hold ids of vocabulary {vocabulary!r}, "
                f"got {saved.get('vocabulary')!r}; tokenise the text again"
            )
        return cls(tokens, offsets, radius, border, pad_id)

    def __repr__(self) -> str:
        return (
            f"WindowDataset({len(self):,} windows of radius {self.radius}, border {self.border!r}, "
            f"{len(self.offsets) - 1:,} documents, {len(self.tokens):,} tokens)"
        )


def _as_index(indices: Any) -> Tensor:
    """Give the indices of a batch as a tensor, (B,), int64."""
    try:
        index = torch.as_tensor(indices)  # (B,)
    except (RuntimeError, TypeError, ValueError):
        index = torch.zeros(())
    if index.dim() != 1 or index.dtype == torch.bool or index.is_floating_point() and index.numel():
        raise TypeError(f"indices must be a flat list of integers, got {shown(indices)}")
    return index.long()


def check_ids(name: str, ids: Any) -> np.ndarray:
    """Give the token ids of one document in 4 bytes each.

    Args:
        name: the argument's name, for the message.
        ids: a list, an array or a tensor of integers; it may be empty.

    Returns:
        The ids, shape (n,), int32.

    Raises:
        TypeError: numbers that are not integers, or more than one dimension.
        ValueError: an id that 4 bytes cannot hold.
    """
    try:
        given = np.asarray(ids)
    except ValueError:  # lists of several lengths
        given = np.empty((0, 0))
    if given.ndim != 1 or (given.size and given.dtype.kind not in "iu"):
        raise TypeError(f"{name} must be a flat list of integers, got {shown(ids)}")
    stored = given.astype(np.int32)
    if not np.array_equal(given, stored):
        lost = int(given[given != stored][0])
        raise ValueError(f"{name} must lie in -2**31 ... 2**31 - 1, got {lost}")
    return stored


def _ids_of(row: Any) -> Any:
    """Take the ids of a document out of its row."""
    if isinstance(row, str):  # a table gives the names of its columns
        raise TypeError(
            f"dataset must hold documents of ids, got {shown(row)}; of a table pass one column, "
            "table['input_ids']"
        )
    if not isinstance(row, Mapping):
        return row
    if "input_ids" not in row:
        raise ValueError(f"dataset must hold rows with input_ids, got {list(row)!r}")
    ids, mask = row["input_ids"], row.get("attention_mask")
    if mask is None:
        return ids
    if np.shape(mask) != np.shape(ids):
        raise ValueError(
            f"attention_mask must have the shape of input_ids {np.shape(ids)}, got {np.shape(mask)}"
        )
    kept = np.asarray(mask)
    if not np.isin(kept, (0, 1)).all():
        raise ValueError(
            f"attention_mask must be 1 for a token and 0 for padding, got {shown(mask)}"
        )
    return np.asarray(ids)[kept.astype(bool)]  # padding of the row is no word


def _check_text(tokens: Any, offsets: Any, radii: Any) -> None:
    """Refuse tokens out of which documents cannot be cut without reading beyond their end."""
    wanted = {"tokens": (tokens, torch.int32), "offsets": (offsets, torch.int64)}
    if radii is not None:
        wanted["radii"] = (radii, torch.uint8)
    for name, (part, dtype) in wanted.items():
        if not (isinstance(part, Tensor) and part.dtype == dtype and part.dim() == 1):
            raise TypeError(f"{name} must be a tensor of shape (n,), {dtype}, got {shown(part)}")
    if not len(offsets) or (int(offsets[0]), int(offsets[-1])) != (0, len(tokens)):
        raise ValueError(
            f"offsets must begin with 0 and end with {len(tokens)}, got {shown(offsets)}"
        )
    if (offsets.diff() < 0).any():
        raise ValueError(f"offsets must not fall, got {shown(offsets)}")
    if radii is not None and len(radii) != len(tokens):
        raise ValueError(f"radii must be one for each of {len(tokens)} tokens, got {len(radii)}")
