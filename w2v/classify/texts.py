"""Labelled texts, their batches, and the checks of both (Q4.2)."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import Dataset, get_worker_info

from w2v.checks import check_default_device, check_share, check_weights, checked, shown
from w2v.windows import check_ids

PAD_ID = 0  # fills a batch; the attention mask keeps it out of every result


class TextDataset(Dataset[dict[str, Any]]):
    """Hold labelled texts as one flat array, so that a text is a slice of it.

    Args:
        tokens: the ids of all texts, one after the other, shape (n,), int32.
        starts: where each text starts, shape (n_texts,), int64.
        ends: where each text ends, shape (n_texts,), int64.
        labels: class of each text, shape (n_texts,), int64.
    """

    def __init__(self, tokens: Tensor, starts: Tensor, ends: Tensor, labels: Tensor) -> None:
        self.tokens, self.starts, self.ends, self.labels = tokens, starts, ends, labels

    @classmethod
    def from_documents(cls, dataset: Iterable[Any]) -> "TextDataset":
        """Build the dataset from tokenised, labelled texts.

        Args:
            dataset: rows with `input_ids` (token ids), `label` (an integer) and perhaps
                `attention_mask`: tokens that it hides are left out. Each may be of Python, numpy
                or torch.

        Returns:
            The same texts in the same order.

        Raises:
            TypeError, ValueError: a row without ids or label, ids or a label that are no
                integers, or a mask that does not fit the ids.
        """
        rows = [_read_row(row, i) for i, row in enumerate(dataset)]
        texts = [ids if mask is None else ids[mask] for ids, mask, _ in rows]
        ends = torch.tensor([len(text) for text in texts], dtype=torch.int64).cumsum(0)
        starts = torch.cat([ends.new_zeros(1), ends])[:-1]  # (n_texts,)
        labels = torch.tensor([label for *_, label in rows], dtype=torch.int64)  # (n_texts,)
        return cls(torch.cat([torch.empty(0, dtype=torch.int32), *texts]), starts, ends, labels)

    def __repr__(self) -> str:
        n_classes, n_tokens = len(self.labels.unique()), int((self.ends - self.starts).sum())
        return f"TextDataset({len(self):,} texts, {n_classes} classes, {n_tokens:,} tokens)"

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice) or np.ndim(index):
            is_slice = isinstance(index, slice)  # PyTorch takes no negative step
            return self.select(list(range(len(self))[index]) if is_slice else index)
        text = self.tokens[self.starts[index] : self.ends[index]]  # (length,)
        return {"input_ids": text, "label": self.labels[index].item()}

    def select(self, indices: Any) -> "TextDataset":
        """Select some of the texts; the array of tokens is shared.

        Args:
            indices: which m texts, in order: a slice, or a list, an array or a tensor of integers.

        Returns:
            A dataset of m texts.
        """
        return TextDataset(
            self.tokens, self.starts[indices], self.ends[indices], self.labels[indices]
        )


@checked
def collate_texts(
    batch: Sequence[dict[str, Any]],
    *,
    word_dropout: float = 0.0,
    generator: torch.Generator | None = None,
) -> dict[str, Tensor]:
    """Pad the texts of a batch to the longest of them.

    Args:
        batch: B rows with `input_ids` (token ids) and `label` (an integer), of Python, numpy or
            torch. They may have an `attention_mask`: True or 1 for a token, False or 0 for padding.
        word_dropout: probability that a token is hidden; at least one token of a text stays.
        generator: draws the hidden tokens; None takes PyTorch's global one. In the worker
            processes of a DataLoader the global one is always taken, which PyTorch seeds for each
            worker: copies of one generator would hide the same places in each.

    Returns:
        `input_ids`, shape (B, T), int64, filled with 0; `attention_mask`, shape (B, T), bool,
        True for a token, False for padding and hidden tokens; `label`, shape (B,), int64.

    Raises:
        TypeError, ValueError: no row, or as `TextDataset.from_documents`.

    Source: assignment Q4.2.
    """
    word_dropout = check_share("word_dropout", word_dropout)
    if not len(batch):
        raise ValueError("batch must hold at least one text, got none")
    texts, masks, labels = zip(*(_read_row(row, i) for i, row in enumerate(batch)), strict=True)
    input_ids = pad_sequence(list(texts), batch_first=True, padding_value=PAD_ID).long()  # (B, T)
    lengths = torch.tensor([len(text) for text in texts])  # (B,)
    mask = torch.arange(input_ids.shape[1]) < lengths.unsqueeze(1)  # (B, T)
    for i, own in enumerate(masks):
        if own is not None:
            mask[i, : len(own)] = own
    if word_dropout:
        if get_worker_info() is not None:
            generator = None
        kept = mask & (torch.rand(mask.shape, generator=generator) >= word_dropout)  # (B, T)
        mask = torch.where(kept.any(dim=1, keepdim=True), kept, mask)  # (B, T)
    return {
        "input_ids": input_ids,
        "attention_mask": mask,
        "label": torch.tensor(labels, dtype=torch.int64),  # (B,)
    }


def check_texts(
    name: str, dataset: Iterable[Any] | TextDataset, classifier: nn.Module
) -> TextDataset:
    """Turn rows into a `TextDataset`, and refuse what the classifier cannot read.

    Args:
        name: the argument's name, for the message.
        dataset: rows as `TextDataset.from_documents` takes them, or a `TextDataset`.
        classifier: has `embeddings`, an `nn.Embedding`, and `n_classes`.

    Returns:
        The texts.

    Raises:
        TypeError, ValueError: no text, a label outside the classes, an id outside the
            vocabulary, or a classifier without those two attributes.
    """
    check_default_device()
    embeddings = getattr(classifier, "embeddings", None)
    if not isinstance(embeddings, nn.Embedding) or not hasattr(classifier, "n_classes"):
        raise TypeError(
            "classifier must have embeddings, an nn.Embedding, and n_classes, "
            f"got {type(classifier).__name__}"
        )
    check_weights("classifier", embeddings.weight)
    is_rows = hasattr(dataset, "__iter__") or hasattr(dataset, "__getitem__")
    if not is_rows or getattr(dataset, "shape", None) == ():  # an array of one number
        raise TypeError(f"{name} must be rows with input_ids and label, got {shown(dataset)}")
    texts = dataset if isinstance(dataset, TextDataset) else TextDataset.from_documents(dataset)
    if len(texts) == 0:
        raise ValueError(f"{name} must hold at least one text, got 0")
    # A module types each of its attributes as a tensor or a module.
    n_classes = cast(int, classifier.n_classes)
    wrong = ((texts.labels < 0) | (texts.labels >= n_classes)).nonzero().flatten().tolist()
    if wrong:
        label = texts.labels[wrong[0]].item()
        raise ValueError(
            f"label of {name} must lie in [0, {n_classes}), got {label} in row {wrong[0]}"
        )
    _check_range(f"input_ids of {name}", texts.tokens, embeddings.num_embeddings)
    return texts


def check_tokenizer(tokenizer: Any, vocab_size: int) -> None:
    """Refuse a tokenizer of another vocabulary, whose ids would be other words.

    Args:
        tokenizer: of `transformers`; one without a length is taken as it is.
        vocab_size: V, the number of rows of the classifier's table.

    Raises:
        ValueError: it has more or fewer ids.
    """
    size = len(tokenizer) if hasattr(tokenizer, "__len__") else vocab_size
    if size != vocab_size:
        raise ValueError(
            f"tokenizer must have the {vocab_size} ids of the classifier, got {size}; take the one "
            "that the classifier was trained with"
        )


def check_inputs(input_ids: Any, attention_mask: Any, vocab_size: int) -> tuple[Tensor, Tensor]:
    """Check the inputs of a classifier.

    The range of numbers is checked on the CPU only: on a GPU that check would wait for the device
    at every step.

    Args:
        input_ids: token ids, shape (B, T), integers.
        attention_mask: True or 1 for a token, False or 0 for padding, shape (B, T).
        vocab_size: V, the number of ids.

    Returns:
        The ids, int64, with 0 for padding; and the mask, bool. Both have shape (B, T).

    Raises:
        TypeError: the ids are no integers.
        ValueError: the shapes differ, the mask holds other numbers, or an id lies outside the
            vocabulary.
    """
    if not isinstance(input_ids, Tensor):
        input_ids = _as_tensor("input_ids", input_ids)  # (B, T)
    is_integer = not input_ids.dtype.is_floating_point and input_ids.dtype != torch.bool
    if not is_integer and input_ids.numel():
        raise TypeError(f"input_ids must be integers, got {input_ids.dtype}")
    if input_ids.dim() != 2:
        raise ValueError(f"input_ids must have shape (B, T), got {tuple(input_ids.shape)!r}")
    mask = _check_mask(attention_mask, input_ids)  # (B, T)
    ids = input_ids.long().masked_fill(~mask, PAD_ID)  # (B, T)
    _check_range("input_ids", ids, vocab_size)
    return ids, mask


def _read_row(row: Any, place: int) -> tuple[Tensor, Tensor | None, int]:
    """Read the ids of a text, (length,), int32, its mask, if there is one, and its label."""
    if not isinstance(row, Mapping) or not {"input_ids", "label"} <= row.keys():
        found = list(row) if isinstance(row, Mapping) else row
        # The rows of a table are the names of its columns.
        cure = "; pass the rows of a table: table.to_dict('records')" if type(row) is str else ""
        raise ValueError(
            f"rows must have input_ids and label, got {shown(found)} in row {place}{cure}"
        )
    label = np.asarray(row["label"])
    if label.ndim or label.dtype.kind not in "iu":
        raise TypeError(f"label must be an integer, got {row['label']!r} in row {place}")
    ids = torch.from_numpy(check_ids(f"input_ids of row {place}", row["input_ids"]))  # (length,)
    mask = row.get("attention_mask")
    return ids, None if mask is None else _check_mask(mask, ids), int(label)


def _as_tensor(name: str, numbers: Any) -> Tensor:
    """Give lists or an array of numbers as a tensor."""
    try:
        return torch.tensor(np.asarray(numbers))
    except (TypeError, ValueError):
        raise TypeError(
            f"{name} must be a tensor, or rows of one length of numbers, got {shown(numbers)}"
        ) from None


def _check_mask(attention_mask: Any, input_ids: Tensor) -> Tensor:
    """Turn a mask of 0 and 1, of any type, into a bool tensor of the shape of the ids."""
    mask = attention_mask
    if not isinstance(mask, Tensor):
        mask = _as_tensor("attention_mask", mask).to(input_ids.device)
    if mask.shape != input_ids.shape:
        raise ValueError(
            f"attention_mask must have the shape of input_ids {tuple(input_ids.shape)!r}, "
            f"got {tuple(mask.shape)!r}"
        )
    if mask.dtype != torch.bool:
        if _readable(mask) and not ((mask == 0) | (mask == 1)).all():
            raise ValueError(
                f"attention_mask must be 1 for a token and 0 for padding, got {shown(mask)}"
            )
        mask = mask != 0
    return mask


def _check_range(name: str, values: Tensor, limit: int) -> None:
    """Refuse integers outside [0, limit)."""
    if values.numel() == 0 or not _readable(values):
        return
    low, high = (bound.item() for bound in values.aminmax())
    if low < 0 or high >= limit:
        raise ValueError(f"{name} must lie in [0, {limit}), got {low if low < 0 else high!r}")


def _readable(values: Tensor) -> bool:
    """Tell whether Python can look at the numbers without waiting for another device."""
    return values.device.type == "cpu" and not torch.compiler.is_compiling()
