"""One epoch in compiled code: one thread a core, no locks, the tables updated in place (Q3.13).

Words and contexts change seats here, as in word2vec.c: a step visits a few neighbouring contexts c
of the text, with all the words w whose windows hold them. The pairs of a step then share K
negatives, so that the step is three products of small matrices: a word of the windows of two of
these contexts meets each negative twice at once. The pairs (w, c) of an epoch are the same as
`WindowDataset` serves; and because negatives are drawn alike for every pair, sharing them leaves
the expectation of loss and gradient as it is.

Most steps of a word as frequent as "the" are noise by the end. Its rows therefore learn at a lower
rate: it falls with the square root of how often the word is seen, as Adagrad's does.

The rows of the words in reach are copied into a window of the thread's own, and their gains added
to the table when they leave it; and a thread has its own copies of the rows of the most frequent
words, and exchanges what they gained from time to time. Threads that wrote the rows of "the" or
"of" to the tables at each step would wait for each other's caches most of the time.
"""

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache

import numpy as np
import torch

from w2v.config import BORDERS, LOWEST_RATE, Word2VecConfig, learning_rate_at
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
    inverse1p,
    load,
    log1p,
    prefetch,
    spread,
    store,
    sums,
)

DROP, SHIFT, PAD = range(len(BORDERS))
GOLDEN = np.uint64(0x9E3779B97F4A7C15)  # from one state of the random numbers to the next
TOGETHER = 3  # contexts of a step, and with K = 5 the eight columns that fill a register twice
OFTEN = 1500  # a word that is seen more often learns more slowly
HOT, EXCHANGE = 127, 768  # words whose rows a thread copies, and tokens between two exchanges
AHEAD = 2  # steps between the draw of a negative and its use, so that its row has arrived
CHUNK_FLOPS = 1.5e9  # about 20 ms of work: how long Ctrl-C waits


def make_optimizers(model: Word2Vec, config: Word2VecConfig) -> list:
    """Make no optimiser: plain SGD keeps nothing from one step to the next.

    Args:
        model: the model.
        config: the settings.

    Returns:
        An empty list.

    Source: Recht et al. 2011.
    """
    return []


def train_epoch(
    model: Word2Vec,
    train_set: WindowDataset,
    config: Word2VecConfig,
    *,
    optimizers: list,
    noise: NoiseDistribution,
    epoch: int,
    generator: torch.Generator,
    report: Callable[[int, float], None],
) -> float:
    """Train on every pair of the corpus once, in text order, with new negatives.

    Rows of words seen more than `OFTEN` times learn at the rate times sqrt(OFTEN / times seen).
    Runs as many threads as `torch.get_num_threads()` says; with one, the same generator gives
    the same tables, bit for bit.

    Args:
        model: the model; its two tables are updated in place.
        train_set: the windows.
        config: gives R, K, the border rule, the learning rate, whether it falls over how many
            epochs, and whether to share negatives.
        optimizers: none, as `make_optimizers` makes them.
        noise: where negatives come from.
        epoch: counted from 1.
        generator: of the negatives.
        report: called after each chunk with its number of center words and its mean loss.

    Returns:
        Mean loss per pair over the epoch, in nats, each pair as it was before its step.

    Raises:
        ValueError: tables that are not float32 on the CPU.
        FloatingPointError: a loss that is not finite; its message names the word.

    Source: assignment eq. (1) and Q3.13; Recht et al. 2011; Mikolov et al. 2013b; for the rate
        of frequent words, Duchi et al. 2011.
    """
    center, context = _table(model.center_embeddings), _table(model.context_embeddings)
    seed = int(torch.randint(2**62, (), generator=generator))
    n_tokens = len(train_set.tokens)
    fall = config.decay * config.learning_rate / config.epochs / n_tokens  # for each token
    train_tokens = _compiled(center.shape[1], config.ratio)
    corpus = train_set.tokens.numpy(), train_set.offsets.numpy()
    draws = noise.threshold.numpy(), noise.alias.to(torch.int32).numpy()
    counts = train_set.counts(len(center))  # (V,)
    hot = counts.argsort(descending=True)[:HOT].numpy()  # (HOT,)
    pace = (OFTEN / counts.clamp(min=OFTEN)).sqrt().float().numpy()  # (V,)
    border = BORDERS.index(config.border), train_set.pad_id
    varied = train_set.radii is not None
    radii = train_set.radii.numpy() if varied else np.empty(0, np.uint8)
    options = config.radius, varied, radii, config.shared_negatives

    def train(start: int) -> tuple[float, int, int]:
        stop = min(start + chunk, n_tokens)
        rate = learning_rate_at(config, epoch, start / n_tokens)
        rates = rate, fall, config.learning_rate * LOWEST_RATE
        return train_tokens(
            center,
            context,
            *corpus,
            start,
            stop,
            *draws,
            hot,
            pace,
            *border,
            *options,
            *rates,
            seed,
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


@intrinsic(prefer_literal=True)
def _train_pairs(
    _, window, words, word_pace, n_words, context, queue, queue_pace, now, later,
    labels, counts, slopes, rate, dim, n_contexts,
):  # fmt: skip
    """Make one step of n words w with some contexts c, positive or negative.

    With y = 1 for a positive context and -1 for a negative one, equation (1) is the sum of
    -log sigma(z) with z = y c . w. Its derivative by c . w is -y sigma(-z); so a step adds
    rate y sigma(-z) c to w, and rate y sigma(-z) w to c, as often as `counts` says of the pair
    and at the pace of w and of c. Returns the loss before the step.

    The words are at the places `words[:n_words]` of the window, the contexts are `queue[now]`.
    Meanwhile `queue[later]` is fetched, since memory takes longer than a step.
    """

    def write(numba_context, builder, signature, arguments):
        def data(i):
            array = numba_context.make_array(signature.args[i])
            return array(numba_context, builder, arguments[i]).data

        n_words, now, later, rate = (arguments[i] for i in (3, 7, 8, 12))
        d, n_columns = dim.literal_value, n_contexts.literal_value
        words = Rows(builder, data(0), data(1), d, apart=2 * d)
        word_pace = Rows(builder, data(2), words.ids, 1)
        queue = Rows(builder, data(5), None, n_columns)
        contexts, coming = (
            Rows(builder, data(4), queue.address(step), d, apart=1).addresses(n_columns)
            for step in (now, later)
        )
        queue_pace = Rows(builder, data(6), None, n_columns)
        context_pace = Rows(builder, queue_pace.address(now), None, 1)
        slopes = Rows(builder, data(11), None, n_columns)

        _write_logits(words, contexts, slopes, n_words)
        n_pairs = builder.mul(n_words, INDEX(n_columns))
        loss = _write_slopes(slopes.table, data(9), data(10), spread(builder, rate), n_pairs)
        starts = list(range(0, d, LANES))
        at_once = 2 if n_columns <= 6 else 1  # as far as the registers reach
        for i in range(0, len(starts), at_once):
            for address in coming:  # a part at a time: only so many requests wait in parallel
                prefetch(builder, address, starts[i], starts[i] + at_once * LANES)
            part = starts[i : i + at_once]
            _write_update(words, word_pace, contexts, context_pace, slopes, n_words, part)
        return loss.total()

    kinds = window, words, word_pace, n_words, context, queue, queue_pace, now, later
    return types.float64(*kinds, labels, counts, slopes, rate, dim, n_contexts), write


def _write_logits(words: Rows, contexts: list, logits: Rows, n_words) -> None:
    """Write c . w for all pairs to `logits`: a few words at a time, as one register holds.

    A register may reach beyond its last pair; what it leaves there is written over, or not read.
    """
    builder = words.builder
    tile = max(1, LANES // len(contexts))
    whole = builder.sub(n_words, builder.srem(n_words, INDEX(tile)))
    for start, stop, size in ((INDEX(0), whole, tile), (whole, n_words, 1)):
        with cgutils.for_range_slice(builder, start, stop, INDEX(size), INDEX) as (i, _):
            addresses = [words.address(builder.add(i, INDEX(j))) for j in range(size)]
            dots = _write_dots(builder, addresses, contexts, words.dim)
            for lane in range(0, len(dots), LANES):
                store(sums(dots[lane : lane + LANES]), logits.address(i), lane, lane + LANES)


def _write_dots(builder, words: list, contexts: list, dim: int) -> list[Lanes]:
    """Write c . w of some words with all contexts; each is still to be summed over its lanes."""
    dots = [Lanes(builder, 0.0)] * (len(words) * len(contexts))
    for start in range(0, dim, LANES):
        w = [load(builder, address, start, dim) for address in words]
        for k, address in enumerate(contexts):
            c = load(builder, address, start, dim)
            for i in range(len(words)):
                dots[i * len(contexts) + k] += w[i] * c
    return dots


def _write_slopes(slopes, labels, counts, rate: Lanes, n_pairs) -> Lanes:
    """Turn the logits in `slopes` into n rate y sigma(-z), and give the losses -n log sigma(z)."""
    builder, loss = rate.builder, Sum(rate.builder)
    with cgutils.for_range_slice(builder, INDEX(0), n_pairs, INDEX(LANES), INDEX) as (i, _):
        y, n, dot = (
            load(builder, builder.gep(array, [i]), 0, LANES) for array in (labels, counts, slopes)
        )
        z = dot * y
        e = exp(abs(z) * -1.0)  # at most 1, so that nothing overflows
        loss.add((log1p(e) + (abs(z) - z) * 0.5) * n)  # n is 0 behind the last pair
        slope = z.at_least(0.0, e, 1.0) * inverse1p(e)  # sigma(-z)
        store(slope * n * y * rate, builder.gep(slopes, [i]), 0, LANES)
    return loss.lanes()


def _write_update(
    words: Rows, word_pace: Rows, contexts: list, context_pace: Rows, slopes: Rows, n_words, starts
) -> None:
    """Write the step in some columns of all rows: sums of g c to each w, and of g w to each c."""
    builder, dim = words.builder, words.dim
    places = [(k, start) for k in range(len(contexts)) for start in starts]
    c = {(k, start): load(builder, contexts[k], start, dim) for k, start in places}
    gains = {place: Sum(builder) for place in places}
    with cgutils.for_range(builder, n_words, intp=INDEX) as loop:
        row = words.address(loop.index)
        w = {start: load(builder, row, start, dim) for start in starts}
        gain = {start: Lanes(builder, 0.0) for start in starts}
        for k, start in places:
            g = slopes.number(loop.index, k)
            gain[start] += g * c[k, start]
            gains[k, start].add(g * w[start])
        pace = word_pace.number(loop.index, 0)
        for start in starts:
            store(w[start] + pace * gain[start], row, start, dim)
    for k, start in places:  # added, not set: two of the negatives may be the same word
        old = load(builder, contexts[k], start, dim)
        gain = gains[k, start].lanes() * context_pace.number(INDEX(k), 0)
        store(old + gain, contexts[k], start, dim)


@intrinsic(prefer_literal=True)
def _enter(_, table, row, window, place, next_row, dim):
    """Copy a row of a table into a window, twice: to step on, and to remember."""

    def write(numba_context, builder, signature, arguments):
        row, copy, memory = _window_rows(numba_context, builder, signature, arguments)
        for start in range(0, dim.literal_value, LANES):
            w = load(builder, row, start, dim.literal_value)
            store(w, copy, start, dim.literal_value)
            store(w, memory, start, dim.literal_value)
        return numba_context.get_dummy_value()

    return types.void(table, types.int64, window, types.int64, types.int64, dim), write


@intrinsic(prefer_literal=True)
def _leave(_, table, row, window, place, next_row, dim):
    """Add what a row has gained in the window to its table."""

    def write(numba_context, builder, signature, arguments):
        row, copy, memory = _window_rows(numba_context, builder, signature, arguments)
        for start in range(0, dim.literal_value, LANES):
            w, now, before = (
                load(builder, address, start, dim.literal_value) for address in (row, copy, memory)
            )
            store(w + (now - before), row, start, dim.literal_value)
        return numba_context.get_dummy_value()

    return types.void(table, types.int64, window, types.int64, types.int64, dim), write


def _window_rows(numba_context, builder, signature, arguments) -> tuple:
    """Give the addresses of a row and its two copies, and fetch the row that comes next."""
    table, window = (
        numba_context.make_array(signature.args[i])(numba_context, builder, arguments[i]).data
        for i in (0, 2)
    )
    dim = signature.args[5].literal_value
    rows = Rows(builder, table, None, dim, apart=1)
    copy = Rows(builder, window, None, dim, apart=2 * dim).address(arguments[3])
    prefetch(builder, rows.address(arguments[4]), 0, dim)
    return rows.address(arguments[1]), copy, builder.gep(copy, [INDEX(dim)])


@njit
def _random(state):
    """Turn a counter into 64 random bits (splitmix64, Steele et al. 2014)."""
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return state ^ (state >> np.uint64(31))


@njit
def _below(bits, n):
    """Turn random bits into an integer in [0, n)."""
    return ((bits >> np.uint64(32)) * np.uint64(n)) >> np.uint64(32)


@njit
def _row(word, slot, base, dim):
    """Give where a row starts, in floats from the start of its table."""
    own, shared = base + slot[word] * (2 * dim), word * dim
    return shared if slot[word] < 0 else own


@njit
def _exchange(table, hot, copies, dim):
    """Add what the copies of rows have gained to the table, and copy the rows anew."""
    for i in range(len(hot)):
        _leave(table, hot[i] * dim, copies, i, hot[min(i + 1, len(hot) - 1)] * dim, dim)
        _enter(table, hot[i] * dim, copies, i, hot[i] * dim, dim)


@njit
def _draw_contexts(
    queue, queue_pace, place, tokens, t, state, threshold, alias, slot, base, pace, dim
):
    """Queue the rows and the paces of a step's contexts: the positive ones, from t on, first.

    Negatives are drawn as `NoiseDistribution.sample` does.
    """
    for k in range(queue.shape[1]):
        if k < TOGETHER:
            word = tokens[min(t + k, len(tokens) - 1)]
        else:
            state += GOLDEN
            bits = _random(state)
            column = _below(bits, len(threshold))
            height = np.float32(bits & np.uint64(0xFFFFFF)) * np.float32(2.0**-24)
            other = np.int64(alias[column])  # read at any rate: a mistaken branch costs more
            word = np.int64(column) if height < threshold[column] else other
        queue[place, k], queue_pace[place, k] = _row(word, slot, base, dim), pace[word]
    return state


@njit
def _centers_of(t, first, last, radius, border):
    """Give the range of centers whose window holds place t of the document [first, last).

    t lies in the range where it is a center itself.
    """
    if border == DROP:
        return max(t - radius, first + radius), min(t + radius, last - radius - 1)
    if border == PAD:
        return max(t - radius, first), min(t + radius, last - 1)
    if last - first <= 2 * radius:
        return t, t - 1  # too short for a window
    low = first if t - first <= 2 * radius else t - radius  # windows pushed off the start
    high = last - 1 if last - 1 - t <= 2 * radius else t + radius  # and off the end
    return low, high


@njit
def _holds(center, t, first, last, radius, border):
    """Say whether the window of a center, at the radius drawn for it, holds place t."""
    start = center - radius
    if border == SHIFT:
        start = min(max(start, first), last - (2 * radius + 1))
    return start <= t <= start + 2 * radius


@njit
def _list_pairs(
    words, counts, block, t, until, low, high, tokens, first, last, border, pad_id,
    radius, varied, radii, size, n_contexts,
):  # fmt: skip
    """List the words that meet one of the contexts [t, until) of a block, and how often each pair.

    A word meets a negative as often as it meets a positive context. Returns the number of words,
    of positive pairs, and of centers.
    """
    n_words, n_pairs, n_centers = 0, 0, 0
    for c in range(t, until):
        c_low, c_high = _centers_of(c, first, last, radius, border)
        n_centers += c_low <= c <= c_high
    for i in range(low, high + 1):
        pairs = counts[n_words * n_contexts : (n_words + 1) * n_contexts]
        pairs[:] = 0
        for c in range(t, until):
            c_low, c_high = _centers_of(c, first, last, radius, border)
            held = c_low <= i <= c_high and i != c and (border != PAD or tokens[c] != pad_id)
            if held and varied:
                held = _holds(i, c, first, last, np.int64(radii[i]), border)
            pairs[c - block] = held
        n = pairs[:TOGETHER].sum()
        pairs[TOGETHER:] = n
        words[n_words] = i & (size - 1)
        n_words += n > 0
        n_pairs += int(n)
    counts[n_words * n_contexts : n_words * n_contexts + LANES] = 0
    return n_words, n_pairs, n_centers


@njit
def _aligned(n_rows, dim):
    """Make an array of floats that starts where a register's worth of memory does."""
    flat = np.empty(n_rows * dim + LANES, np.float32)
    skip = (-(flat.ctypes.data // 4)) % LANES
    return flat[skip : skip + n_rows * dim].reshape(n_rows, dim)


@lru_cache
def _compiled(dim: int, ratio: int) -> Callable:
    """Compile the walk through the text for one d and K; numba keeps the code on disk."""
    n_contexts = TOGETHER + ratio

    @njit(nogil=True, cache=True)
    def train_tokens(
        center, context, tokens, offsets, start, stop, threshold, alias, hot, pace, border, pad_id,
        radius, varied, radii, shared, rate, fall, lowest, seed,
    ):  # fmt: skip
        longest = (4 if border == SHIFT else 2) * radius + TOGETHER  # so many windows hold a place
        size = 2 ** int(np.ceil(np.log2(longest)))  # of two, so that i & (size - 1) is i % size
        window, entered, left = _aligned(size, 2 * dim), 0, 0
        hot_centers, hot_contexts = _aligned(len(hot), 2 * dim), _aligned(len(hot), 2 * dim)
        center_base = (hot_centers.ctypes.data - center.ctypes.data) // 4
        context_base = (hot_contexts.ctypes.data - context.ctypes.data) // 4
        slot = np.full(len(context), -1, np.int8)
        for i in range(len(hot)):
            slot[hot[i]] = i
            _enter(center, hot[i] * dim, hot_centers, i, hot[i] * dim, dim)
            _enter(context, hot[i] * dim, hot_contexts, i, hot[i] * dim, dim)
        words, word_pace = np.empty(longest, np.int64), np.empty(size, np.float32)
        n_lanes = longest * n_contexts + LANES
        counts, slopes = np.zeros(n_lanes, np.float32), np.zeros(n_lanes, np.float32)
        labels = np.where(np.arange(n_lanes) % n_contexts < TOGETHER, 1, -1).astype(np.float32)
        alone = np.zeros(n_contexts + LANES, np.float32)
        queue = np.empty((AHEAD + 1, n_contexts), np.int64)
        queue_pace = np.empty((AHEAD + 1, n_contexts), np.float32)
        state = np.uint64(seed) + GOLDEN * np.uint64(start * (4 * radius * ratio + ratio + 1))
        end = len(tokens) - 1
        for i in range(AHEAD):
            state = _draw_contexts(
                queue, queue_pace, i, tokens, start + i * TOGETHER, state, threshold, alias,
                slot, context_base, pace, dim,
            )  # fmt: skip
        now, inside = 0, False
        n_words, n_positive, n_inside = 0, 0, 0
        total, n_pairs, n_centers = 0.0, 0, 0
        document = np.searchsorted(offsets, start, side="right") - 1
        for block in range(start, stop, TOGETHER):
            later = (now + AHEAD) % (AHEAD + 1)
            state = _draw_contexts(
                queue, queue_pace, later, tokens, block + AHEAD * TOGETHER, state, threshold,
                alias, slot, context_base, pace, dim,
            )  # fmt: skip
            step = np.float32(max(lowest, rate - fall * (block - start)))
            t = block
            while t < min(block + TOGETHER, stop):  # twice where a document ends
                while t >= offsets[document + 1]:
                    document += 1
                first, last = offsets[document], offsets[document + 1]
                until = min(block + TOGETHER, stop, last)
                low, _ = _centers_of(t, first, last, radius, border)
                _, high = _centers_of(until - 1, first, last, radius, border)
                while left < min(low, entered):
                    row = _row(tokens[left], slot, center_base, dim)
                    coming = _row(tokens[min(left + TOGETHER, end)], slot, center_base, dim)
                    _leave(center, row, window, left & (size - 1), coming, dim)
                    left += 1
                left, entered = max(left, low), max(entered, low)
                while entered <= high:
                    row = _row(tokens[entered], slot, center_base, dim)
                    coming = tokens[min(entered + AHEAD * TOGETHER, end)]
                    coming = _row(coming, slot, center_base, dim)
                    _enter(center, row, window, entered & (size - 1), coming, dim)
                    word_pace[entered & (size - 1)] = pace[tokens[entered]]
                    entered += 1

                was_inside = inside
                inside = until - t == TOGETHER and not varied and border != PAD
                inside &= t - first > 2 * radius and last - until > 2 * radius
                if inside and was_inside:  # the same pairs as before, moved on
                    for i in range(n_words):
                        words[i] = (low + i) & (size - 1)
                else:
                    n_words, n_positive, n_inside = _list_pairs(
                        words, counts, block, t, until, low, high, tokens, first, last, border,
                        pad_id, radius, varied, radii, size, n_contexts,
                    )  # fmt: skip
                n_pairs += n_positive * (ratio + 1)
                n_centers += n_inside
                t = until

                if shared:
                    total += _train_pairs(
                        window, words, word_pace, n_words, context, queue, queue_pace,
                        now, later, labels, counts, slopes, step, dim, n_contexts,
                    )  # fmt: skip
                    continue
                for pair in range(n_words * n_contexts):
                    i, k = divmod(pair, n_contexts)
                    if k < TOGETHER and counts[pair] > 0:
                        state = _draw_contexts(
                            queue, queue_pace, now, tokens, block, state, threshold, alias,
                            slot, context_base, pace, dim,
                        )  # fmt: skip
                        alone[:TOGETHER] = 0
                        alone[k], alone[TOGETHER:n_contexts] = 1, 1
                        total += _train_pairs(
                            window, words[i:], word_pace, 1, context, queue, queue_pace,
                            now, later, labels, alone, slopes, step, dim, n_contexts,
                        )  # fmt: skip
            now = (now + 1) % (AHEAD + 1)
            if (block - start) % EXCHANGE == 0:
                _exchange(center, hot, hot_centers, dim)
                _exchange(context, hot, hot_contexts, dim)
        for i in range(left, entered):
            row = _row(tokens[i], slot, center_base, dim)
            _leave(center, row, window, i & (size - 1), row, dim)
        _exchange(center, hot, hot_centers, dim)
        _exchange(context, hot, hot_contexts, dim)
        return total, n_pairs, n_centers

    return train_tokens
