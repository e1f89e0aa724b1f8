"""The scores of a Word2Vec model, always beside two baselines (Q3.11)."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.utils.data import Subset

from w2v.batches import NoiseDistribution, make_loader
from w2v.checks import check_default_device, check_positive_int, check_seed, checked, shown
from w2v.config import Word2VecConfig
from w2v.engines.objectives import score_batch
from w2v.model import Word2Vec, pair_mask, sgns_loss
from w2v.windows import WindowDataset


@dataclass(frozen=True)
class PairScores:
    """Hold how well positive pairs are told from negative ones; a logit above 0 means positive.

    Args:
        accuracy: share of all pairs classified correctly.
        balanced_accuracy: mean of the share among positives and that among negatives; 1/2 for
            every constant answer.
        auc: probability that a positive scores above a negative, ties counting one half.

    Source: assignment Q3.11.
    """

    accuracy: float
    balanced_accuracy: float
    auc: float


@dataclass(frozen=True)
class Word2VecScores:
    """Hold the scores of a model and of two baselines, on the same pairs.

    Args:
        loss: mean loss per pair, in nats; per predicted word where a softmax is trained.
        model: the scores of the model.
        frequency: the scores of the best guess from the frequency of the context word alone.
        all_negative_accuracy: K / (K + 1), the accuracy of calling every pair negative.
        n_pairs: the number of pairs scored.

    Source: assignment eq. (1) and Q3.11.
    """

    loss: float
    model: PairScores
    frequency: PairScores
    all_negative_accuracy: float
    n_pairs: int


@checked
def evaluate_word2vec(
    model: Word2Vec,
    dataset: WindowDataset,
    config: Word2VecConfig,
    *,
    counts: Tensor,
    n_words: int = 20_000,
    seed: int = 0,
) -> Word2VecScores:
    """Score a model on held-out windows, with negatives that are the same at every call.

    The loss is that of the config's objective. The scores tell positive pairs from negative ones.
    For CBOW a pair is the mean of a window's contexts, and a center word (see
    `engines.objectives.score_batch`).

    Args:
        model: the model; it is left in the mode it came in.
        dataset: held-out windows.
        config: gives B, K, the noise and the objective.
        counts: occurrences of each id in the training set, shape (V,), int64. The noise and the
            frequency-only baseline need them.
        n_words: center words to score, a seeded sample where the dataset has more.
        seed: of that sample and of the negatives.

    Returns:
        The scores of the model, and of the baselines on the same pairs.

    Raises:
        TypeError, ValueError: `n_words` is not a positive integer, `counts` has another length or
            a number below 0, or no word has a context.

    Source: assignment eq. (1) and Q3.11.
    """
    check_default_device()
    check_positive_int("n_words", n_words)
    vocab_size = model.center_embeddings.num_embeddings
    if counts.shape != (vocab_size,):
        raise ValueError(f"counts must have shape ({vocab_size},), got {tuple(counts.shape)}")
    if not (counts >= 0).all() or not 0 < float(counts.sum()) < float("inf"):
        raise ValueError(f"counts must be 0 or more, and not all 0, got {shown(counts)}")
    generator = torch.Generator().manual_seed(check_seed(seed))
    sample = torch.randperm(len(dataset), generator=generator)[:n_words]
    noise = NoiseDistribution.from_name(config.noise, counts)
    loader = make_loader(
        Subset(dataset, sample.tolist()),
        config,
        len(counts),
        generator=generator,
        noise=noise,
        shuffle=False,
    )
    was_training = model.training
    model.eval()
    try:
        with torch.inference_mode():
            batches = [pair_logits(model, batch, config, noise) for batch in loader]
    finally:
        model.train(was_training)
    if not any(len(batch[0]) for batch in batches):
        raise ValueError(
            f"dataset must hold a word with a context, got {len(sample)} words without one; "
            "take longer documents"
        )
    parts = [torch.cat(part) for part in zip(*batches, strict=True)]
    positive, negative, positive_ids, negative_ids = parts[:4]
    loss = parts[4].mean() if len(parts) > 4 else sgns_loss(positive[None], negative[None])
    by_frequency = frequency_logits(counts, config)  # (V,)
    return Word2VecScores(
        loss=loss.item(),
        model=score_pairs(positive, negative),
        frequency=score_pairs(by_frequency[positive_ids], by_frequency[negative_ids]),
        all_negative_accuracy=config.ratio / (config.ratio + 1),
        n_pairs=len(positive) + len(negative),
    )


def pair_logits(
    model: Word2Vec, batch: dict[str, Tensor], config: Word2VecConfig, noise: NoiseDistribution
) -> list[Tensor]:
    """Compute the logits of the positive and of the negative pairs of a batch.

    Args:
        model: the model.
        batch: as `collate_fn` makes it.
        config: gives K and the objective.
        noise: the distribution of the negatives.

    Returns:
        Logits of the positive pairs, logits of the negative ones, and the context ids of both,
        all flat, on the CPU, without padded places. Where the objective has a softmax, also the
        loss of each positive pair.

    Source: assignment Q3.11.
    """
    if config.objective == "sgns":
        device = model.center_embeddings.weight.device
        positive_ids, negative_ids = batch["positive_context_ids"], batch["negative_context_ids"]
        ids = torch.cat([positive_ids, negative_ids], dim=1)  # (B, 2R + 2KR)
        logits = model(batch["word_id"].to(device), ids.to(device)).cpu()  # (B, 2R + 2KR)
        everything = torch.ones_like(positive_ids, dtype=torch.bool)  # (B, 2R)
        mask, losses = batch.get("positive_mask", everything), []
    else:
        ids, logits, mask, losses = score_batch(model, batch, config, noise=noise)
    n_positives = mask.shape[1]
    of_negatives = pair_mask(mask, config.ratio)[:, n_positives:]  # (B, 2KR)
    return [
        logits[:, :n_positives][mask],
        logits[:, n_positives:][of_negatives],
        ids[:, :n_positives][mask],
        ids[:, n_positives:][of_negatives],
        *losses,
    ]


def score_pairs(positive_logits: Tensor, negative_logits: Tensor) -> PairScores:
    """Score logits against the labels they should have.

    Args:
        positive_logits: logits of the positive pairs, shape (P,).
        negative_logits: logits of the negative pairs, shape (N,).

    Returns:
        Accuracy, balanced accuracy and AUC.

    Source: assignment Q3.11; AUC as the Mann-Whitney statistic.
    """
    n_positive, n_negative = len(positive_logits), len(negative_logits)
    right_positive = (positive_logits > 0).sum().item()
    right_negative = (negative_logits <= 0).sum().item()
    ranked = negative_logits.sort().values  # (N,)
    below = torch.searchsorted(ranked, positive_logits).double()  # (P,): negatives beaten
    upto = torch.searchsorted(ranked, positive_logits, right=True).double()  # (P,): and tied
    return PairScores(
        accuracy=(right_positive + right_negative) / (n_positive + n_negative),
        balanced_accuracy=(right_positive / n_positive + right_negative / n_negative) / 2,
        auc=((below + upto) / 2).mean().item() / n_negative,
    )


def frequency_logits(counts: Tensor, config: Word2VecConfig) -> Tensor:
    """Compute the best logit of "c is a positive context" from the frequency of c alone.

    By Bayes' rule it is log p(c) - log(K q(c)). Here p is the share of c in the text, and q its
    probability in the noise.

    Args:
        counts: occurrences of each id in the training set, shape (V,), int64.
        config: gives K and the noise.

    Returns:
        Logits, shape (V,), float32; minus infinity for ids never seen.

    Source: assignment section 1.2 (K negatives for a positive); Levy and Goldberg 2014.
    """
    noise = NoiseDistribution.from_name(config.noise, counts)
    expected = config.ratio * noise.probabilities.clamp(min=1e-30)  # (V,): K q(c)
    return (counts / counts.sum() / expected).log().float()  # (V,)
