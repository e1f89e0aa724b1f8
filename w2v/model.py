"""The model of Q3.9 and its loss, equation (1)."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from w2v.checks import check_positive_int, checked


class Word2Vec(nn.Module):
    """Score how well a context word c goes with a center word w: sigma(c . w).

    The model has two embedding tables, as in the assignment: `center_embeddings` (E^w) for center
    words, `context_embeddings` (E^C) for context words. They start as in word2vec.c: center rows
    uniform in +-1/(2d), context rows zero. So every probability starts at 1/2.

    Args:
        vocab_size: V, the number of rows of each table.
        dim: d, the length of a row.
        generator: draws the first values; None takes torch's global generator.

    Raises:
        TypeError, ValueError: `vocab_size` or `dim` is not a positive integer.

    Source: assignment section 1.2 and Q3.9.
    """

    def __init__(
        self, vocab_size: int, dim: int, *, generator: torch.Generator | None = None
    ) -> None:
        super().__init__()
        vocab_size = check_positive_int("vocab_size", vocab_size)
        dim = check_positive_int("dim", dim)
        center = torch.empty(vocab_size, dim)  # (V, d)
        center.uniform_(-0.5 / dim, 0.5 / dim, generator=generator)
        context = torch.zeros(vocab_size, dim)  # (V, d)
        self.center_embeddings = nn.Embedding.from_pretrained(center, freeze=False)
        self.context_embeddings = nn.Embedding.from_pretrained(context, freeze=False)

    def forward(self, word_id: Tensor, context_ids: Tensor) -> Tensor:
        """Compute the logits c . w of each center word with each of its contexts.

        Args:
            word_id: center words, shape (B,), int64.
            context_ids: C contexts of each center word, shape (B, C), int64.

        Returns:
            Logits, shape (B, C), float32.

        Raises:
            TypeError: ids that are no tensors of integers.
            ValueError: the shapes are not (B,) and (B, C).
            IndexError: an id outside [0, V).

        Source: assignment section 1.2 and Q3.9.
        """
        check_pairs(word_id, context_ids, self.center_embeddings.num_embeddings)
        words = self.center_embeddings(word_id)  # (B, d)
        contexts = self.context_embeddings(context_ids)  # (B, C, d)
        return (words.unsqueeze(1) * contexts).sum(dim=-1)  # (B, C)

    def probabilities(self, word_id: Tensor, context_ids: Tensor) -> Tensor:
        """Compute M(w, c) = sigma(c . w), the similarity of the assignment.

        Args:
            word_id: center words, shape (B,), int64.
            context_ids: C contexts of each center word, shape (B, C), int64.

        Returns:
            Probabilities in (0, 1), shape (B, C), float32.

        Source: assignment section 1.2.
        """
        return torch.sigmoid(self(word_id, context_ids))  # (B, C)


def check_pairs(word_id: Tensor, context_ids: Tensor, vocab_size: int) -> None:
    """Refuse center words and contexts that do not belong together or are not in the tables.

    The range of the ids is checked on the CPU only: on a GPU that check would wait for the device
    at every step, and torch itself stops there.

    Args:
        word_id: center words, shape (B,).
        context_ids: C contexts of each center word, shape (B, C).
        vocab_size: V.

    Raises:
        TypeError: ids that are no tensors of integers.
        ValueError: the shapes are not (B,) and (B, C).
        IndexError: an id outside [0, V).
    """
    for name, ids in (("word_id", word_id), ("context_ids", context_ids)):
        kind = ids.dtype if isinstance(ids, Tensor) else type(ids)
        if kind not in (torch.int64, torch.int32):
            raise TypeError(f"{name} must be a tensor of int64, got {kind}; take torch.tensor(ids)")
    if word_id.dim() != 1 or context_ids.dim() != 2 or len(word_id) != len(context_ids):
        raise ValueError(
            "word_id and context_ids must have shapes (B,) and (B, C), "
            f"got {tuple(word_id.shape)} and {tuple(context_ids.shape)}"
        )
    check_range("word_id", word_id, vocab_size)
    check_range("context_ids", context_ids, vocab_size)


def check_range(name: str, ids: Tensor, vocab_size: int) -> None:
    """Refuse ids that are no rows of a table, on the CPU only; see `check_pairs`.

    Args:
        name: the argument's name, for the message.
        ids: integers of any shape.
        vocab_size: V.

    Raises:
        IndexError: an id outside [0, V).
    """
    if ids.device.type == "cpu" and ids.numel() and not torch.compiler.is_compiling():
        low, high = (bound.item() for bound in ids.aminmax())
        if low < 0 or high >= vocab_size:
            raise IndexError(f"{name} must lie in [0, {vocab_size}), got {low} ... {high}")


@checked
def sgns_loss(
    positive_logits: Tensor, negative_logits: Tensor, mask: Tensor | None = None
) -> Tensor:
    """Average the binary classification loss over all pairs of a batch.

    Args:
        positive_logits: c . w of the positive contexts, shape (B, 2R), float32.
        negative_logits: c . w of the negative contexts, shape (B, 2KR), float32.
        mask: True for a positive context, False for a padded place, shape (B, 2R), bool. A padded
            place and its K negatives are left out. None if nothing is padded.

    Returns:
        Mean loss per pair in nats, shape (), float32.

    Raises:
        TypeError: logits that are no real numbers, or a mask that is not bool.
        ValueError: the shapes differ from those above, or there is no pair.

    Source: assignment eq. (1).
    """
    _check_logits(positive_logits, negative_logits, mask)
    positive = -F.logsigmoid(positive_logits)  # (B, 2R)
    negative = -F.logsigmoid(-negative_logits)  # (B, 2KR), since 1 - sigma(x) = sigma(-x)
    losses = torch.cat([positive, negative], dim=1)  # (B, 2R + 2KR)
    if mask is None:
        return losses.mean()
    pairs = pair_mask(mask, negative.shape[1] // positive.shape[1])  # (B, 2R + 2KR)
    return (losses * pairs).sum() / pairs.sum().clamp(min=1)


def _check_logits(positive: Tensor, negative: Tensor, mask: Tensor | None) -> None:
    """Refuse logits and a mask of which equation (1) gives no number."""
    for name, logits in (("positive_logits", positive), ("negative_logits", negative)):
        if not logits.is_floating_point():
            raise TypeError(f"{name} must be float32, got {logits.dtype}")
    shapes = tuple(positive.shape), tuple(negative.shape)
    fits = positive.dim() == negative.dim() == 2 and len(positive) == len(negative)
    if not (fits and positive.numel() and negative.numel()):
        raise ValueError(
            "positive_logits and negative_logits must have shapes (B, 2R) and (B, 2KR), "
            f"got {shapes[0]} and {shapes[1]}"
        )
    if mask is None:
        return
    if mask.dtype != torch.bool:
        raise TypeError(f"mask must be bool, got {mask.dtype}; take mask.bool()")
    if mask.shape != positive.shape or negative.shape[1] % positive.shape[1]:
        raise ValueError(
            "mask must have the shape (B, 2R) of positive_logits, with K negatives for each, "
            f"got {tuple(mask.shape)} with logits of {shapes[0]} and {shapes[1]}"
        )


def pair_mask(mask: Tensor, ratio: int) -> Tensor:
    """Extend the mask of the positive contexts to their negatives.

    Args:
        mask: True for a positive context, False for a padded place, shape (B, 2R), bool.
        ratio: K, the negatives of each positive; those of the j-th positive are the columns
            j K ... j K + K - 1.

    Returns:
        False for a pair that is left out, shape (B, 2R + 2KR), bool.

    Source: assignment Q3.2 (borders) and section 1.2 (K negatives for each positive).
    """
    return torch.cat([mask, mask.repeat_interleave(ratio, dim=1)], dim=1)
