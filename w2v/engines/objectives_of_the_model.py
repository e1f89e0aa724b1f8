"""Objectives beside the assignment's: skip-gram with the full softmax, and CBOW.

All four train the same `Word2Vec`, and read its tables alike: `center_embeddings` for the words
that are given, `context_embeddings` for the words that are predicted. Skip-gram gives the center
word and predicts its contexts; CBOW gives the mean of the context words and predicts the center
word, so there the *contexts* are read in `center_embeddings`. The first table is what is kept
(`WordVectors`, `load_model`), as in word2vec.c, whatever the objective.

A softmax takes V logits for each center word: take a small vocabulary. On one core, with B = 512
and d = 128, skip-gram has a fifth of the rate of negative sampling at V = 3,000, and a twentieth
at V = 30,522.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from w2v.config import Word2VecConfig
from w2v.model import PairLogits, Word2Vec, real_pairs, sgns_loss
from w2v.text.vocabulary import NoiseDistribution


def softmax_loss(logits: Tensor, target_ids: Tensor, real: Tensor | None = None) -> Tensor:
    """Average -log P(target | given) over the targets of a batch ("naive softmax").

    Args:
        logits: of every word of the vocabulary, shape (B, V), float32.
        target_ids: T words to predict for each row, shape (B, T), int64.
        real: False where a target is left out, shape (B, T), bool. None keeps all.

    Returns:
        Mean loss per target in nats, shape (), float32.

    Source: Mikolov et al. 2013b, eq. (2).
    """
    losses = -logits.log_softmax(dim=1).gather(1, target_ids)  # (B, T)
    if real is None:
        return losses.mean()
    return (losses * real).sum() / real.sum().clamp(min=1)


def objective_loss(
    model: Word2Vec, batch: dict[str, Tensor], real: Tensor | None, config: Word2VecConfig
) -> tuple[Tensor, int]:
    """Give the mean loss of a batch under any objective but the assignment's.

    Args:
        model: the model.
        batch: as `collate_fn` makes it. The softmax needs none of its negatives; "cbow_ns",
            which predicts one word for each window, takes the first K of them.
        real: False where a context is no word, shape (B, 2R), bool; None where all are words. A
            window without any is left out by CBOW.
        config: gives the objective and K.

    Returns:
        Mean loss in nats, shape (), and how many it is the mean of: for "skipgram" predicted
        contexts, for "cbow" predicted center words, for "cbow_ns" center words too, of whose
        K + 1 pairs each it is the mean.

    Source: Mikolov et al. 2013a, section 3; 2013b, eq. (2) and (4).
    """
    given, target_ids, kept = _prediction(model, batch, real, config)
    table = model.context_embeddings.weight  # (V, d)
    if config.objective == "cbow_ns":
        ids = torch.cat([target_ids, _negatives(batch, target_ids, config)], dim=1)  # (B, 1 + K)
        logits = PairLogits.apply(given, table, ids)  # (B, 1 + K)
        loss = sgns_loss(logits[:, :1], logits[:, 1:], kept)
    else:
        loss = softmax_loss(given @ table.T, target_ids, kept)
    return loss, int(kept.sum())


@torch.inference_mode()
def score_batch(
    model: Word2Vec,
    batch: dict[str, Tensor],
    real: Tensor,
    config: Word2VecConfig,
    *,
    noise: NoiseDistribution,
) -> tuple[Tensor, ...]:
    """Give logits and ids of the pairs of a batch, as they compare with the assignment's.

    A pair is what is given, and a word: one that was to be predicted, or one of its K negatives.
    The logit of a pair says how much more likely it is a true one. Negative sampling learns that
    logit. A softmax learns P(word | given), and by Bayes' rule the logit is
    log P(word | given) - log(K q(word)), q being the noise.

    Args:
        model: the model.
        batch: as `collate_fn` makes it.
        real: False where a context is no word, shape (B, 2R), bool.
        config: gives the objective and K.
        noise: where the negatives came from.

    Returns:
        Logits of positive pairs and of negative ones, ids of both, all flat; behind them, where
        the objective has a softmax, the loss -log P(word | given) of each positive pair.

    Source: assignment Q3.11; Levy and Goldberg 2014 (the noise as the prior).
    """
    device = model.center_embeddings.weight.device
    batch = {name: ids.to(device) for name, ids in batch.items()}
    given, target_ids, kept = _prediction(model, batch, real.to(device), config)
    negative_ids = _negatives(batch, target_ids, config)  # (B, KT)
    ids = torch.cat([target_ids, negative_ids], dim=1)  # (B, T + KT)
    logits = given @ model.context_embeddings.weight.T  # (B, V)
    if config.objective != "cbow_ns":
        expected = config.ratio * noise.probabilities.clamp(min=1e-30)  # (V,): K q
        logits = logits.log_softmax(dim=1)  # (B, V)
        losses = [-logits.gather(1, target_ids)[kept].cpu()]
        logits = logits - expected.log().to(logits)  # (B, V)
    else:
        losses = []
    chosen = real_pairs(kept, config.ratio)  # (B, T + KT)
    n_targets = target_ids.shape[1]
    parts = [
        values[:, part][chosen[:, part]].cpu()
        for values in (logits.gather(1, ids), ids)
        for part in (slice(0, n_targets), slice(n_targets, None))
    ]
    return *parts, *losses


def _prediction(model, batch, real, config) -> tuple[Tensor, Tensor, Tensor]:
    """Give what is given, (B, d), the ids to predict, (B, T), and which of them count, (B, T)."""
    word_id = batch["word_id"]  # (B,)
    context_ids = batch["positive_context_ids"].clamp(min=0)  # (B, 2R)
    if real is None:
        real = torch.ones_like(context_ids, dtype=torch.bool)  # (B, 2R)
    if config.objective == "skipgram":
        return model.center_embeddings(word_id), context_ids, real
    table = model.center_embeddings.weight  # (V, d)
    shares = real.to(table.dtype) / real.sum(dim=1, keepdim=True).clamp(min=1)  # (B, 2R)
    mean = F.embedding_bag(
        context_ids, table, mode="sum", per_sample_weights=shares, sparse=True
    )  # (B, d)
    return mean, word_id.unsqueeze(1), real.any(dim=1, keepdim=True)


def _negatives(batch, target_ids, config) -> Tensor:
    """Give K negatives for each target, shape (B, KT)."""
    return batch["negative_context_ids"][:, : config.ratio * target_ids.shape[1]]
