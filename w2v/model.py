"""The model of Q3.9 and its loss, equation (1)."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import skip_init

from w2v.config import check_positive_int


class Word2Vec(nn.Module):
    """Score how well a context word goes with a center word: sigma(c . w).

    Two tables, as the assignment has them: `center_embeddings` (E^w) for the words,
    `context_embeddings` (E^C) for the contexts. They start as in word2vec.c: center rows
    uniform in +-1/(2d), context rows zero, so that every probability starts at 1/2.

    Args:
        vocab_size: V, rows of each table.
        dim: d, length of a row.
        generator: where the first values come from; None takes torch's global one.

    Raises:
        TypeError, ValueError: `vocab_size` or `dim` is no positive integer.

    Source: assignment section 1.2 and Q3.9.
    """

    def __init__(
        self, vocab_size: int, dim: int, *, generator: torch.Generator | None = None
    ) -> None:
        super().__init__()
        check_positive_int("vocab_size", vocab_size)
        check_positive_int("dim", dim)
        self.center_embeddings = skip_init(nn.Embedding, vocab_size, dim, sparse=True)  # (V, d)
        self.context_embeddings = skip_init(nn.Embedding, vocab_size, dim)  # (V, d)
        nn.init.uniform_(self.center_embeddings.weight, -0.5 / dim, 0.5 / dim, generator=generator)
        nn.init.zeros_(self.context_embeddings.weight)

    def forward(self, word_id: Tensor, context_ids: Tensor) -> Tensor:
        """Give the logits c . w of each word with each of its contexts.

        Args:
            word_id: center words, shape (B,), int64.
            context_ids: C contexts for each, shape (B, C), int64.

        Returns:
            Logits, shape (B, C), float32.

        Raises:
            IndexError: an id outside [0, V).

        Source: assignment section 1.2 and Q3.9.
        """
        self._check_ids("word_id", word_id)
        self._check_ids("context_ids", context_ids)
        words = self.center_embeddings(word_id)  # (B, d)
        return PairLogits.apply(words, self.context_embeddings.weight, context_ids)  # (B, C)

    def _check_ids(self, name: str, ids: Tensor) -> None:
        """Refuse ids that are no rows of the tables: reading past a table is silent."""
        n_rows = self.center_embeddings.num_embeddings
        if ids.numel() == 0:
            return
        low, high = (bound.item() for bound in ids.aminmax())
        if low < 0 or high >= n_rows:
            raise IndexError(f"{name} must lie in [0, {n_rows}), got {low} ... {high}")

    def probabilities(self, word_id: Tensor, context_ids: Tensor) -> Tensor:
        """Give M(w, c) = sigma(c . w), the assignment's similarity.

        Args:
            word_id: center words, shape (B,), int64.
            context_ids: C contexts for each, shape (B, C), int64.

        Returns:
            Probabilities in (0, 1), shape (B, C), float32.

        Source: assignment section 1.2.
        """
        return torch.sigmoid(self(word_id, context_ids))  # (B, C)


class PairLogits(torch.autograd.Function):
    """Compute `einsum("bd,bcd->bc", words, table[context_ids])` without copying the rows.

    The plain form copies B C rows out of the table, copies as many gradients back, and spends
    most of a training step on that. Both directions are sums over rows of a table, which is
    what torch's embedding bag computes in place. The tests hold the two forms equal.

    Source: assignment section 1.2 (c . w); gradients by the product rule.
    """

    @staticmethod
    def forward(ctx, words: Tensor, table: Tensor, context_ids: Tensor) -> Tensor:
        """Give the logits, shape (B, C), of words (B, d) and rows of table (V, d).

        Source: assignment section 1.2.
        """
        n_words, n_contexts = context_ids.shape
        ids = context_ids.flatten()  # (B C,)
        device = ids.device
        starts = torch.arange(0, len(ids), n_contexts, device=device)  # (B,)
        owner = torch.arange(n_words, device=device).repeat_interleave(n_contexts)  # (B C,)
        ctx.save_for_backward(words, table, context_ids, owner)
        dots = torch.ops.aten._embedding_bag_per_sample_weights_backward(
            words, table, ids, starts, owner, 0
        )  # (B C,)
        return dots.view_as(context_ids)  # (B, C)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple[Tensor, Tensor, None]:
        """Give the gradients of words, (B, d), and table, (V, d), for gradient (B, C).

        Source: d(c . w)/dw = c and d(c . w)/dc = w.
        """
        words, table, context_ids, owner = ctx.saved_tensors
        ids, weights = context_ids.flatten(), gradient.flatten()  # (B C,) each
        of_words = F.embedding_bag(
            context_ids, table, mode="sum", per_sample_weights=gradient.contiguous()
        )  # (B, d)
        order = torch.from_numpy(ids.numpy().argsort())  # (B C,): pairs of row 0, of row 1, ...
        counts = torch.bincount(ids, minlength=len(table))  # (V,)
        of_table = F.embedding_bag(
            owner[order],
            words,
            counts.cumsum(0) - counts,  # (V,): where the pairs of a row start
            mode="sum",
            per_sample_weights=weights[order],
        )  # (V, d)
        return of_words, of_table, None


def sgns_loss(
    positive_logits: Tensor, negative_logits: Tensor, real: Tensor | None = None
) -> Tensor:
    """Average the binary classification loss over all pairs of a batch.

    Args:
        positive_logits: c . w for the positive contexts, shape (B, 2R), float32.
        negative_logits: c . w for the negative contexts, shape (B, 2KR), float32.
        real: False where a positive context is padding, shape (B, 2R), bool; such a pair and
            its K negatives are left out. None where nothing is padding.

    Returns:
        Mean loss per pair in nats, shape (), float32.

    Source: assignment eq. (1).
    """
    # -log sigma(x) for a positive; -log(1 - sigma(x)) = -log sigma(-x) for a negative
    signed = torch.cat([positive_logits, -negative_logits], dim=1)  # (B, 2R + 2KR)
    losses = -F.logsigmoid(signed)  # (B, 2R + 2KR)
    if real is None:
        return losses.mean()
    kept = real_pairs(real, negative_logits.shape[1] // real.shape[1])  # (B, 2R + 2KR)
    return (losses * kept).sum() / kept.sum().clamp(min=1)


def real_pairs(real: Tensor, ratio: int) -> Tensor:
    """Extend the mask of the positive contexts to their negatives.

    Args:
        real: False where a positive context is padding, shape (B, 2R), bool.
        ratio: K, negatives for each positive; the j-th positive owns columns j K ... j K + K - 1.

    Returns:
        False where a pair is left out, shape (B, 2R + 2KR), bool.

    Source: assignment Q3.2 (borders) and section 1.2 (K negatives for each positive).
    """
    return torch.cat([real, real.repeat_interleave(ratio, dim=1)], dim=1)
