"""One epoch as matrix products, on a GPU or the CPU, in blocks of neighbouring words (Q3.13).

Neighbouring words share most of their contexts. So a block of 64 words gathers its center rows,
and the context rows around them, once. The words of a block also share M negatives. One matrix
product scores the block; the positive pairs lie near its diagonal. Each negative is weighted
K n / M for a word of n positives, so they count as K per positive. This leaves the expectation of
loss and gradient unchanged, because negatives have the same distribution for every pair. Where
negatives are not shared, a block is a single word.

Gradients are written in closed form, without autograd. Each row is updated once a step, with a
learning rate of its own. A GPU is fast in large steps: take a batch size of 32,768 words there,
where the text has some millions of them.
"""

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from w2v.batches import NoiseDistribution
from w2v.config import Word2VecConfig, learning_rate_at
from w2v.engines import Report
from w2v.model import Word2Vec
from w2v.windows import WindowDataset

BLOCK = 64  # neighbouring words that share their rows, and their negatives
NEGATIVES = (
    64  # M: negatives that a block shares, and some more: on a GPU rows of 8 n numbers are faster
)
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
        self.totals = torch.zeros_like(table)  # (V, d): zero between steps

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

    def step(self, ids: Tensor, gradients: Tensor, rate: float | Tensor) -> None:
        """Update every row that occurs once, against the sum of its gradients.

        Args:
            ids: the rows, shape (n,), int64; a row may occur several times.
            gradients: one for each occurrence, shape (n, d).
            rate: the step of a row at its first gradient, as a root mean square; a number, or a
                tensor of shape (1,).

        Source: Duchi et al. 2011.
        """
        d = self.table.shape[1]
        squares = torch.linalg.vector_norm(gradients, dim=1).square_()  # (n,)
        self.history.index_add_(0, ids, squares, alpha=1 / d)
        self.totals.scatter_add_(0, ids.unsqueeze(1).expand(-1, d), gradients)
        if len(ids) < len(self.table):
            # A row that occurs twice is written twice, with the same numbers.
            totals = self.totals[ids]  # (n, d)
            self.table[ids] -= totals * _rates(self.history[ids], totals, rate)
            self.totals.index_fill_(0, ids, 0)
        else:
            rates = _rates(self.history, self.totals, rate)  # (V, 1)
            self.table.addcmul_(self.totals, rates, value=-1)
            self.totals.zero_()


def _rates(history: Tensor, totals: Tensor, rate: float | Tensor) -> Tensor:
    """Give what each row's sum of gradients, (n, d), is multiplied by in a step, (n, 1)."""
    length = torch.linalg.vector_norm(totals, dim=1) / math.sqrt(totals.shape[1])  # (n,)
    divisor = history.sqrt().maximum(length / LONGEST).clamp_(min=1e-15)  # (n,)
    return (rate / divisor).unsqueeze(1)


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
        device = center.device
        windows, noise = windows.to(device), self.noise.to(device)
        seed = int(torch.randint(2**62, (), generator=generator))
        draw = torch.Generator(device).manual_seed(seed)
        width = BLOCK if config.shared_negatives else 1  # words of a block
        width = min(width, config.batch_size)
        n_blocks = math.ceil(len(windows.tokens) / width)
        n_steps = math.ceil(n_blocks / (config.batch_size // width))
        blocks = torch.randperm(n_blocks, dtype=torch.int32, generator=generator)  # (n_blocks,)
        n_missing = -n_blocks % n_steps  # blocks behind the text fill up: they hold no window
        blocks = F.pad(blocks, (0, n_missing), value=n_blocks).view(n_steps, -1).to(device)
        rates = [GAIN * learning_rate_at(config, epoch, i / n_steps) for i in range(n_steps)]
        rates = torch.tensor(rates, device=device)  # (n_steps,)
        seen = torch.zeros(n_steps, 3, dtype=torch.float64, device=device)
        place = torch.zeros(1, dtype=torch.int64, device=device)  # of the step among all steps

        def take_step() -> None:
            starts = blocks[place].long().squeeze(0) * width  # (b,)
            word_ids, context_ids, hidden, n_positives, n_words = _blocks(windows, starts, width)
            reach = context_ids.shape[1]
            shared = config.shared_negatives
            m = NEGATIVES - reach % -8 if shared else 2 * config.radius * config.ratio
            negative_ids = noise.sample((len(starts), m), draw)  # (b, M)
            context_ids = torch.cat([context_ids, negative_ids], dim=1)  # (b, reach + M)
            words = F.embedding(word_ids, center)  # (b, width, d)
            contexts = F.embedding(context_ids, context)  # (b, reach + M, d)
            weight = n_positives * (config.ratio / m)  # (b, width): of each negative
            loss, of_words, of_contexts = _pairs(words, contexts, hidden, weight)
            rate = rates[place]  # (1,)
            self.optimizers[0].step(word_ids.flatten(), of_words.flatten(0, 1), rate)
            self.optimizers[1].step(context_ids.flatten(), of_contexts.flatten(0, 1), rate)
            n_pairs = n_positives.sum() * (1 + config.ratio)
            seen[place] = torch.stack([loss, n_pairs, n_words])  # (3,)
            place.add_(1)

        next_step = take_step
        for step in range(1, n_steps + 1):
            next_step()
            if step == 1 and device.type == "cuda":
                next_step = _recorded(take_step, draw)
            if step % LOOK == 0 or step == n_steps:
                first = (step - 1) // LOOK * LOOK
                for i, (loss, n_pairs, n_words) in enumerate(seen[first:step].tolist(), first + 1):
                    if not math.isfinite(loss):
                        raise FloatingPointError(f"loss must be finite, got {loss} at step {i}")
                    report(int(n_words), loss / max(n_pairs, 1))
        loss, n_pairs, _ = seen.sum(dim=0).tolist()
        return loss / max(n_pairs, 1)


def _recorded(take_step: Callable[[], None], draw: torch.Generator) -> Callable[[], None]:
    """Record the kernels of a step, to start them all by one call; products may use TF32."""
    graph, products = torch.cuda.CUDAGraph(), torch.backends.cuda.matmul
    graph.register_generator_state(draw)
    precision = getattr(products, "fp32_precision", None)  # torch 2.9 and later
    try:
        if precision is not None:
            products.fp32_precision = "tf32"
        with torch.cuda.graph(graph):
            take_step()
    finally:
        if precision is not None:
            products.fp32_precision = precision
    return graph.replay


def _blocks(windows: WindowDataset, starts: Tensor, width: int) -> tuple[Tensor, ...]:
    """Gather the ids of blocks of words and of all contexts around them, and find the pairs.

    Takes the b places where blocks start. Gives ids (b, width) and (b, reach), and a mask
    (b, width, reach) that is False for the positive pairs. Then the number of positive pairs of
    each word (b, width), and the number of center words.
    """
    n_tokens = len(windows.tokens)
    halo = (2 if windows.border == "shift" else 1) * windows.radius
    step = torch.arange(-halo, width + halo, dtype=torch.int32, device=starts.device)  # (reach,)
    places = starts.unsqueeze(1) + step  # (b, reach)
    ids = windows.tokens[places.clamp(0, n_tokens - 1)].long()  # (b, reach)
    centers = places[:, halo : halo + width]  # (b, width)
    low, high = windows.spans(centers.clamp(max=n_tokens - 1))  # (b, width) each
    high = high.where(centers < n_tokens, low - 1)
    first, last = ((ends - starts.unsqueeze(1)).int().unsqueeze(2) for ends in (low, high))
    hidden = step == step[halo : halo + width].unsqueeze(1)  # (width, reach): a word and itself
    hidden = (step < first).logical_or_(step > last).logical_or_(hidden)  # (b, width, reach)
    n_positives = (high - low).clamp(min=0)  # (b, width): the window without its center
    if windows.border == "pad":
        hidden |= (ids == windows.pad_id).unsqueeze(1)  # (b, width, reach)
        n_positives = len(step) - hidden.sum(dim=2)  # (b, width)
    return ids[:, halo : halo + width], ids, hidden, n_positives, (low <= high).sum()


def _pairs(words: Tensor, contexts: Tensor, hidden: Tensor, weight: Tensor) -> tuple[Tensor, ...]:
    """Compute equation (1) over the pairs of some blocks, and its gradients.

    A positive pair costs -log sigma(z), z = c . w, a negative one -log sigma(-z). So with x = -z
    and x = z both cost softplus(x), whose derivative is sigma(x). Takes words (b, n, d) and
    contexts (b, m, d); the first of these are the places of `hidden` (b, n, reach), the others
    are negatives, which count `weight` (b, n) times.
    """
    x = words @ contexts.mT  # (b, n, m)
    reach = hidden.shape[2]
    x[..., :reach].neg_().masked_fill_(hidden, -math.inf)  # which costs 0
    losses, slopes = F.softplus(x), x.sigmoid_()  # (b, n, m) each
    loss = losses[..., :reach].sum(dim=2) + weight * losses[..., reach:].sum(dim=2)  # (b, n)
    slopes[..., :reach].neg_()
    slopes[..., reach:].mul_(weight.unsqueeze(2))
    return loss.sum(dtype=torch.float64), slopes @ contexts, slopes.mT @ words
