"""One epoch in compiled code: one thread a core, no locks, the tables updated in place (Q3.13).

Words and contexts change seats here, as in word2vec.c: the step visits each context c of the
text in turn, with all the words w whose window holds it. Those 2R words then share the K
negatives of c, so that a step is three products of small matrices. The pairs (w, c) of an epoch
are the same as `WindowDataset` serves; and because negatives are drawn alike for every pair,
sharing them leaves the expectation of loss and gradient as it is.
"""

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache

import numpy as np
import torch

from w2v.config import BORDERS, Word2VecConfig
from w2v.model import Word2Vec
from w2v.vocabulary import NoiseDistribution
from w2v.windows import WindowDataset

try:
    from numba import njit, types
    from numba.core import cgutils
    from numba.extending import intrinsic
except ImportError as error:
    raise ImportError(
        'engine "hogwild" needs numba, which is not installed; pip install "w2v[fast]"'
    ) from error

from w2v.engines.lanes import (
    INDEX,
    LANES,
    Lanes,
    Rows,
    Sum,
    exp,
    load,
    log1p,
    prefetch,
    spread,
    store,
    sums,
)

DROP, SHIFT, PAD = range(len(BORDERS))
GOLDEN = np.uint64(0x9E3779B97F4A7C15)  # from one state of the random numbers to the next
LOWEST_RATE = 1e-4  # share of the learning rate that is left at the very end, as in word2vec.c
CHUNK_FLOPS = 1.5e9  # about 20 ms of work: how long Ctrl-C waits


def train_epoch(
    model: Word2Vec,
    train_set: WindowDataset,
    config: Word2VecConfig,
    *,
    noise: NoiseDistribution,
    epoch: int,
    generator: torch.Generator,
    report: Callable[[int, float], None],
) -> float:
    """Train on every pair of the corpus once, in text order, with new negatives.

    Runs as many threads as `torch.get_num_threads()` says; with one, the same generator gives
    the same tables, bit for bit. The learning rate falls in a straight line over all epochs.

    Args:
        model: the model; its two tables are updated in place.
        train_set: the windows.
        config: gives R, K, the border rule, the learning rate, the number of epochs, and whether
            to subsample, to vary the radius and to share negatives.
        noise: where negatives come from.
        epoch: counted from 1.
        generator: of the negatives, the radii and the subsampling.
        report: called after each chunk with its number of center words and its mean loss.

    Returns:
        Mean loss per pair over the epoch, in nats, each pair as it was before its step.

    Raises:
        ValueError: tables that are not float32 on the CPU, or a corpus of which subsampling
            leaves no window.
        FloatingPointError: a loss that is not finite; its message names the word.

    Source: assignment eq. (1) and Q3.13; Recht et al. 2011; Mikolov et al. 2013b.
    """
    center, context = _table(model.center_embeddings), _table(model.context_embeddings)
    if config.subsample:
        train_set = subsample(train_set, len(center), config.subsample, generator)
    seed = int(torch.randint(2**62, (), generator=generator))
    n_tokens = len(train_set.tokens)
    fall = config.learning_rate / config.epochs / n_tokens  # of the learning rate, for each token
    train_tokens = _compiled(center.shape[1], config.ratio)
    corpus = train_set.tokens.numpy(), train_set.offsets.numpy()
    draws = noise.threshold.numpy(), noise.alias.to(torch.int32).numpy()
    border = BORDERS.index(config.border), train_set.pad_id
    options = config.radius, config.dynamic_window, config.shared_negatives

    def train(start: int) -> tuple[float, int, int]:
        stop = min(start + chunk, n_tokens)
        rate = config.learning_rate * (1 - (epoch - 1) / config.epochs) - fall * start
        rates = rate, fall, config.learning_rate * LOWEST_RATE
        return train_tokens(
            center, context, *corpus, start, stop, *draws, *border, *options, *rates, seed
        )

    chunk = max(256, int(CHUNK_FLOPS / (12 * config.radius * (config.ratio + 1) * config.dim)))
    total, n_pairs = 0.0, 0
    with ThreadPoolExecutor(torch.get_num_threads()) as pool:
        jobs = [pool.submit(train, start) for start in range(0, n_tokens, chunk)]
        try:
            for i, job in enumerate(jobs):
                loss, pairs, n_words = job.result()
                if not math.isfinite(loss):
                    raise FloatingPointError(f"loss must be finite, got {loss} at word {i * chunk}")
                total, n_pairs = total + loss, n_pairs + pairs
                report(n_words, loss / max(pairs, 1))
        finally:  # on Ctrl-C too: what has not begun does not begin
            pool.shutdown(wait=False, cancel_futures=True)
    return total / max(n_pairs, 1)


def _table(embeddings: torch.nn.Embedding) -> np.ndarray:
    """Give the memory of a table itself, not a copy."""
    weight = embeddings.weight.detach()
    if weight.device.type != "cpu" or weight.dtype != torch.float32 or not weight.is_contiguous():
        raise ValueError(
            "model must hold contiguous float32 tables on the CPU, "
            f"got {weight.dtype} on {weight.device}; move it with model.float().cpu()"
        )
    return weight.numpy()


def subsample(
    train_set: WindowDataset, vocab_size: int, threshold: float, generator: torch.Generator
) -> WindowDataset:
    """Leave out frequent words at random, before windows are cut.

    A word that makes up the share f of the text stays with probability
    (sqrt(f / t) + 1) t / f, or 1 where that is more.

    Args:
        train_set: the windows.
        vocab_size: V.
        threshold: t, the share up to which every occurrence stays (about).
        generator: where the randomness comes from.

    Returns:
        The windows over the words that stay.

    Raises:
        ValueError: no document keeps enough words for a window.

    Source: Mikolov et al. 2013b, section 2.3, in the form that word2vec.c has it.
    """
    counts = train_set.counts(vocab_size).double()
    excess = counts / counts.sum() / threshold  # (V,): f / t
    keep = (excess.sqrt() + 1) / excess  # (V,): infinite for words that do not occur
    blocks = train_set.tokens.split(2**20)
    kept = torch.cat([torch.rand(len(b), generator=generator) < keep[b] for b in blocks])  # (n,)
    n_kept = torch.zeros(len(kept) + 1, dtype=torch.int32)
    torch.cumsum(kept, 0, dtype=torch.int32, out=n_kept[1:])
    return WindowDataset(
        train_set.tokens[kept],
        n_kept[train_set.offsets].long(),
        train_set.radius,
        train_set.border,
        train_set.pad_id,
    )


@intrinsic(prefer_literal=True)
def _train_pairs(_, center, context, words, contexts, labels, slopes, n_words, rate, dim, ratio):
    """Make one step of n words w with K + 1 contexts c: the first positive, the rest negative.

    With y = 1 for the positive context and -1 for a negative one, equation (1) is the sum of
    -log sigma(z) with z = y c . w. Its derivative by c . w is -y sigma(-z); so a step adds
    rate y sigma(-z) c to w, and rate y sigma(-z) w to c. Returns the loss before the step.
    """

    def write(numba_context, builder, signature, arguments):
        arrays = (
            numba_context.make_array(kind)(numba_context, builder, argument).data
            for kind, argument in zip(signature.args[:6], arguments[:6], strict=True)
        )
        center, context, words, contexts, labels, slopes = arrays
        n_words, rate = arguments[6], spread(builder, arguments[7])
        word_rows = Rows(builder, center, words, dim.literal_value)
        context_rows = Rows(builder, context, contexts, dim.literal_value)
        n_contexts = ratio.literal_value + 1
        slope_rows = Rows(builder, slopes, None, n_contexts)

        tile = max(1, LANES // n_contexts)  # words whose dot products fill one register
        whole = builder.sub(n_words, builder.srem(n_words, INDEX(tile)))
        for first, last, size in ((INDEX(0), whole, tile), (whole, n_words, 1)):
            with cgutils.for_range_slice(builder, first, last, INDEX(size), INDEX) as (i, _):
                rows = [word_rows.address(builder.add(i, INDEX(r))) for r in range(size)]
                _write_dots(rows, context_rows, n_contexts, slope_rows.address(i))
        n_pairs = builder.mul(n_words, INDEX(n_contexts))
        loss = _write_slopes(n_pairs, rate, labels, slopes)
        starts = list(range(0, dim.literal_value, LANES))
        width = 2 if n_contexts <= 6 else 1  # columns at once, as far as registers reach
        for first in range(0, len(starts), width):
            _write_update(
                starts[first : first + width], word_rows, context_rows, slope_rows, n_words
            )
        return loss.total()

    kinds = center, context, words, contexts, labels, slopes, n_words, rate, dim, ratio
    return types.float64(*kinds), write


def _write_dots(words: list, contexts: Rows, n_contexts: int, logits) -> None:
    """Write c . w of a few words with all contexts to `logits`, word by word."""
    builder, dim = contexts.builder, contexts.dim
    rows = [contexts.address(INDEX(k)) for k in range(n_contexts)]
    dots = [Lanes(builder, 0.0)] * (len(words) * n_contexts)
    for start in range(0, dim, LANES):
        w = [load(builder, address, start, dim) for address in words]
        for k in range(n_contexts):
            c = load(builder, rows[k], start, dim)
            for i in range(len(words)):
                dots[i * n_contexts + k] += w[i] * c
    for first in range(0, len(dots), LANES):
        store(sums(dots[first : first + LANES]), logits, first, first + LANES)


def _write_slopes(n_pairs, rate: Lanes, labels, slopes) -> Lanes:
    """Turn the logits in `slopes` into rate y sigma(-z), and give the losses -log sigma(z)."""
    builder, loss = rate.builder, Sum(rate.builder)
    end = builder.gep(slopes, [n_pairs])  # what fills up the last register: pairs without loss
    sure = load(builder, builder.gep(labels, [n_pairs]), 0, LANES) * 1e3
    store(sure, end, 0, LANES)
    with cgutils.for_range_slice(builder, INDEX(0), n_pairs, INDEX(LANES), INDEX) as (first, _):
        y = load(builder, builder.gep(labels, [first]), 0, LANES)
        place = builder.gep(slopes, [first])
        z = load(builder, place, 0, LANES) * y
        e = exp(abs(z) * -1.0)  # at most 1, so that nothing overflows
        loss.add(log1p(e) + (abs(z) - z) * 0.5)
        store(z.at_least(0.0, e, 1.0) / (e + 1.0) * y * rate, place, 0, LANES)
    return loss.lanes()


def _write_update(starts: list[int], words, contexts, slopes, n_words) -> None:
    """Write the step of all rows in some columns: g c to each w, and the sum of g w to each c."""
    builder, dim, n_contexts = words.builder, words.dim, slopes.dim
    rows = [contexts.address(INDEX(k)) for k in range(n_contexts)]
    places = [(k, start) for k in range(n_contexts) for start in starts]
    c = {(k, start): load(builder, rows[k], start, dim) for k, start in places}
    gains = {place: Sum(builder) for place in places}
    with cgutils.for_range(builder, n_words, intp=INDEX) as loop:
        row = words.address(loop.index)
        w = {start: load(builder, row, start, dim) for start in starts}
        stepped = dict(w)
        for k, start in places:
            g = slopes.number(loop.index, k)
            stepped[start] += g * c[k, start]
            gains[k, start].add(g * w[start])
        for start in starts:
            store(stepped[start], row, start, dim)
    for k, start in places:  # added, not set: two of the negatives may be the same word
        old = load(builder, rows[k], start, dim)
        store(old + gains[k, start].lanes(), rows[k], start, dim)


@intrinsic(prefer_literal=True)
def _fetch(_, table, i, dim):
    """Ask for row i of a table ahead of its use: memory takes longer than a whole step."""

    def write(numba_context, builder, signature, arguments):
        table = numba_context.make_array(signature.args[0])(numba_context, builder, arguments[0])
        row = builder.gep(table.data, [builder.mul(arguments[1], INDEX(dim.literal_value))])
        for start in range(0, dim.literal_value, 16):  # 64 bytes: what memory hands out at once
            prefetch(builder, builder.gep(row, [INDEX(start)]))
        return numba_context.get_dummy_value()

    return types.void(table, i, dim), write


@njit
def _random(state):
    """Turn a counter into 64 random bits (splitmix64, Steele et al. 2014)."""
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return state ^ (state >> np.uint64(31))


@njit
def _below(bits, n):
    """Turn random bits into an integer in [0, n)."""
    return np.int64(((bits >> np.uint64(32)) * np.uint64(n)) >> np.uint64(32))


@njit
def _negative(bits, threshold, alias):
    """Draw as `NoiseDistribution.sample` does."""
    column = _below(bits, len(threshold))
    height = np.float32(bits & np.uint64(0xFFFFFF)) * np.float32(2.0**-24)
    return column if height < threshold[column] else np.int64(alias[column])


@njit
def _draw_negatives(contexts, state, threshold, alias):
    """Put new negatives behind the positive context, and give the next state."""
    for k in range(1, len(contexts)):
        state += GOLDEN
        contexts[k] = _negative(_random(state), threshold, alias)
    return state


@njit
def _centers_of(t, first, last, radius, reach, border):
    """Give the range of centers whose window holds place t of the document [first, last).

    t lies in the range where it is a center itself. A window reaches `reach` words to each side,
    `radius` of them where radii do not vary.
    """
    if border == DROP:
        return max(t - reach, first + radius), min(t + reach, last - radius - 1)
    if border == PAD:
        return max(t - reach, first), min(t + reach, last - 1)
    if last - first <= 2 * radius:
        return t, t - 1  # too short for a window
    low = first if t - first <= 2 * reach else t - reach  # windows pushed off the start
    high = last - 1 if last - 1 - t <= 2 * reach else t + reach  # and off the end
    return low, high


@lru_cache
def _compiled(dim: int, ratio: int) -> Callable:
    """Compile the walk through the text for one d and K; numba keeps the code on disk."""

    @njit(nogil=True, cache=True)
    def train_tokens(
        center, context, tokens, offsets, start, stop, threshold, alias, border, pad_id,
        radius, dynamic, shared, rate, fall, lowest, seed,
    ):  # fmt: skip
        words = np.empty(4 * radius + 1, np.int64)  # "shift": up to 4R windows hold one place
        slopes = np.empty(4 * radius * (ratio + 1) + LANES, np.float32)
        labels = np.where(np.arange(len(slopes)) % (ratio + 1) == 0, 1, -1).astype(np.float32)
        contexts, upcoming = np.empty(ratio + 1, np.int64), np.empty(ratio + 1, np.int64)
        state = np.uint64(seed) + GOLDEN * np.uint64(start * (4 * radius * ratio + ratio + 1))
        state = _draw_negatives(upcoming, state, threshold, alias)
        total, n_pairs, n_centers = 0.0, 0, 0
        document = np.searchsorted(offsets, start, side="right") - 1
        for t in range(start, stop):
            while t >= offsets[document + 1]:
                document += 1
            contexts[:] = upcoming
            contexts[0] = tokens[t]
            state = _draw_negatives(upcoming, state, threshold, alias)
            upcoming[0] = tokens[min(t + 1, len(tokens) - 1)]
            for k in range(ratio + 1):
                _fetch(context, upcoming[k], dim)
            _fetch(center, np.int64(tokens[min(t + radius + 1, len(tokens) - 1)]), dim)

            reach = radius
            if dynamic:
                state += GOLDEN
                reach = 1 + _below(_random(state), radius)
            first, last = offsets[document], offsets[document + 1]
            low, high = _centers_of(t, first, last, radius, reach, border)
            n_centers += low <= t <= high
            n_words = 0
            for i in range(low, high + 1):
                words[n_words] = tokens[i]
                n_words += i != t
            if n_words == 0 or (border == PAD and tokens[t] == pad_id):
                continue
            step = np.float32(max(lowest, rate - fall * (t - start)))
            group = n_words if shared else 1
            for i in range(0, n_words, group):
                if not shared:
                    state = _draw_negatives(contexts, state, threshold, alias)
                total += _train_pairs(
                    center, context, words[i:], contexts, labels, slopes, group, step, dim, ratio
                )
            n_pairs += n_words * (ratio + 1)
        return total, n_pairs, n_centers

    return train_tokens
