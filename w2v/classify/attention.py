"""The lab's attention classifier (Q4.2)."""

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from w2v.classify.texts import check_inputs
from w2v.config import check_choice, check_positive_int

READOUTS = ("mean", "class", "hidden")
STARTS = ("random", "uniform")


class ClassAttentionModel(nn.Module):
    """Classify a text by letting each class attend to the words that speak for it.

    A class asks with its learned embedding, the tokens answer: queries q come from the class
    embeddings, keys k and values v from the tokens. The mean over d of what a class reads is
    its logit.

    All parameters are drawn as `nn.Embedding` and `nn.Linear` draw theirs, the embedding table
    last: two models made from the same seed agree in everything else even after one of them is
    handed a pretrained table.

    The mean over d asks every column of the table to speak for or against a class alike. With
    `readout="class"` each class weighs the columns with a vector of its own; with
    `start="uniform"` the keys start at zero and the values as the tokens themselves. With both,
    training starts as logistic regression on the mean of a text's vectors. That is a linear
    question; `readout="hidden"` adds a hidden layer (ReLU) to what a class reads, before its
    vector weighs it.

    Args:
        vocab_size: V, the number of ids.
        d: length of a word's vector.
        n_classes: number of classes, 2 or more.
        readout: "mean", the lab's mean over d; "class", a learned vector for each class (from
            zero) and a bias; or "hidden", the same behind a hidden layer.
        start: of keys and values: "random", as PyTorch draws them, or "uniform".
        generator: draws the parameters; None takes PyTorch's global one.

    Raises:
        TypeError, ValueError: a size that is no positive integer, fewer than two classes, or
            another name of a readout or start.

    Source: assignment section 4, the lab's `ClassAttentionModel`; Vaswani et al. 2017, eq. (1).
    """

    def __init__(
        self,
        vocab_size: int,
        d: int,
        n_classes: int,
        *,
        readout: str = "mean",
        start: str = "random",
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        for name, value in (("vocab_size", vocab_size), ("d", d), ("n_classes", n_classes)):
            check_positive_int(name, value)
        if n_classes < 2:
            raise ValueError(f"n_classes must be 2 or more, got {n_classes!r}")
        check_choice("readout", readout, READOUTS)
        check_choice("start", start, STARTS)
        self.n_classes, self.readout = n_classes, readout
        self.q, self.k, self.v = (nn.utils.skip_init(nn.Linear, d, d) for _ in range(3))
        self.class_embeddings = nn.Parameter(torch.empty(n_classes, d))  # (n_classes, d)
        self.embeddings = nn.utils.skip_init(nn.Embedding, vocab_size, d)  # (V, d)
        self._draw_parameters(generator)
        if start == "uniform":
            nn.init.eye_(self.v.weight)
            for zero in (self.k.weight, self.k.bias, self.v.bias):
                nn.init.zeros_(zero)
        if readout == "hidden":
            self.hidden = nn.utils.skip_init(nn.Linear, d, d)
            self._draw_layer(self.hidden, generator)
        if readout != "mean":
            self.class_readout = nn.Parameter(torch.zeros(n_classes, d))  # (n_classes, d)
            self.class_bias = nn.Parameter(torch.zeros(n_classes))  # (n_classes,)

    def _draw_parameters(self, generator: torch.Generator | None) -> None:
        """Draw the layers, then the class embeddings, then the table."""
        for layer in (self.q, self.k, self.v):
            self._draw_layer(layer, generator)
        nn.init.normal_(self.class_embeddings, generator=generator)
        nn.init.normal_(self.embeddings.weight, generator=generator)

    @staticmethod
    def _draw_layer(layer: nn.Linear, generator: torch.Generator | None) -> None:
        """Draw weight, then bias."""
        bound = 1 / math.sqrt(layer.in_features)
        nn.init.uniform_(layer.weight, -bound, bound, generator=generator)
        nn.init.uniform_(layer.bias, -bound, bound, generator=generator)

    def align_values(self) -> None:
        """Start the values along the mean row of the embedding table.

        The mean over d leaves one number of each token's value, u . x, with u the mean row of v's
        weight; all classes share it, and a class can only pick tokens whose number is high. So
        the words that tell the classes apart should all start high. In a Word2Vec table they do
        along the mean row: it is a mean over all ids, most of them rare, and the few frequent
        ones, which stand in every text, lie against it. From a random u some trainings find that
        side and some do not. Call it once the table is in place; a table of zeros gives zeros.

        Source: the package's own; the notebook measures it.
        """
        with torch.no_grad():
            mean = F.normalize(self.embeddings.weight.mean(dim=0), dim=0)  # (d,)
            self.v.weight.copy_(mean.expand_as(self.v.weight))  # (d, d)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Score every class for every text.

        Args:
            input_ids: token ids, shape (B, T), int64.
            attention_mask: True for a token, False for padding, shape (B, T), bool.

        Returns:
            One logit per class, shape (B, n_classes), float32. A text without any token gets
            the same logit for each class from the lab's readout.

        Raises:
            ValueError: the shapes differ, or an id lies outside the vocabulary.

        Source: assignment section 4, the lab's `ClassAttentionModel`.
        """
        check_inputs(input_ids, attention_mask, self.embeddings.num_embeddings)
        tokens = self.embeddings(input_ids)  # (B, T, d)
        weights = self._weights(tokens, attention_mask)  # (B, n_classes, T)
        # A weighted mean of values v(x) is v of the weighted mean: n_classes products, not T.
        read = self.v(weights @ tokens)  # (B, n_classes, d)
        if self.readout == "mean":
            return read.mean(dim=-1)  # (B, n_classes)
        if self.readout == "hidden":
            read = read + F.relu(self.hidden(read))  # (B, n_classes, d)
        return (read * self.class_readout).sum(dim=-1) + self.class_bias  # (B, n_classes)

    def attention(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Tell how much each class looks at each token.

        Args:
            input_ids: token ids, shape (B, T), int64.
            attention_mask: True for a token, False for padding, shape (B, T), bool.

        Returns:
            Weights, shape (B, n_classes, T), float32: they sum to one over the tokens of a text
            and are zero on padding.

        Raises:
            ValueError: the shapes differ, or an id lies outside the vocabulary.

        Source: assignment section 4, the lab's `ClassAttentionModel`.
        """
        check_inputs(input_ids, attention_mask, self.embeddings.num_embeddings)
        return self._weights(self.embeddings(input_ids), attention_mask)  # (B, n_classes, T)

    def contributions(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Split each logit into what every token adds to it.

        The lab's mean over d leaves one number of each value, the same for every class: where it
        is negative, a class that looks at the token is spoken against. Attention alone hides that.

        Args:
            input_ids: token ids, shape (B, T), int64.
            attention_mask: True for a token, False for padding, shape (B, T), bool.

        Returns:
            Attention times what the readout makes of the token's value, shape (B, n_classes, T),
            float32: over the tokens of a text they sum to its logits, less a class's bias.

        Raises:
            ValueError: the shapes differ, an id lies outside the vocabulary, or the readout is
                "hidden", whose logits are no sums over tokens.

        Source: assignment section 4, the lab's `ClassAttentionModel`.
        """
        if self.readout == "hidden":
            raise ValueError("readout must be 'mean' or 'class' to be split, got 'hidden'")
        weights = self.attention(input_ids, attention_mask)  # (B, n_classes, T)
        values = self.v(self.embeddings(input_ids))  # (B, T, d)
        if self.readout == "mean":
            return weights * values.mean(dim=-1).unsqueeze(1)  # (B, n_classes, T)
        return weights * (self.class_readout @ values.mT)  # (B, n_classes, T)

    def _weights(self, tokens: Tensor, attention_mask: Tensor) -> Tensor:
        """Turn embedded tokens, (B, T, d), into attention weights, (B, n_classes, T)."""
        queries = self.q(self.class_embeddings)  # (n_classes, d)
        # q . (W x + b) = (q W) . x + q . b: W meets each class once, and not every token.
        scores = (queries @ self.k.weight) @ tokens.mT  # (B, n_classes, T)
        scores = scores + (queries @ self.k.bias).unsqueeze(1)  # (B, n_classes, T)
        scores = scores / math.sqrt(tokens.shape[-1])  # (B, n_classes, T)
        padding = ~attention_mask.unsqueeze(1)  # (B, 1, T)
        # The lowest number, and not -inf: a text of padding alone would give 0 / 0.
        scores = scores.masked_fill(padding, torch.finfo(scores.dtype).min)  # (B, n_classes, T)
        return torch.softmax(scores, dim=-1).masked_fill(padding, 0.0)  # (B, n_classes, T)


def attend(
    classifier: ClassAttentionModel, tokenizer: Callable, text: str
) -> tuple[list[str], Tensor, Tensor]:
    """Read one text, and tell where each class looks.

    Args:
        classifier: the model.
        tokenizer: a `transformers` tokenizer, of the classifier's vocabulary.
        text: what to read, T tokens of it.

    Returns:
        The T tokens; the attention of each class, shape (n_classes, T); and the logits, shape
        (n_classes,).

    Source: assignment section 4, the lab's `ClassAttentionModel`.
    """
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    input_ids = torch.tensor([ids], device=classifier.embeddings.weight.device)  # (1, T)
    inputs = input_ids, torch.ones_like(input_ids, dtype=torch.bool)  # (1, T) each
    with torch.inference_mode():
        weights, logits = classifier.attention(*inputs), classifier(*inputs)
    return tokenizer.convert_ids_to_tokens(ids), weights[0], logits[0]
