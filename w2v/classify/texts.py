"""Labelled texts, their batches, and the checks of both (Q4.2)."""

from collections.abc import Iterable, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import Dataset

PAD_ID = 0  # fills a batch; the attention mask keeps it out of every result


class TextDataset(Dataset):
    """Hold labelled texts as one flat int32 array, so that a batch is a few slices.

    Args:
        tokens: the ids of all texts, one after the other, shape (n,), int32.
        starts: where each text starts, shape (n_texts,), int64.
        ends: where each text ends, shape (n_texts,), int64.
        labels: class of each text, shape (n_texts,), int64.

    Source: assignment Q4.2.
    """

    def __init__(self, tokens: Tensor, starts: Tensor, ends: Tensor, labels: Tensor) -> None:
        self.tokens, self.starts, self.ends, self.labels = tokens, starts, ends, labels

    @classmethod
    def from_documents(cls, dataset: Iterable[dict]) -> "TextDataset":
        """Build the dataset from tokenised, labelled texts.

        Args:
            dataset: rows with `input_ids`, a list of token ids, and `label`, an int.

        Returns:
            The same texts in the same order.

        Raises:
            TypeError: a label that is no integer.

        Source: assignment Q4.2.
        """
        texts, labels = [], []
        for row in dataset:
            texts.append(np.asarray(row["input_ids"], dtype=np.int32))
            labels.append(row["label"])
            if not isinstance(labels[-1], int):
                raise TypeError(f"label must be an integer, got {labels[-1]!r}")
        tokens = np.concatenate(texts) if texts else np.empty(0, dtype=np.int32)
        ends = torch.tensor([len(text) for text in texts], dtype=torch.int64).cumsum(0)
        starts = torch.cat([torch.zeros(1, dtype=torch.int64), ends])[: len(texts)]
        labels = torch.tensor(labels, dtype=torch.int64)  # (n_texts,)
        return cls(torch.from_numpy(tokens), starts, ends, labels)

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> dict:
        text = self.tokens[self.starts[index] : self.ends[index]]
        return {"input_ids": text, "label": self.labels[index].item()}

    def __getitems__(self, indices: Sequence[int]) -> list[dict]:
        """Gather the texts of a whole batch.

        Args:
            indices: B indices in [0, len(self)).

        Returns:
            B rows with `input_ids`, shape (length,), int32, and `label`, an int.

        Source: `torch.utils.data` calls it where a dataset has it.
        """
        index = torch.as_tensor(indices)
        bounds = zip(self.starts[index].tolist(), self.ends[index].tolist(), strict=True)
        labels = self.labels[index].tolist()
        return [
            {"input_ids": self.tokens[start:end], "label": label}
            for (start, end), label in zip(bounds, labels, strict=True)
        ]

    def select(self, indices: Tensor) -> "TextDataset":
        """Take some of the texts, sharing the array of tokens.

        Args:
            indices: which texts, in order, shape (m,), int64.

        Returns:
            A dataset of m texts.

        Source: assignment Q4.3 (several numbers of labels).
        """
        return TextDataset(
            self.tokens, self.starts[indices], self.ends[indices], self.labels[indices]
        )


def collate_texts(
    batch: Sequence[dict],
    *,
    word_dropout: float = 0.0,
    generator: torch.Generator | None = None,
) -> dict[str, Tensor]:
    """Pad the texts of a batch to the longest of them.

    Args:
        batch: B rows with `input_ids` (ids, a list or a tensor) and `label` (int).
        word_dropout: probability that a token is hidden; a text never loses all of them.
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


def check_texts(name: str, dataset: Iterable[dict], classifier: nn.Module) -> TextDataset:
    """Give the texts as a `TextDataset`, once the classifier is known to take them all."""
    if not isinstance(dataset, TextDataset):
        dataset = TextDataset.from_documents(dataset)
    if len(dataset) == 0:
        raise ValueError(f"{name} must hold at least one text, got 0")
    _check_range(f"label of {name}", dataset.labels, classifier.n_classes)
    _check_range(f"input_ids of {name}", dataset.tokens, classifier.embeddings.num_embeddings)
    return dataset


def check_inputs(input_ids: Tensor, attention_mask: Tensor, vocab_size: int) -> None:
    """Refuse a mask of another shape, and ids that have no row.

    Args:
        input_ids: token ids, shape (B, T), int64.
        attention_mask: True for a token, False for padding, shape (B, T), bool.
        vocab_size: V, the number of rows.

    Raises:
        ValueError: the shapes differ, or an id lies outside the vocabulary.

    Source: assignment section 4.
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
