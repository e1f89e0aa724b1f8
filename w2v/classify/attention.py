"""The lab's attention classifier (Q4.2)."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from w2v.checks import (
    check_choice,
    check_default_device,
    check_positive_int,
    check_switch,
    check_text,
    checked,
    shown,
)
from w2v.classify.texts import check_inputs, check_tokenizer

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

READOUTS = ("mean", "class", "hidden")  # how logits are read from the weighted values
STARTS = ("random", "uniform")


class ClassAttentionModel(nn.Module):
    """Classify a text by attention: each class attends to the tokens of the text.

    Each class has a learned embedding, which gives its query; keys and values come from the
    tokens. The logit of a class is the mean over d of its weighted values.

    The parameters start as PyTorch's own layers start them. The embedding table is drawn after
    the layers, so models of one seed have equal layers whatever the size of the table.

    Two options tune the classifier, beyond the lab's classifier:

    - `readout="class"`: a learned vector and a bias for each class replace the mean over d;
      "hidden" adds a hidden layer (ReLU) before them.
    - `start="uniform"`: keys start at zero and values as the tokens themselves. Every token then
      starts with the same weight, and "class" starts as logistic regression on the mean of the
      embeddings.

    Args:
        vocab_size: V, the number of ids.
        d: length of an embedding.
        n_classes: number of classes, 2 or more.
        readout: "mean" (the lab's), "class" or "hidden".
        start: start of keys and values, "random" (PyTorch's own) or "uniform".
        generator: draws the parameters; None takes PyTorch's global one.

    Raises:
        TypeError, ValueError: a size that is no positive integer, fewer than two classes, or
            an unknown readout or start.

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
        check_sizes(vocab_size=vocab_size, d=d, n_classes=n_classes)
        check_choice("readout", readout, READOUTS)
        check_choice("start", start, STARTS)
        self.d, self.n_classes, self.readout = d, n_classes, readout
        with drawing_from(generator):
            self.q = nn.Linear(d, d)
            self.k = nn.Linear(d, d)
            self.v = nn.Linear(d, d)
            self.class_embeddings = nn.Parameter(torch.randn(n_classes, d))  # (n_classes, d)
            self.embeddings = nn.Embedding(vocab_size, d)  # (V, d)
            if readout == "hidden":
                self.hidden = nn.Linear(d, d)
        if readout != "mean":
            self.class_readout = nn.Parameter(torch.zeros(n_classes, d))  # (n_classes, d)
            self.class_bias = nn.Parameter(torch.zeros(n_classes))  # (n_classes,)
        if start == "uniform":
            nn.init.eye_(self.v.weight)
            for parameter in (self.k.weight, self.k.bias, self.v.bias):
                nn.init.zeros_(parameter)

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor, *, return_attention: bool = False
    ) -> Tensor | tuple[Tensor, Tensor]:
        """Compute the logit of every class for every text.

        Args:
            input_ids: token ids, shape (B, T), int64.
            attention_mask: True or 1 for a token, False or 0 for padding, shape (B, T).
            return_attention: also return the attention weights, as `attention` does.

        Returns:
            One logit per class, shape (B, n_classes), float32. In a text without tokens all
            weights are zero, so the lab's readout gives every class the logit 0.

        Raises:
            TypeError, ValueError: ids that are no integers or lie outside the vocabulary, or a
                mask of another shape or of other numbers.

        Source: assignment section 4, the lab's `ClassAttentionModel`.
        """
        check_switch("return_attention", return_attention)
        input_ids, mask = check_inputs(input_ids, attention_mask, self.embeddings.num_embeddings)
        tokens = self.embeddings(input_ids)  # (B, T, d)
        q = self.q(self.class_embeddings)  # (n_classes, d)
        k = self.k(tokens)  # (B, T, d)
        v = self.v(tokens)  # (B, T, d)
        scores = q @ k.mT / math.sqrt(self.d)  # (B, n_classes, T)
        mask = mask.unsqueeze(1)  # (B, 1, T)
        # The lowest number, not -inf: a text of padding alone would give 0 / 0.
        scores = scores.masked_fill(~mask, torch.finfo(scores.dtype).min)  # (B, n_classes, T)
        weights = scores.softmax(dim=-1) * mask  # (B, n_classes, T)
        weighted = weights @ v  # (B, n_classes, d)
        if self.readout == "mean":
            logits = weighted.mean(dim=-1)  # (B, n_classes)
        else:
            logits = self._read_learned(weighted)  # (B, n_classes)
        return (logits, weights) if return_attention else logits

    def _read_learned(self, weighted: Tensor) -> Tensor:
        """Multiply the weighted values, (B, n_classes, d), by a learned vector for each class."""
        if self.readout == "hidden":
            weighted = weighted + F.relu(self.hidden(weighted))  # (B, n_classes, d)
        return (weighted * self.class_readout).sum(dim=-1) + self.class_bias  # (B, n_classes)

    def attention(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Compute the weight that each class gives to each token.

        Args:
            input_ids: as in the forward pass.
            attention_mask: as in the forward pass.

        Returns:
            Weights, shape (B, n_classes, T), float32: they sum to one over the tokens of a text
            and are zero on padding.

        Raises:
            TypeError, ValueError: as in the forward pass.

        Source: assignment section 4, the lab's `ClassAttentionModel`.
        """
        return self(input_ids, attention_mask, return_attention=True)[1]  # (B, n_classes, T)

    def contributions(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Split each logit into what every token adds to it.

        The lab's mean over d leaves one number of each value, the same for every class. Where it
        is negative, a token lowers the logit of a class that attends to it. The attention
        weights alone do not show that.

        Args:
            input_ids: as in the forward pass.
            attention_mask: as in the forward pass.

        Returns:
            The attention weight times the readout of the token's value, shape (B, n_classes, T),
            float32. Over the tokens of a text they sum to its logits, less the bias of the class.

        Raises:
            TypeError, ValueError: as the forward pass; or another readout, such as "hidden", whose
                logits are no sums over tokens.

        Source: assignment section 4, the lab's `ClassAttentionModel`.
        """
        if self.readout not in ("mean", "class"):
            raise ValueError(f"readout must be 'mean' or 'class' to be split, got {self.readout!r}")
        input_ids, mask = check_inputs(input_ids, attention_mask, self.embeddings.num_embeddings)
        weights = self.attention(input_ids, mask)  # (B, n_classes, T)
        v = self.v(self.embeddings(input_ids))  # (B, T, d)
        if self.readout == "mean":
            return weights * v.mean(dim=-1).unsqueeze(1)  # (B, n_classes, T)
        return weights * (self.class_readout @ v.mT)  # (B, n_classes, T)

    def align_values(self) -> None:
        """Start attention values along the mean embedding, which favours rare words.

        The mean over d leaves one number of each word's value, the same for all classes. After
        this call it is the word's component along the mean embedding. That is high for rare words
        and low for "the" and "of": the mean is taken over all words, and most words are rare.
        So every class starts by counting the words that tell texts apart. From a random start,
        some seeds find such a direction and others do not.

        Call it once the embedding table is loaded. An embedding table of zeros gives zeros.
        """
        with torch.no_grad():
            mean = F.normalize(self.embeddings.weight.mean(dim=0), dim=0)  # (d,)
            self.v.weight.copy_(mean.expand_as(self.v.weight))  # (d, d)


@checked
def attend(
    classifier: ClassAttentionModel, tokenizer: "PreTrainedTokenizerBase", text: str
) -> tuple[list[str], Tensor, Tensor]:
    """Classify one text, and return the attention of each class.

    Args:
        classifier: the model.
        tokenizer: a `transformers` tokenizer, of the classifier's vocabulary.
        text: a string of T tokens; T may be 0.

    Returns:
        The T tokens; the attention weights, shape (n_classes, T); and the logits, shape
        (n_classes,). Both tensors are on the CPU, wherever the model is.

    Raises:
        TypeError: the text is no string.
        ValueError: a tokenizer of another vocabulary.

    Source: assignment section 4, the lab's `ClassAttentionModel`.
    """
    check_default_device()
    if not isinstance(text, str):
        raise TypeError(f"text must be a string, got {shown(text)}")
    check_text("text", text, 0)
    check_tokenizer(tokenizer, classifier.embeddings.num_embeddings)
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    input_ids = torch.tensor([ids], dtype=torch.int64)  # (1, T)
    vocab_size = classifier.embeddings.num_embeddings
    input_ids, mask = check_inputs(input_ids, torch.ones_like(input_ids), vocab_size)
    device = classifier.embeddings.weight.device
    with torch.inference_mode():
        logits, weights = classifier(input_ids.to(device), mask.to(device), return_attention=True)
    return list(tokenizer.convert_ids_to_tokens(ids)), weights[0].cpu(), logits[0].cpu()


def check_sizes(*, n_classes: int, **sizes: int) -> None:
    """Refuse sizes that are no positive integers, and fewer than two classes.

    Args:
        n_classes: number of classes.
        sizes: the other sizes, by name.

    Raises:
        TypeError, ValueError: a size that is no positive integer, or fewer than two classes.
    """
    for name, value in {**sizes, "n_classes": n_classes}.items():
        check_positive_int(name, value)
    if n_classes < 2:
        raise ValueError(f"n_classes must be 2 or more, got {n_classes!r}")


@contextmanager
def drawing_from(generator: torch.Generator | None) -> Iterator[None]:
    """Let PyTorch's layers draw their first values from a generator.

    A layer such as `nn.Linear` draws from PyTorch's global generator. Inside the block that one
    goes on from the state of `generator`; afterwards it is as it was before.

    Args:
        generator: None takes the global generator as it is.
    """
    if generator is None:
        yield
        return
    if not isinstance(generator, torch.Generator):
        raise TypeError(f"generator must be a torch.Generator or None, got {shown(generator)}")
    with torch.random.fork_rng(devices=[]):
        torch.set_rng_state(generator.get_state())
        yield
        generator.set_state(torch.get_rng_state())
