"""The training loop as students write it: the baseline of `make bench`.

Nested lists, one item at a time from the Dataset, two calls of a plain `nn.Embedding` model, a
default optimiser over both whole tables. It is right, and slow; nothing here is used by w2v.
"""

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, Dataset

from w2v import Word2VecConfig, flatten_dataset_to_list


class PairDataset(Dataset):
    """Two lists, an item at a time."""

    def __init__(self, words: list[int], contexts: list[list[int]]) -> None:
        self.words, self.contexts = words, contexts

    def __len__(self) -> int:
        return len(self.words)

    def __getitem__(self, index: int) -> tuple[int, list[int]]:
        return self.words[index], self.contexts[index]


class PlainWord2Vec(nn.Module):
    """Two embedding tables and a batched product; starts as `w2v.Word2Vec` does."""

    def __init__(self, vocab_size: int, dim: int) -> None:
        super().__init__()
        self.center_embeddings = nn.Embedding(vocab_size, dim)
        self.context_embeddings = nn.Embedding(vocab_size, dim)
        nn.init.uniform_(self.center_embeddings.weight, -0.5 / dim, 0.5 / dim)
        nn.init.zeros_(self.context_embeddings.weight)

    def forward(self, word_id: torch.Tensor, context_ids: torch.Tensor) -> torch.Tensor:
        words = self.center_embeddings(word_id).unsqueeze(2)  # (B, d, 1)
        return torch.bmm(self.context_embeddings(context_ids), words).squeeze(2)  # (B, C)


def train(documents, config: Word2VecConfig, vocab_size: int, *, optimizer: str) -> PlainWord2Vec:
    """Train for E epochs."""
    words, contexts = flatten_dataset_to_list(documents, config.radius)

    def collate(batch):
        word_id = torch.tensor([word for word, _ in batch])
        positive = torch.tensor([context for _, context in batch])
        n_negatives = 2 * config.radius * config.ratio
        return word_id, positive, torch.randint(0, vocab_size, (len(batch), n_negatives))

    loader = DataLoader(
        PairDataset(words, contexts), config.batch_size, shuffle=True, collate_fn=collate
    )
    model = PlainWord2Vec(vocab_size, config.dim)
    if optimizer == "adam":
        steps = torch.optim.Adam(model.parameters(), lr=1e-3)
    else:
        steps = torch.optim.Adagrad(model.parameters(), lr=config.learning_rate)
    for _ in range(config.epochs):
        for word_id, positive, negative in loader:
            positive_loss = F.logsigmoid(model(word_id, positive))
            negative_loss = F.logsigmoid(-model(word_id, negative))
            loss = -torch.cat([positive_loss, negative_loss], dim=1).mean()
            steps.zero_grad()
            loss.backward()
            steps.step()
    return model
