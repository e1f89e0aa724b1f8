"""Objectives beside the assignment's: skip-gram with the full softmax, and CBOW.

All four train the same `Word2Vec` with the plain loop, and read its tables alike. The words that
are given come from `center_embeddings`, the words that are predicted from `context_embeddings`.
Skip-gram gives the center word and predicts its contexts. CBOW gives the mean of the context words
and predicts the center word, so it reads the *contexts* in `center_embeddings`. That table is what
is kept (`WordVectors`, `load_model`), as in word2vec.c, whatever the objective.

A softmax takes V logits for each center word, so take a small vocabulary. Skip-gram has a fifth of
the rate of negative sampling at V = 3,000, and a twentieth at V = 30,522 (one core, B = 512,
d = 128).

`OBJECTIVES` in `w2v.engines` holds what each objective gives and against what it predicts.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from w2v.batches import NoiseDistribution
from w2v.checks import checked
from w2v.config import Word2VecConfig
from w2v.engines import OBJECTIVES
from w2v.model import Word2Vec, check_range, sgns_loss


@checked
def softmax_loss(logits: Tensor, target_ids: Tensor, mask: Tensor | None = None) -> Tensor:
    """Average -log P(target | given) over the targets of a batch ("naive softmax").

    Args:
        logits: of every word of the vocabulary, shape (B, V), float32.
        target_ids: T words to predict for each row, shape (B, T), int64.
        mask: False for a target that is left out, shape (B, T), bool. None keeps all.

    Returns:
        Mean loss per target in nats, shape (), float32.

    Raises:
        TypeError: logits that are no real numbers, targets that are not int64, a mask not bool.
        ValueError: the shapes differ from those above, or there is no target.
        IndexError: a target outside [0, V).

    Source: Mikolov et al. 2013b, eq. (2).
    """
    _check_targets(logits, target_ids, mask)
    losses = -logits.log_softmax(dim=1).gather(1, target_ids)  # (B, T)
    if mask is None:
        return losses.mean()
    return (losses * mask).sum() / mask.sum().clamp(min=1)


def _check_targets(logits: Tensor, target_ids: Tensor, mask: Tensor | None) -> None:
    """Refuse logits, targets and a mask that do not fit one another."""
    if not logits.is_floating_point():
        raise TypeError(f"logits must be float32, got {logits.dtype}")
    if target_ids.dtype != torch.int64:
        raise TypeError(f"target_ids must be int64, got {target_ids.dtype}")
    if mask is not None and mask.dtype != torch.bool:
        raise TypeError(f"mask must be bool, got {mask.dtype}; take mask.bool()")
    fits = logits.dim() == target_ids.dim() == 2 and len(logits) == len(target_ids)
    if not (fits and target_ids.numel()):
        raise ValueError(
            "logits and target_ids must have shapes (B, V) and (B, T), "
            f"got {tuple(logits.shape)} and {tuple(target_ids.shape)}"
        )
    if mask is not None and mask.shape != target_ids.shape:
        raise ValueError(
            f"mask must have the shape {tuple(target_ids.shape)} of target_ids, "
            f"got {tuple(mask.shape)}"
        )
    check_range("target_ids", target_ids, logits.shape[1])


def objective_loss(
    model: Word2Vec, batch: dict[str, Tensor], config: Word2VecConfig
) -> tuple[Tensor, int]:
    """Compute the mean loss of a batch under any objective but the assignment's.

    Args:
        model: the model.
        batch: as `collate_fn` makes it. The softmax needs none of its negatives; "cbow_ns",
            which predicts one word for each window, takes the first K of them. CBOW leaves out
            a window whose places are all padded.
        config: gives the objective and K.

    Returns:
        Mean loss in nats, shape (), and the number of terms it averages: predicted contexts for
        "skipgram", predicted center words for "cbow" and "cbow_ns" (of K + 1 pairs each).

    Source: Mikolov et al. 2013a, section 3; 2013b, eq. (2) and (4).
    """
    given, target_ids, negative_ids, mask = _prediction(model, batch, config)
    if OBJECTIVES[config.objective][1] == "negatives":
        ids = torch.cat([target_ids, negative_ids], dim=1)  # (B, T + KT)
        contexts = model.context_embeddings(ids)  # (B, T + KT, d)
        logits = (given.unsqueeze(1) * contexts).sum(dim=-1)  # (B, T + KT)
        n_targets = target_ids.shape[1]
        loss = sgns_loss(logits[:, :n_targets], logits[:, n_targets:], mask)
    else:
        loss = softmax_loss(given @ model.context_embeddings.weight.T, target_ids, mask)
    return loss, int(mask.sum())


def score_batch(
    model: Word2Vec, batch: dict[str, Tensor], config: Word2VecConfig, *, noise: NoiseDistribution
) -> tuple[Tensor, Tensor, Tensor, list[Tensor]]:
    """Compute logits of the pairs of a batch that compare with those of the assignment.

    A pair is what is given, and a word: one that was to be predicted, or one of its K negatives.
    The logit of a pair is the log odds that it is a true one. Negative sampling learns that
    logit. A softmax learns P(word | given); by Bayes' rule the logit is then
    log P(word | given) - log(K q(word)), where q is the noise.

    Args:
        model: the model.
        batch: as `collate_fn` makes it.
        config: gives the objective and K.
        noise: the distribution of the negatives.

    Returns:
        The words of T positive pairs and of KT negative ones, shape (B, T + KT), and their logits;
        which positive pairs are not padded, shape (B, T), bool. Where the objective has a softmax,
        also the loss -log P(word | given) of each of these pairs. All on the CPU.

    Source: assignment Q3.11; Levy and Goldberg 2014 (the noise as the prior).
    """
    device = model.center_embeddings.weight.device
    batch = {name: tensor.to(device) for name, tensor in batch.items()}
    given, target_ids, negative_ids, mask = _prediction(model, batch, config)
    ids = torch.cat([target_ids, negative_ids], dim=1)  # (B, T + KT)
    logits = given @ model.context_embeddings.weight.T  # (B, V)
    losses = []
    if OBJECTIVES[config.objective][1] == "vocabulary":
        expected = config.ratio * noise.probabilities.clamp(min=1e-30)  # (V,): K q
        logits = logits.log_softmax(dim=1)  # (B, V)
        losses = [-logits.gather(1, target_ids)[mask].cpu()]
        logits = logits - expected.log().to(logits)  # (B, V)
    return ids.cpu(), logits.gather(1, ids).cpu(), mask.cpu(), losses


def _prediction(
    model: Word2Vec, batch: dict[str, Tensor], config: Word2VecConfig
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Give vectors, (B, d), ids to predict, (B, T), negatives, (B, KT), and a mask, (B, T)."""
    word_id, context_ids = batch["word_id"], batch["positive_context_ids"]  # (B,), (B, 2R)
    mask = batch.get("positive_mask")  # (B, 2R)
    if mask is None:
        mask = torch.ones_like(context_ids, dtype=torch.bool)  # (B, 2R)
    negative_ids = batch["negative_context_ids"]  # (B, 2KR)
    if OBJECTIVES[config.objective][0] == "center":
        return model.center_embeddings(word_id), context_ids, negative_ids, mask
    table = model.center_embeddings.weight  # (V, d)
    shares = mask.to(table.dtype) / mask.sum(dim=1, keepdim=True).clamp(min=1)  # (B, 2R)
    mean = F.embedding_bag(context_ids, table, mode="sum", per_sample_weights=shares)  # (B, d)
    negative_ids = negative_ids[:, : config.ratio]  # (B, K)
    return mean, word_id.unsqueeze(1), negative_ids, mask.any(dim=1, keepdim=True)
