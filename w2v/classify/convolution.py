"""The convolutional classifier, beside the attention one and trained as it is (Q4.2)."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from w2v.classify.texts import check_inputs
from w2v.config import check_positive_int


class ConvClassifier(nn.Module):
    """Classify a text by the strongest trace that each of some filters finds in it.

    A filter reads the tokens around each token of a text, zeros beyond its ends; of its answers
    (ReLU) the highest counts, and a linear layer weighs those of all filters. So a text of any
    length is read, one shorter than the filters too, and padding changes nothing.

    All parameters are drawn as `nn.Conv1d`, `nn.Linear` and `nn.Embedding` draw theirs, the
    embedding table last: two models made from the same seed agree in everything else even after
    one of them is handed a pretrained table.

    Args:
        vocab_size: V, the number of ids.
        d: length of a word's vector.
        n_classes: number of classes, 2 or more.
        n_filters: number of filters.
        kernel_size: tokens that a filter reads at once.
        dropout: share of the filters that each text of a training step does without.
        generator: draws the parameters, and then what is dropped; None takes PyTorch's global one.

    Raises:
        TypeError, ValueError: a size that is no positive integer, fewer than two classes, or a
            dropout outside [0, 1).

    Source: Kim 2014, section 2; assignment Q4.2 with a convolution.
    """

    def __init__(
        self,
        vocab_size: int,
        d: int,
        n_classes: int,
        *,
        n_filters: int = 100,
        kernel_size: int = 3,
        dropout: float = 0.5,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        sizes = {"vocab_size": vocab_size, "d": d, "n_classes": n_classes}
        for name, value in {**sizes, "n_filters": n_filters, "kernel_size": kernel_size}.items():
            check_positive_int(name, value)
        if n_classes < 2:
            raise ValueError(f"n_classes must be 2 or more, got {n_classes!r}")
        if not 0 <= dropout < 1:
            raise ValueError(f"dropout must lie in [0, 1), got {dropout!r}")
        self.n_classes, self.dropout, self._generator = n_classes, dropout, generator
        self.convolution = nn.utils.skip_init(nn.Conv1d, d, n_filters, kernel_size)
        self.linear = nn.utils.skip_init(nn.Linear, n_filters, n_classes)
        self.embeddings = nn.utils.skip_init(nn.Embedding, vocab_size, d)  # (V, d)
        for layer, n_inputs in ((self.convolution, d * kernel_size), (self.linear, n_filters)):
            bound = 1 / math.sqrt(n_inputs)
            nn.init.uniform_(layer.weight, -bound, bound, generator=generator)
            nn.init.uniform_(layer.bias, -bound, bound, generator=generator)
        nn.init.normal_(self.embeddings.weight, generator=generator)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Score every class for every text.

        Args:
            input_ids: token ids, shape (B, T), int64.
            attention_mask: True for a token, False for padding, shape (B, T), bool.

        Returns:
            One logit per class, shape (B, n_classes), float32. A text without any token gets the
            bias of each class.

        Raises:
            ValueError: the shapes differ, or an id lies outside the vocabulary.

        Source: Kim 2014, eq. (2) and (3).
        """
        check_inputs(input_ids, attention_mask, self.embeddings.num_embeddings)
        (width,) = self.convolution.kernel_size
        padding = ~attention_mask.unsqueeze(-1)  # (B, T, 1)
        tokens = self.embeddings(input_ids).masked_fill(padding, 0.0)  # (B, T, d)
        # A token is the middle of its window. One column more: a maximum needs a value at least.
        tokens = F.pad(tokens.mT, ((width - 1) // 2, width // 2 + 1))  # (B, d, T + width)
        found = F.relu(self.convolution(tokens))  # (B, n_filters, T + 1)
        # What ReLU leaves is never below the 0 that stands where the middle is padding.
        found = found.masked_fill(F.pad(padding.mT, (0, 1), value=True), 0.0)  # the same shape
        strongest = self._drop(found.amax(dim=-1))  # (B, n_filters)
        return self.linear(strongest)  # (B, n_classes)

    def _drop(self, strongest: Tensor) -> Tensor:
        """Drop filters while training, and let the others make up for them."""
        if not self.training or not self.dropout:
            return strongest
        # Not `nn.Dropout`: it draws from PyTorch's global generator, which no seed of ours sets.
        kept = torch.rand(strongest.shape, generator=self._generator) >= self.dropout
        return strongest * kept.to(strongest.device) / (1 - self.dropout)  # (B, n_filters)
