"""How good a Word2Vec model is, always beside what no model would already reach (Q3.11)."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.utils.data import Subset

from w2v.batches import make_loader
from w2v.config import Word2VecConfig, check_positive_int
from w2v.engines.objectives_of_the_model import score_batch
from w2v.model import Word2Vec, real_pairs, sgns_loss
from w2v.text.vocabulary import NoiseDistribution
from w2v.windows import WindowDataset


@dataclass(frozen=True)
class PairScores:
    """Say how well pairs are told apart: a logit above 0 calls a pair positive.

    Args:
        accuracy: share of all pairs called right.
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
        frequency: the scores of the best guess that knows how frequent each word is and
            nothing of the center word.
        all_negative_accuracy: K / (K + 1), the accuracy of calling every pair negative.
        n_pairs: how many pairs were scored.

    Source: assignment eq. (1) and Q3.11.
    """

    loss: float
    model: PairScores
    frequency: PairScores
    all_negative_accuracy: float
    n_pairs: int


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

    The loss is that of the config's objective. The scores tell positive pairs from negative ones
    under each, on logits that compare (see `objectives.score_batch`); the pairs of CBOW are a
    window's contexts together, and a center word.

    Args:
        model: the model; it is left in the mode it came in.
        dataset: held-out windows.
        config: gives B, K, the noise and the objective.
        counts: occurrences of each id in the training set, shape (V,), int64: for the noise
            and for the frequency-only baseline.
        n_words: center words to score, a seeded sample where the dataset has more.
        seed: of that sample and of the negatives.

    Returns:
        The scores of the model, and of the baselines on the same pairs.

    Raises:
        TypeError, ValueError: `n_words` is no positive integer.

    Source: assignment eq. (1) and Q3.11.
    """
    check_positive_int("n_words", n_words)
    positive, negative, positive_ids, negative_ids, *losses = _score_pairs(
        model, dataset, config, counts, n_words, seed
    )
    loss = losses[0].mean() if losses else sgns_loss(positive[None], negative[None])
    by_frequency = frequency_logits(counts, config)  # (V,)
    return Word2VecScores(
        loss=loss.item(),
        model=score_pairs(positive, negative),
        frequency=score_pairs(by_frequency[positive_ids], by_frequency[negative_ids]),
        all_negative_accuracy=config.ratio / (config.ratio + 1),
        n_pairs=len(positive) + len(negative),
    )


def _score_pairs(model, dataset, config, counts, n_words, seed) -> tuple[Tensor, ...]:
    """Give logits and ids of a seeded sample of pairs, each flat, padding left out."""
    generator = torch.Generator().manual_seed(seed)
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
        parts = [_score_batch(model, dataset, config, batch, noise) for batch in loader]
    finally:
        model.train(was_training)
    return tuple(torch.cat(part) for part in zip(*parts, strict=True))


@torch.inference_mode()
def _score_batch(model, dataset, config, batch, noise) -> tuple[Tensor, ...]:
    """Give logits and ids of the pairs of one batch, each flat, padding left out."""
    if config.objective != "sgns":
        real = dataset.real(batch["positive_context_ids"])  # (B, 2R)
        return score_batch(model, batch, real, config, noise=noise)
    positive_ids = batch["positive_context_ids"]  # (B, 2R)
    ids = torch.cat([positive_ids, batch["negative_context_ids"]], dim=1)  # (B, C)
    device = model.center_embeddings.weight.device
    logits = model(batch["word_id"].to(device), ids.to(device)).cpu()  # (B, C)
    kept = real_pairs(dataset.real(positive_ids), config.ratio)  # (B, C)
    positive, negative = (slice(0, positive_ids.shape[1]), slice(positive_ids.shape[1], None))
    return tuple(
        values[:, part][kept[:, part]] for values in (logits, ids) for part in (positive, negative)
    )


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
    """Give the best logit of "c is a positive context" that looks at c alone.

    By Bayes' rule it is log p(c) - log(K q(c)), for words p of the text and negatives q.

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
