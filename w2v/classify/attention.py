"""The lab's attention classifier, the batches it reads, and its training (Q4.2)."""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader, Dataset
from tqdm import tqdm

from w2v.config import ClassifierConfig, check_choice, check_positive_int

PAD_ID = 0  # fills a batch; the attention mask keeps it out of every result
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


@dataclass
class ClassifierHistory:
    """Hold one number per epoch of each measure.

    Args:
        train_loss: mean cross-entropy in nats over the epoch, while the weights moved.
        train_accuracy: share of training texts classified rightly, while the weights moved.
        valid_loss: mean cross-entropy in nats after the epoch.
        valid_accuracy: share of validation texts classified rightly after the epoch.

    Source: assignment Q4.2 and Q4.3.
    """

    train_loss: list[float] = field(default_factory=list)
    train_accuracy: list[float] = field(default_factory=list)
    valid_loss: list[float] = field(default_factory=list)
    valid_accuracy: list[float] = field(default_factory=list)

    @property
    def best_epoch(self) -> int:
        """Tell which epoch, counted from 1, has the lowest validation loss.

        Source: assignment Q4.2 (the last epoch is not always the best).
        """
        return self.valid_loss.index(min(self.valid_loss)) + 1


def train_classifier(
    classifier: nn.Module,
    train_set: Iterable[dict],
    valid_set: Iterable[dict],
    config: ClassifierConfig,
    *,
    progress: bool | None = None,
) -> ClassifierHistory:
    """Train a classifier with Adam on the cross-entropy, and measure it after every epoch.

    The order of the texts is drawn from `config.seed`. The classifier ends with the weights of
    the last epoch, in the mode it came in.

    Args:
        classifier: maps (input_ids, attention_mask) to logits, shape (B, n_classes), and has
            `embeddings` and `n_classes`; changed in place.
        train_set: rows with `input_ids` (list of int) and `label` (int), or a `TextDataset`.
        valid_set: the same, for the measures after every epoch.
        config: batch size, epochs, seed, how fast each part learns, and what is hidden.
        progress: show a bar with the loss and texts per second on stderr; None: on a terminal only.

    Returns:
        Loss and accuracy of both sets, epoch by epoch.

    Raises:
        TypeError, ValueError: an empty set, a label outside the classes, an id outside the
            vocabulary; nothing has been trained then.
        FloatingPointError: a loss that is not finite; says the epoch, step and learning rate.

    Source: assignment Q4.2.
    """
    train_texts = _checked_texts("train_set", train_set, classifier)
    valid_texts = _checked_texts("valid_set", valid_set, classifier)
    generator = torch.Generator().manual_seed(config.seed)
    hide = {"word_dropout": config.word_dropout, "generator": generator}
    loader = DataLoader(
        train_texts,
        batch_size=config.batch_size,
        shuffle=True,
        generator=generator,
        collate_fn=partial(collate_texts, **hide),
    )
    history = ClassifierHistory()
    n_texts = config.epochs * len(train_texts)
    disable = None if progress is None else not progress  # tqdm: None hides it off a terminal
    with (
        _training_mode(classifier, config.freeze) as trained,
        tqdm(total=n_texts, unit=" texts", disable=disable) as bar,
    ):
        optimizer = torch.optim.Adam(
            _at_their_rates(trained, config), lr=config.learning_rate, fused=True
        )
        schedule = torch.optim.lr_scheduler.LinearLR(
            optimizer, 1.0, 0.0 if config.decay else 1.0, total_iters=config.epochs * len(loader)
        )
        for epoch in range(1, config.epochs + 1):
            train = _train_epoch(classifier, loader, optimizer, schedule, epoch, bar)
            valid = evaluate_classifier(classifier, valid_texts)
            _check_finite("validation loss", valid["loss"], epoch, len(loader), optimizer)
            history.train_loss.append(train["loss"])
            history.train_accuracy.append(train["accuracy"])
            history.valid_loss.append(valid["loss"])
            history.valid_accuracy.append(valid["accuracy"])
    return history


def evaluate_classifier(
    classifier: nn.Module, dataset: Iterable[dict], *, batch_size: int = 256
) -> dict[str, float]:
    """Measure a classifier on labelled texts, leaving it in the mode it came in.

    Args:
        classifier: maps (input_ids, attention_mask) to logits, shape (B, n_classes), and has
            `embeddings` and `n_classes`.
        dataset: rows with `input_ids` (list of int) and `label` (int), or a `TextDataset`.
        batch_size: texts read at once; it changes the memory used, not the result.

    Returns:
        `loss`, the mean cross-entropy in nats; `accuracy`, the share classified rightly; and
        `majority_accuracy`, what naming the most frequent class every time would score.

    Raises:
        TypeError, ValueError: an empty set, a label outside the classes, an id outside the
            vocabulary, or a batch size that is no positive integer.

    Source: assignment Q4.2 and Q4.3.
    """
    check_positive_int("batch_size", batch_size)
    texts = _checked_texts("dataset", dataset, classifier)
    # A generator of its own: without one the loader would draw from PyTorch's global one.
    loader = DataLoader(texts, batch_size, collate_fn=collate_texts, generator=torch.Generator())
    was_training = classifier.training
    classifier.eval()
    try:
        with torch.inference_mode():
            scores = [_score_batch(classifier, batch) for batch in loader]
    finally:
        classifier.train(was_training)
    majority = texts.labels.bincount().max().item()
    return {
        "loss": sum(loss.item() for loss, _ in scores) / len(texts),
        "accuracy": sum(n_right for _, n_right in scores) / len(texts),
        "majority_accuracy": majority / len(texts),
    }


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


def _checked_texts(name: str, dataset: Iterable[dict], classifier: nn.Module) -> TextDataset:
    """Give the texts as a `TextDataset`, once the classifier is known to take them all."""
    if not isinstance(dataset, TextDataset):
        dataset = TextDataset.from_documents(dataset)
    if len(dataset) == 0:
        raise ValueError(f"{name} must hold at least one text, got 0")
    _check_range(f"label of {name}", dataset.labels, classifier.n_classes)
    _check_range(f"input_ids of {name}", dataset.tokens, classifier.embeddings.num_embeddings)
    return dataset


def _at_their_rates(trained: dict[str, nn.Parameter], config: ClassifierConfig) -> list[dict]:
    """Give each parameter its share of the learning rate: table, attention, and all the rest."""
    shares = {"embeddings": config.table_rate}
    shares |= dict.fromkeys(("q", "k", "v", "class_embeddings"), config.attention_rate)
    return [
        {"params": [parameter], "lr": config.learning_rate * shares.get(name.partition(".")[0], 1)}
        for name, parameter in trained.items()
    ]


@contextmanager
def _training_mode(classifier: nn.Module, freeze: bool) -> Iterator[dict[str, nn.Parameter]]:
    """Give the parameters to train; leave mode and table as free or fixed as they were."""
    table = classifier.embeddings.weight
    was_training, was_free = classifier.training, table.requires_grad
    classifier.train()
    table.requires_grad_(not freeze)
    try:
        yield {name: p for name, p in classifier.named_parameters() if p.requires_grad}
    finally:
        classifier.train(was_training)
        table.requires_grad_(was_free)


def _train_epoch(
    classifier: nn.Module,
    loader: DataLoader,
    optimizer: torch.optim.Optimizer,
    schedule: torch.optim.lr_scheduler.LRScheduler,
    epoch: int,
    bar,
) -> dict[str, float]:
    """Take one step per batch; give the epoch's mean loss and accuracy."""
    total_loss, n_right, n_texts = 0.0, 0, 0
    for step, batch in enumerate(loader, start=1):
        n_batch = len(batch["label"])
        loss, n_batch_right = _score_batch(classifier, batch)
        mean_loss = loss.item() / n_batch
        _check_finite("training loss", mean_loss, epoch, step, optimizer)
        optimizer.zero_grad()
        (loss / n_batch).backward()
        optimizer.step()
        schedule.step()
        total_loss += loss.item()
        n_right += n_batch_right
        n_texts += n_batch
        bar.set_postfix(epoch=epoch, loss=f"{mean_loss:.3f}", refresh=False)
        bar.update(n_batch)
    return {"loss": total_loss / n_texts, "accuracy": n_right / n_texts}


def _score_batch(classifier: nn.Module, batch: dict[str, Tensor]) -> tuple[Tensor, int]:
    """Give the summed cross-entropy of a batch, shape (), and how many texts it gets right."""
    device = classifier.embeddings.weight.device
    labels = batch["label"].to(device)  # (B,)
    logits = classifier(
        batch["input_ids"].to(device), batch["attention_mask"].to(device)
    )  # (B, n_classes)
    n_right = (logits.argmax(dim=1) == labels).sum().item()
    return F.cross_entropy(logits, labels, reduction="sum"), n_right


def _check_finite(
    name: str, loss: float, epoch: int, step: int, optimizer: torch.optim.Optimizer
) -> None:
    """Stop a training whose loss has left the numbers."""
    if not math.isfinite(loss):
        raise FloatingPointError(
            f"{name} must be finite, got {loss!r} at epoch {epoch}, step {step}, learning rate "
            f"{optimizer.defaults['lr']!r}; lower the learning rate"
        )
