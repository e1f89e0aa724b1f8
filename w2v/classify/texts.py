"""Labelled texts, their batches, and the checks of both (Q4.2)."""

from collections.abc import Iterable, Sequence
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import Dataset

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
            dataset: rows with `input_ids`, a list of token ids, and `label`, an int.

        Returns:
            The same texts in the same order.

        Raises:
            TypeError: a label that is no integer.
        """
        texts, labels = [], []
        for row in dataset:
            if not isinstance(row["label"], (int, np.integer)):
                raise TypeError(f"label must be an integer, got {row['label']!r}")
            texts.append(np.asarray(row["input_ids"], dtype=np.int32))
            labels.append(row["label"])
        tokens = np.concatenate(texts) if texts else np.empty(0, dtype=np.int32)
        lengths = torch.tensor([len(text) for text in texts], dtype=torch.int64)  # (n_texts,)
        ends = lengths.cumsum(0)  # (n_texts,)
        return cls(
            torch.from_numpy(tokens), ends - lengths, ends, torch.tensor(labels, dtype=torch.int64)
        )

    def __repr__(self) -> str:
        n_classes, n_tokens = len(self.labels.unique()), int((self.ends - self.starts).sum())
        return f"TextDataset({len(self):,} texts, {n_classes} classes, {n_tokens:,} tokens)"

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> dict[str, Any]:
        text = self.tokens[self.starts[index] : self.ends[index]]  # (length,)
        return {"input_ids": text, "label": self.labels[index].item()}

    def __getitems__(self, indices: Sequence[int]) -> list[dict[str, Any]]:
        """Serve the texts of a whole batch.

        Args:
            indices: B indices in [0, len(self)).

        Returns:
            B rows with `input_ids`, shape (length,), int32, and `label`, an int.

        Source: `torch.utils.data.DataLoader`, which calls it where a dataset has it.
        """
        index = torch.as_tensor(indices)  # (B,)
        bounds = zip(self.starts[index].tolist(), self.ends[index].tolist(), strict=True)
        labels = self.labels[index].tolist()
        return [
            {"input_ids": self.tokens[start:end], "label": label}
            for (start, end), label in zip(bounds, labels, strict=True)
        ]

    def select(self, indices: Tensor) -> "TextDataset":
        """Select some of the texts; the array of tokens is shared.

        Args:
            indices: which texts, in order, shape (m,), int64.

        Returns:
            A dataset of m texts.
        """
        return TextDataset(
            self.tokens, self.starts[indices], self.ends[indices], self.labels[indices]
        )


def collate_texts(
    batch: Sequence[dict[str, Any]],
    *,
    word_dropout: float = 0.0,
    generator: torch.Generator | None = None,
) -> dict[str, Tensor]:
    """Pad the texts of a batch to the longest of them.

    Args:
        batch: B rows with `input_ids` (ids, a list or a tensor) and `label` (int).
        word_dropout: probability that a token is hidden; at least one token of a text stays.
        generator: draws the hidden tokens.

    Returns:
        `input_ids`, shape (B, T), int64, filled with 0; `attention_mask`, shape (B, T), bool,
        True for a token, False for padding and hidden tokens; `label`, shape (B,), int64.

    Source: assignment Q4.2.
    """
    texts = [torch.as_tensor(row["input_ids"]).long() for row in batch]
    lengths = torch.tensor([len(text) for text in texts])  # (B,)
    input_ids = pad_sequence(texts, batch_first=True, padding_value=PAD_ID)  # (B, T)
    mask = torch.arange(input_ids.shape[1]) < lengths.unsqueeze(1)  # (B, T)
    if word_dropout:
        kept = mask & (torch.rand(mask.shape, generator=generator) >= word_dropout)  # (B, T)
        mask = torch.where(kept.any(dim=1, keepdim=True), kept, mask)  # (B, T)
    return {
        "input_ids": input_ids,
        "attention_mask": mask,
        "label": torch.tensor([row["label"] for row in batch], dtype=torch.int64),  # (B,)
    }


def check_texts(
    name: str, dataset: Iterable[Any] | TextDataset, classifier: nn.Module
) -> TextDataset:
    """Turn rows into a `TextDataset`, and refuse what the classifier cannot read.

    Args:
        name: the argument's name, for the message.
        dataset: rows with `input_ids` (list of int) and `label` (int), or a `TextDataset`.
        classifier: has `embeddings`, an `nn.Embedding`, and `n_classes`.

    Returns:
        The texts.

    Raises:
        TypeError, ValueError: no text, a label outside the classes, or an id outside the
            vocabulary.
    """
    texts = dataset if isinstance(dataset, TextDataset) else TextDataset.from_documents(dataset)
    if len(texts) == 0:
        raise ValueError(f"{name} must hold at least one text, got 0")
    # A module types each of its attributes as a tensor or a module.
    _check_range(f"label of {name}", texts.labels, cast(int, classifier.n_classes))
    vocab_size = classifier.get_parameter("embeddings.weight").shape[0]
    _check_range(f"input_ids of {name}", texts.tokens, vocab_size)
    return texts


def check_inputs(input_ids: Tensor, attention_mask: Tensor, vocab_size: int) -> None:
    """Refuse a mask of another shape, and ids outside the vocabulary.

    Args:
        input_ids: token ids, shape (B, T), int64.
        attention_mask: True for a token, False for padding, shape (B, T), bool.
        vocab_size: V, the number of ids.

    Raises:
        ValueError: the shapes differ, or an id lies outside the vocabulary.
    """
    if attention_mask.shape != input_ids.shape:
        raise ValueError(
            f"attention_mask must have the shape of input_ids {tuple(input_ids.shape)!r}, "
            f"got {tuple(attention_mask.shape)!r}"
        )
    _check_range("input_ids", input_ids, vocab_size)


def _check_range(name: str, values: Tensor, limit: int) -> None:
    """Refuse integers outside [0, limit)."""
    if values.numel() == 0:
        return
    low, high = (bound.item() for bound in values.aminmax())
    if low < 0 or high >= limit:
        raise ValueError(f"{name} must lie in [0, {limit}), got {low if low < 0 else high!r}")
