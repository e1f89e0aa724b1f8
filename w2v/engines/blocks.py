"""One epoch as matrix products, on a GPU or the CPU, in blocks of neighbouring words (Q3.13).

Neighbouring words share most of their contexts. So a block of 64 words gathers its center rows,
and the context rows around them, once. One matrix product scores the block; the positive pairs
lie near its diagonal. The words of a block also share M negatives. Each is weighted K n / M for a
word of n positives, so they count as K per positive. This leaves the expectation of loss and
gradient unchanged, because negatives have the same distribution for every pair.

Gradients are written in closed form, without autograd. Each row is updated once a step, with a
learning rate of its own.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from w2v.batches import NoiseDistribution
from w2v.config import Word2VecConfig, learning_rate_at
from w2v.engines import Report
from w2v.model import Word2Vec
from w2v.windows import WindowDataset

BLOCK = 64  # neighbouring words that share their rows, and their negatives
NEGATIVES = 64  # M: negatives that a block shares
GAIN = 4.0  # the first step of a row is this many times the learning rate
LONGEST = 0.5  # the longest step of a row, as a share of the step at its first gradient
LOOK = 16  # read the loss every so many steps; each read waits for the GPU


class RowAdagrad:
    """Update each row of a table at a rate that falls with the gradients of that row so far.

    The history of a row is the sum, over its occurrences, of the mean square of their gradients.
    A step is the sum of its gradients divided by the root of its history. Gradients of many
    occurrences in one step point the same way, so the step of a frequent word could be too long.
    It is cut to the length that a single occurrence can reach.

    Args:
        table: the table, shape (V, d); it is updated in place.

    Source: Duchi et al. 2011, with one rate for each row.
    """

    def __init__(self, table: Tensor) -> None:
        self.table = table  # (V, d)
        self.history = table.new_zeros(len(table))  # (V,)
        self.owner = torch.zeros(len(table), dtype=torch.int64, device=table.device)  # (V,)

    def state_dict(self) -> dict[str, Tensor]:
        """Give the history, which a resumed training needs.

        Returns:
            The history, shape (V,).

        Source: assignment Q3.10.
        """
        return {"history": self.history}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Go on from what `state_dict` gave.

        Args:
            state: what `state_dict` gave.

        Source: assignment Q3.10.
        """
        self.history.copy_(state["history"])

    def step(self, ids: Tensor, gradients: Tensor, rate: float) -> None:
        """Update every row that occurs once, against the sum of its gradients.

        Args:
            ids: the rows, shape (n,), int64; a row may occur several times.
            gradients: one for each occurrence, shape (n, d).
            rate: the step of a row at its first gradient, as a root mean square.

        Source: Duchi et al. 2011.
        """
        self.history.index_add_(0, ids, gradients.square().mean(dim=1))
        self.owner[ids] = torch.arange(len(ids), device=ids.device)  # one occurrence of each row
        totals = torch.zeros_like(gradients).index_add_(0, self.owner[ids], gradients)  # (n, d)
        steps = totals * (rate * self.history[ids].clamp(min=1e-30).rsqrt()).unsqueeze(1)
        length = steps.square().mean(dim=1, keepdim=True).sqrt()  # (n, 1)
        longest = LONGEST * rate
        steps *= longest / length.clamp(min=longest)
        self.table.index_add_(0, ids, steps.neg_())  # zero but for one occurrence of each row


class BlocksEngine:
    """Train with products of matrices, on the device where the tables of the model are.

    On the CPU the same generator gives the same tables, bit for bit. A GPU adds the gradients of
    a row in any order.

    Args:
        model: the model; its two tables are updated in place.
        config: gives B, rounded down to whole blocks, K, the learning rate and whether it falls,
            and whether the words of a block share their negatives.
        noise: the distribution of the negatives.

    Source: assignment eq. (1) and Q3.13.
    """

    def __init__(self, model: Word2Vec, config: Word2VecConfig, noise: NoiseDistribution) -> None:
        self.model, self.config, self.noise = model, config, noise
        self.optimizers = [RowAdagrad(table.detach()) for table in model.parameters()]

    def state_dict(self) -> list[dict[str, Tensor]]:
        """Give the states of the optimisers of both tables."""
        return [optimizer.state_dict() for optimizer in self.optimizers]

    def load_state_dict(self, state: list[dict[str, Tensor]]) -> None:
        """Go on from what `state_dict` gave; see `Engine`."""
        for optimizer, saved in zip(self.optimizers, state, strict=True):
            optimizer.load_state_dict(saved)

    def train_epoch(
        self, windows: WindowDataset, epoch: int, generator: torch.Generator, report: Report
    ) -> float:
        """Visit every window once, its block in a new order, with new negatives; see `Engine`."""
        config = self.config
        center, context = (table.detach() for table in self.model.parameters())  # (V, d) each
        windows, noise = windows.to(center.device), self.noise.to(center.device)
        seed = int(torch.randint(2**62, (), generator=generator))
        draw = torch.Generator(center.device).manual_seed(seed)
        width = min(BLOCK, config.batch_size)  # of a block
        starts = torch.arange(0, len(windows.tokens), width)  # (n_blocks,)
        starts = starts[torch.randperm(len(starts), generator=generator)].to(center.device)
        steps = starts.split(config.batch_size // width)

        sums, waiting = torch.zeros(3, dtype=torch.float64), []
        for step, starts in enumerate(steps, start=1):
            word_ids, context_ids, positive, n_words = _blocks(windows, starts, width)
            n_positives = positive.sum(dim=2, keepdim=True)  # (b, width, 1): of each word
            words = center[word_ids]  # (b, width, d)
            contexts = context[context_ids]  # (b, reach, d)
            loss, of_words, of_contexts = _pairs(words, contexts, 1, positive)

            n_sharing = width if config.shared_negatives else 1
            n_negatives = NEGATIVES if config.shared_negatives else 2 * config.radius * config.ratio
            negative_ids = noise.sample((words[..., 0].numel() // n_sharing, n_negatives), draw)
            weight = n_positives * (config.ratio / n_negatives)  # (b, width, 1): of each negative
            shape = len(negative_ids), n_sharing, -1
            negative_loss, of_sharing, of_negatives = _pairs(
                words.view(shape), context[negative_ids], -1, weight.view(shape)
            )

            rate = GAIN * learning_rate_at(config, epoch, (step - 1) / len(steps))
            of_words += of_sharing.view_as(of_words)
            self.optimizers[0].step(word_ids.flatten(), of_words.flatten(0, 1), rate)
            ids = torch.cat([context_ids.flatten(), negative_ids.flatten()])
            gradients = torch.cat([of_contexts.flatten(0, 1), of_negatives.flatten(0, 1)])
            self.optimizers[1].step(ids, gradients, rate)

            n_pairs = n_positives.sum() * (1 + config.ratio)
            waiting.append(torch.stack([loss + negative_loss, n_pairs, n_words]))  # (3,)
            if len(waiting) == LOOK or step == len(steps):
                seen, waiting = torch.stack(waiting).cpu(), []  # (LOOK, 3)
                for i, (loss, n_pairs, n_words) in enumerate(seen.tolist(), step + 1 - len(seen)):
                    if not math.isfinite(loss):
                        raise FloatingPointError(f"loss must be finite, got {loss} at step {i}")
                    report(int(n_words), loss / max(n_pairs, 1))
                sums += seen.sum(dim=0)
        return (sums[0] / sums[1].clamp(min=1)).item()


def _blocks(windows: WindowDataset, starts: Tensor, width: int) -> tuple[Tensor, ...]:
    """Gather the ids of blocks of words and of all contexts around them, and find the pairs.

    For the b places where blocks start, it gives ids (b, width) and (b, reach), a mask
    (b, width, reach) that is True for the positive pairs, and the number of center words.
    """
    n_tokens = len(windows.tokens)
    halo = (2 if windows.border == "shift" else 1) * windows.radius
    step = torch.arange(-halo, width + halo, device=starts.device)  # (reach,)
    places = starts.unsqueeze(1) + step  # (b, reach)
    ids = windows.tokens[places.clamp(0, n_tokens - 1)].long()  # (b, reach)
    centers = places[:, halo : halo + width]  # (b, width)
    low, high = windows.spans(centers.clamp(max=n_tokens - 1))  # (b, width) each
    is_center = (centers < n_tokens) & (low <= high)  # (b, width)
    place, center = places.unsqueeze(1), centers.unsqueeze(2)  # (b, 1, reach), (b, width, 1)
    positive = (place >= low.unsqueeze(2)) & (place <= high.unsqueeze(2)) & (place != center)
    positive &= is_center.unsqueeze(2)  # (b, width, reach)
    if windows.border == "pad":
        positive &= (ids != windows.pad_id).unsqueeze(1)  # (b, width, reach)
    return ids[:, halo : halo + width], ids, positive, is_center.sum()


def _pairs(words: Tensor, contexts: Tensor, label: int, weight: Tensor) -> tuple[Tensor, ...]:
    """Compute equation (1) over the pairs of some blocks, and its gradients.

    With y = 1 for positive pairs and -1 for negative ones, equation (1) is the weighted sum of
    -log sigma(z), z = y c . w. Its derivative by c . w is -y sigma(-z). Takes words (b, n, d),
    contexts (b, m, d) and weights that spread to (b, n, m).
    """
    weight = weight.to(words.dtype)
    z = label * (words @ contexts.mT)  # (b, n, m)
    loss = -(weight * F.logsigmoid(z)).sum(dtype=torch.float64)
    slope = -label * weight * torch.sigmoid(-z)  # (b, n, m)
    return loss, slope @ contexts, slope.mT @ words
