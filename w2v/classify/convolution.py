"""A convolutional classifier, trained as the attention classifier is (Q4.2)."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from w2v.checks import check_share, checked
from w2v.classify.attention import check_sizes, drawing_from
from w2v.classify.texts import check_inputs


class ConvClassifier(nn.Module):
    """Classify a text by max-pooled convolution features.

    Each filter reads a window of tokens around each token, with zeros beyond the ends of the
    text. ReLU and a maximum over the tokens leave one feature per filter, and a linear layer
    turns the features into logits. Texts shorter than a filter are read too, and the length of
    the padding does not change the logits.

    The parameters start as PyTorch's own layers start them. The embedding table is drawn after
    the layers, so models of one seed have equal layers whatever the size of the table.

    Args:
        vocab_size: V, the number of ids.
        dim: d, the length of an embedding.
        n_classes: number of classes, 2 or more.
        n_filters: number of filters.
        kernel_size: tokens in the window of a filter.
        dropout: share of the features that is set to zero in training.
        generator: draws the parameters, then the dropout; None takes PyTorch's global one, as
            does the dropout of a compiled model.

    Raises:
        TypeError, ValueError: a size that is no positive integer, fewer than two classes, or a
            dropout outside [0, 1).

    Source: Kim 2014, section 2.
    """

    @checked
    def __init__(
        self,
        vocab_size: int,
        dim: int,
        n_classes: int,
        *,
        n_filters: int = 100,
        kernel_size: int = 3,
        dropout: float = 0.5,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        check_sizes(
            vocab_size=vocab_size,
            dim=dim,
            n_classes=n_classes,
            n_filters=n_filters,
            kernel_size=kernel_size,
        )
        dropout = check_share("dropout", dropout)
        self.n_classes, self.dropout, self._generator = n_classes, dropout, generator
        with drawing_from(generator):
            self.convolution = nn.Conv1d(dim, n_filters, kernel_size)
            self.linear = nn.Linear(n_filters, n_classes)
            self.embeddings = nn.Embedding(vocab_size, dim)  # (V, d)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Compute the logit of every class for every text.

        Args:
            input_ids: token ids, shape (B, T), int64.
            attention_mask: True or 1 for a token, False or 0 for padding, shape (B, T).

        Returns:
            One logit per class, shape (B, n_classes), float32. A text without tokens gets the
            bias of each class.

        Raises:
            TypeError, ValueError: ids that are no integers or lie outside the vocabulary, or a
                mask of another shape or of other numbers.

        Source: Kim 2014, eq. (2) and (3).
        """
        input_ids, mask = check_inputs(input_ids, attention_mask, self.embeddings.num_embeddings)
        (width,) = self.convolution.kernel_size
        padding = ~mask.unsqueeze(-1)  # (B, T, 1)
        tokens = self.embeddings(input_ids).masked_fill(padding, 0.0)  # (B, T, d)
        # A window is centred on its token. One column more: a maximum needs at least one value.
        tokens = F.pad(tokens.mT, ((width - 1) // 2, width // 2 + 1))  # (B, d, T + width)
        features = F.relu(self.convolution(tokens))  # (B, n_filters, T + 1)
        # Zero, the lowest value after ReLU, where the window is centred on padding.
        features = features.masked_fill(F.pad(padding.mT, (0, 1), value=True), 0.0)
        pooled = self._drop(features.amax(dim=-1))  # (B, n_filters)
        return self.linear(pooled)  # (B, n_classes)

    def _drop(self, pooled: Tensor) -> Tensor:
        """Set some features to zero in training, and scale the others up to keep the mean."""
        if not self.training or not self.dropout:
            return pooled
        if self._generator is None or torch.compiler.is_compiling():  # it reads no generator
            return F.dropout(pooled, self.dropout)  # (B, n_filters)
        # `F.dropout` draws from PyTorch's global generator, not from the model's own.
        drawn = torch.rand(pooled.shape, generator=self._generator)  # (B, n_filters)
        kept = (drawn >= self.dropout).to(pooled.device)  # (B, n_filters)
        return pooled * kept / (1 - self.dropout)  # (B, n_filters)
