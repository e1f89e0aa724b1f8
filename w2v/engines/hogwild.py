# pyright: reportCallIssue=false
# numba itself passes the first argument of a function that `intrinsic` decorates.
"""One epoch in compiled code: up to 4 threads, no locks, the tables updated in place (Q3.13).

The orientation is that of word2vec.c. A step visits one context c of the text, with all the words
w whose window holds it. Those 2R words share the K negatives of c, so a step is three products of
small matrices. The pairs (w, c) of an epoch are those that `WindowDataset` serves. Sharing the
negatives leaves the expectation of loss and gradient unchanged, because negatives have the same
distribution for every pair.

A thread copies the rows of the words in its window, and adds their changes to the table when they
leave the window. Otherwise the threads would all write the rows of "the" and "of" at each step,
and wait for each other's caches most of the time. For the same reason a thread has copies of the
context rows of the most frequent words, and exchanges their changes every few hundred steps.
"""

import math
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

from w2v.batches import NoiseDistribution
from w2v.config import BORDERS, LOWEST_RATE, Word2VecConfig, learning_rate_at
from w2v.model import Word2Vec
from w2v.windows import WindowDataset

try:
    from numba import njit, types
    from numba.core import cgutils
    from numba.extending import intrinsic
except ImportError as error:
    raise ImportError(
        'engine "hogwild" needs numba, which is not installed; pip install "w2v[fast]"'
    ) from error

from w2v.engines import Report, lanes, uncollected
from w2v.engines.lanes import (
    FIRST,
    INDEX,
    LANES,
    REGISTERS,
    Kept,
    Lanes,
    Rows,
    constants,
    exp,
    load,
    log,
    pieces,
    prefetch,
    spread,
    store,
    sums,
)

DROP, SHIFT, PAD = range(len(BORDERS))
GOLDEN = np.uint64(0x9E3779B97F4A7C15)  # from one state of the random numbers to the next
HOT, EXCHANGE = 64, 256  # context rows a thread copies, and the steps between two exchanges
LINE = 16  # floats in the 64 bytes that memory hands out at once
AHEAD = 2  # steps between the draw of a negative and its use, so that its row has arrived
# More threads learn worse, since each steps from copies that the others have changed meanwhile: the
# held-out loss is 2.375 with 2 threads, 2.377 with 4, 2.387 with 6; with 8 it is not finite.
MOST_THREADS = 4
CHUNK_FLOPS = 5e8  # 10 to 20 ms of work: how long Ctrl-C waits
_part = njit(no_cpython_wrapper=True, no_cfunc_wrapper=True)  # compiled into another function


class HogwildEngine:
    """Train in compiled code, with as many threads as `torch.get_num_threads()` says, up to 4.

    With one thread the same generator gives the same tables, bit for bit.

    Args:
        model: the model; its two tables, float32 on the CPU, are updated in place.
        config: gives R, K, the border rule, the learning rate, whether it falls over how many
            epochs, and whether to share negatives.
        noise: the distribution of the negatives.

    Raises:
        ValueError: tables that are not float32 on the CPU.

    Source: assignment eq. (1) and Q3.13; Recht et al. 2011; Mikolov et al. 2013b.
    """

    def __init__(self, model: Word2Vec, config: Word2VecConfig, noise: NoiseDistribution) -> None:
        self.model, self.config, self.noise = model, config, noise
        for embeddings in (model.center_embeddings, model.context_embeddings):
            _table(embeddings)  # refuses what the compiled code cannot read

    def state_dict(self) -> list[dict[str, Any]]:
        """Give nothing: plain SGD keeps nothing from one step to the next."""
        return []

    def load_state_dict(self, state: list[dict[str, Any]]) -> None:
        """Go on from nothing; see `Engine`."""

    def train_epoch(
        self, windows: WindowDataset, epoch: int, generator: torch.Generator, report: Report
    ) -> float:
        """Train on every pair of the text once, in text order; see `Engine`."""
        config, noise = self.config, self.noise
        center, context = map(_table, (self.model.center_embeddings, self.model.context_embeddings))
        seed = int(torch.randint(2**62, (), generator=generator))
        n_tokens = len(windows.tokens)
        fall = config.decay * config.learning_rate / config.epochs / n_tokens  # for each token
        train_tokens = _compiled(center.shape[1], config.ratio)
        corpus = windows.tokens.numpy(), windows.offsets.numpy()
        heights = np.ceil(noise.threshold.numpy() * 2.0**24).astype(np.int64)  # (V,)
        columns = (heights << 32) | noise.alias.numpy()  # (V,): one read gives both
        hot = windows.counts(len(center)).argsort(descending=True)[:HOT].numpy()  # (HOT,)
        slot = np.full(len(context), -1, np.int8)  # of a context row: its place among the copies
        slot[hot] = np.arange(len(hot))
        border = BORDERS.index(config.border), windows.pad_id
        varied = windows.radii
        radii = np.empty(0, np.uint8) if varied is None else varied.numpy()
        options = config.radius, varied is not None, radii, config.shared_negatives

        def train(start: int) -> tuple[float, int, int]:
            stop = min(start + chunk, n_tokens)
            rate = learning_rate_at(config, epoch, start / n_tokens)
            rates = rate, fall, config.learning_rate * LOWEST_RATE
            document = int(torch.searchsorted(windows.offsets, start, right=True)) - 1
            place = document, start, stop
            memory = _memory(center.shape[1], config.ratio, config.radius, len(hot))
            return train_tokens(
                center, context, *corpus, *place, columns, hot, slot, *memory, *border, *options,
                *rates, seed,
            )  # fmt: skip

        chunk = max(256, int(CHUNK_FLOPS / (12 * config.radius * (config.ratio + 1) * config.dim)))
        with uncollected():
            train(n_tokens)  # no word is left: this compiles, or finds the code on disk
        total, n_pairs = 0.0, 0
        with ThreadPoolExecutor(min(torch.get_num_threads(), MOST_THREADS)) as pool:
            jobs = [pool.submit(train, start) for start in range(0, n_tokens, chunk)]
            try:
                for i, job in enumerate(jobs):
                    loss, pairs, n_words = job.result()
                    if not math.isfinite(loss):
                        raise FloatingPointError(
                            f"loss must be finite, got {loss} at word {i * chunk}"
                        )
                    total, n_pairs = total + loss, n_pairs + pairs
                    report(n_words, loss / max(pairs, 1))
            finally:  # on Ctrl-C too: what has not begun does not begin
                pool.shutdown(wait=False, cancel_futures=True)
        return total / max(n_pairs, 1)


def _table(embeddings: torch.nn.Embedding) -> np.ndarray:
    """Give the memory of a table as an array, not a copy."""
    weight = embeddings.weight.detach()
    if weight.device.type != "cpu" or weight.dtype != torch.float32 or not weight.is_contiguous():
        raise ValueError(
            "model must hold contiguous float32 tables on the CPU, "
            f"got {weight.dtype} on {weight.device}; move it with model.float().cpu()"
        )
    return weight.numpy()


@intrinsic(prefer_literal=True)
def _train_pairs(
    _, window, context, words, queue, scratch, first, n_words, now, later, rate, dim, ratio
):
    """Make one step of n words w with K + 1 contexts c: the first positive, the rest negative.

    With y = 1 for the positive context and -1 for a negative one, equation (1) is the sum of
    -log sigma(z) with z = y c . w. Its derivative by c . w is -y sigma(-z); so a step adds
    rate y sigma(-z) c to w, and rate y sigma(-z) w to c. Returns the loss before the step.

    The words lie at `words[first : first + n_words]` of the window, the contexts at `queue[now]`.
    Meanwhile `queue[later]` is fetched, since memory takes longer than a step. `scratch` holds the
    slopes, and behind them what `_write_columns` keeps.
    """

    def write(numba_context, builder, signature, arguments):
        arrays = (
            numba_context.make_array(kind)(numba_context, builder, argument).data
            for kind, argument in zip(signature.args[:5], arguments[:5], strict=True)
        )
        window, context, words, queue, scratch = arrays
        first, n_words, now, later, rate = arguments[5:10]
        d, n_contexts = dim.literal_value, ratio.literal_value + 1
        rows = Rows(builder, window, builder.gep(words, [first]), d, apart=1)
        queued = Rows(builder, queue, None, n_contexts)
        contexts, coming = (
            Rows(builder, context, queued.address(place), d, apart=1) for place in (now, later)
        )
        slopes = Rows(builder, scratch, None, n_contexts)
        _write_logits(rows, contexts, slopes, n_words)
        loss = _write_slopes(slopes, spread(builder, rate), n_words)
        _write_update(rows, contexts, coming, slopes, n_words)
        return loss.total()

    kinds = window, context, words, queue, scratch, first, n_words, now, later, rate
    return types.float64(*kinds, dim, ratio), write


def _group(n_contexts: int) -> tuple[int, int]:
    """Give how many contexts, and registers of columns, a loop updates without memory."""
    at_once = 2 if REGISTERS == 32 and n_contexts <= 6 else 1
    return min(n_contexts, (REGISTERS // at_once - 3) // 2), at_once


def _write_logits(words: Rows, contexts: Rows, logits: Rows, n_words) -> None:
    """Write c . w for all pairs to `logits`, as many at a time as the registers hold."""
    builder, n_contexts = words.builder, logits.dim
    for group, n in pieces(builder, n_contexts, _group(n_contexts)[0]):
        columns = contexts.addresses(group, n)
        size, first = min(4, (REGISTERS - 1) // (n + 1)), FIRST
        while size:  # the words that are left come in smaller tiles
            left = builder.srem(builder.sub(n_words, first), INDEX(size))
            last = builder.sub(n_words, left)
            with cgutils.for_range_slice(builder, first, last, INDEX(size), INDEX) as (i, _):
                dots = _write_dots(builder, words.addresses(i, size), columns, words.dim)
                for place, row in zip(logits.addresses(i, size, group), dots, strict=True):
                    for lane in range(0, n, LANES):
                        store(sums(row[lane : lane + LANES]), place, lane, n)
            size, first = size // 2, last


def _write_dots(builder, words: list, contexts: list, dim: int) -> list[list[Lanes]]:
    """Write c . w of some words with some contexts; each is still to be summed over its lanes."""
    dots = [[Kept(builder) for _ in contexts] for _ in words]
    for start, width in pieces(builder, dim, LANES):
        w = [load(builder, builder.gep(address, [start]), 0, width) for address in words]
        for k, address in enumerate(contexts):
            c = load(builder, builder.gep(address, [start]), 0, width)
            for i in range(len(words)):
                dots[i][k].add(w[i] * c)
    return [[dot.lanes() for dot in row] for row in dots]


def _write_slopes(slopes: Rows, rate: Lanes, n_words) -> Lanes:
    """Turn the logits in `slopes` into rate y sigma(-z), and give the losses -log sigma(z).

    These are max(-z, 0) + log(1 + e), where e is exp(-|z|). The logarithm is taken of a product of
    64 factors, each at most 2.
    """
    builder, n_contexts = slopes.builder, slopes.dim
    n = builder.mul(n_words, INDEX(n_contexts))
    signs = [1.0 if i % n_contexts == 0 else -1.0 for i in range(n_contexts * LANES)]
    labels = constants(builder, signs)
    # behind the last pair z is so large that the loss is 0
    store(Lanes(builder, [88 * y for y in signs[:LANES]]), slopes.address(n_words), 0, LANES)
    loss, size = Kept(builder), INDEX(64 * LANES)
    with cgutils.for_range_slice(builder, INDEX(0), n, size, INDEX) as (first, _):
        product, last = Kept(builder, 1.0), builder.add(first, size)
        last = builder.select(builder.icmp_signed("<", last, n), last, n)
        with cgutils.for_range_slice(builder, first, last, INDEX(LANES), INDEX) as (i, _):
            place = builder.gep(slopes.table, [i])
            label = builder.gep(labels, [builder.urem(i, INDEX(len(signs)))])
            y = load(builder, label, 0, LANES)
            z = load(builder, place, 0, LANES) * y
            e = exp(abs(z) * -1.0)  # at most 1, so that nothing overflows
            loss.add(z.at_least(0.0, 0.0, z * -1.0))
            product.set(product.lanes() * (e + 1.0))
            slope = z.at_least(0.0, e, 1.0) / (e + 1.0)  # sigma(-z)
            store(slope * y * rate, place, 0, LANES)
        loss.add(log(product.lanes()))
    return loss.lanes()


def _write_update(words: Rows, contexts: Rows, coming: Rows, slopes: Rows, n_words) -> None:
    """Write the step: add the sum of g c to each w, and that of g w to each c."""
    builder, (size, n_registers) = words.builder, _group(slopes.dim)
    at_once = n_registers * LANES
    found = contexts.addresses(FIRST, size) if size == slopes.dim else []  # found once a step
    for start, width in pieces(builder, words.dim, max(LINE, at_once)):
        with cgutils.for_range(builder, INDEX(slopes.dim), intp=INDEX) as loop:
            prefetch(builder, coming.address(loop.index, start), 0, width)
        for lane in range(0, width, at_once):
            column = builder.add(start, INDEX(lane))
            n = min(at_once, width - lane)
            _write_columns(words, contexts, found, slopes, n_words, column, n)


def _write_columns(
    words: Rows, contexts: Rows, found: list, slopes: Rows, n_words, column, width: int
) -> None:
    """Write the step in some columns of all rows; `found` says where contexts in one group start.

    Contexts that do not fit the registers together come in groups. All read the rows as they were
    before the step; until the last has done so, changed words and gains of contexts lie behind
    the slopes.
    """
    builder, n_contexts, starts = words.builder, slopes.dim, range(0, width, LANES)
    size, at_once = _group(n_contexts)
    behind = builder.gep(slopes.address(n_words), [INDEX(LANES)])
    gained = Rows(builder, behind, None, at_once * LANES)
    changed = Rows(builder, gained.address(INDEX(n_contexts)), None, at_once * LANES)
    grouped = size < n_contexts

    def read(address) -> list[Lanes]:
        return [load(builder, address, start, width) for start in starts]

    def write(lanes: list[Lanes], address) -> None:
        for part, start in zip(lanes, starts, strict=True):
            store(part, address, start, width)

    def add_gains(gains: list[Lanes], row) -> None:  # two of the negatives may be the same word
        address = builder.gep(row, [column])
        write([old + gain for old, gain in zip(read(address), gains, strict=True)], address)

    if grouped:
        with cgutils.for_range(builder, n_words, intp=INDEX) as loop:
            write(read(words.address(loop.index, column)), changed.address(loop.index))
    for group, n in pieces(builder, n_contexts, size):
        places = [builder.add(group, INDEX(k)) for k in range(n)]
        rows = found or contexts.addresses(group, n)
        c = [read(builder.gep(row, [column])) for row in rows]
        gains = [[Kept(builder) for _ in starts] for _ in places]
        with cgutils.for_range(builder, n_words, intp=INDEX) as loop:
            row = words.address(loop.index, column)
            target = changed.address(loop.index) if grouped else row
            w = read(row)
            stepped = read(target) if grouped else list(w)
            for k, place in enumerate(places):
                g = slopes.number(loop.index, place)
                for i in range(len(starts)):
                    stepped[i] += g * c[k][i]
                    gains[k][i].add(g * w[i])
            write(stepped, target)
        for place, row, parts in zip(places, rows, gains, strict=True):
            total = [gain.lanes() for gain in parts]
            write(total, gained.address(place)) if grouped else add_gains(total, row)
    if grouped:
        with cgutils.for_range(builder, n_words, intp=INDEX) as loop:
            write(read(changed.address(loop.index)), words.address(loop.index, column))
        with cgutils.for_range(builder, INDEX(n_contexts), intp=INDEX) as loop:
            add_gains(read(gained.address(loop.index)), contexts.address(loop.index))


@intrinsic(prefer_literal=True)
def _enter(_, center, word, window, place, next_word, dim):
    """Copy a row of the center table into the window twice: one to update, one to compare with."""

    def write(numba_context, builder, signature, arguments):
        row, copy, memory = _window_rows(numba_context, builder, signature, arguments)
        for start, width in pieces(builder, dim.literal_value, LANES):
            w = load(builder, builder.gep(row, [start]), 0, width)
            store(w, builder.gep(copy, [start]), 0, width)
            store(w, builder.gep(memory, [start]), 0, width)
        return numba_context.get_dummy_value()

    return types.void(center, types.int64, window, types.int64, types.int64, dim), write


@intrinsic(prefer_literal=True)
def _leave(_, center, word, window, place, next_word, dim):
    """Add the change of a row in the window to the center table."""

    def write(numba_context, builder, signature, arguments):
        places = _window_rows(numba_context, builder, signature, arguments)
        for start, width in pieces(builder, dim.literal_value, LANES):
            row, copy, memory = (builder.gep(place, [start]) for place in places)
            w, now, before = (load(builder, place, 0, width) for place in (row, copy, memory))
            store(w + (now - before), row, 0, width)
        return numba_context.get_dummy_value()

    return types.void(center, types.int64, window, types.int64, types.int64, dim), write


def _window_rows(numba_context, builder, signature, arguments) -> tuple:
    """Give the addresses of a row and its two copies, and fetch the row that comes next."""
    center, window = (
        numba_context.make_array(signature.args[i])(numba_context, builder, arguments[i]).data
        for i in (0, 2)
    )
    dim = signature.args[5].literal_value
    table = Rows(builder, center, None, dim)
    copy = Rows(builder, window, None, dim, apart=2 * dim + LINE).address(arguments[3])
    prefetch(builder, table.address(arguments[4]), 0, dim)
    return table.address(arguments[1]), copy, builder.gep(copy, [INDEX(dim)])


@_part
def _random(state):
    """Turn a counter into 64 random bits (splitmix64, Steele et al. 2014)."""
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return state ^ (state >> np.uint64(31))


@_part
def _draw_contexts(queue, place, positive, state, columns, slot, apart, base, dim):
    """Queue where the rows lie of a positive context and K negatives, in floats from the table.

    A row with a copy is taken there. Negatives are drawn as `NoiseDistribution.sample` does.
    """
    for k in range(queue.shape[1]):
        word = np.int64(positive)
        if k > 0:
            state += GOLDEN
            bits = _random(state)
            column = np.int64(((bits >> np.uint64(32)) * np.uint64(len(columns))) >> np.uint64(32))
            held, height = columns[column], np.int64(bits & np.uint64(0xFFFFFF))
            word = column if height < held >> 32 else held & 0xFFFFFFFF
        copied, shared = base + slot[word] * apart, word * dim
        queue[place, k] = shared if slot[word] < 0 else copied
    return state


@_part
def _centers_of(t, first, last, radius, border):
    """Find the range of centers whose window holds place t of the document [first, last).

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


@_part
def _holds(center, t, first, last, radius, border):
    """Say whether the window of a center, at the radius drawn for it, holds place t."""
    start = center - radius
    if border == SHIFT:
        start = min(max(start, first), last - (2 * radius + 1))
    return (start <= t) & (t <= start + 2 * radius)  # `and` would branch at random


def _memory(dim: int, ratio: int, radius: int, n_hot: int) -> tuple[np.ndarray, ...]:
    """Make what a thread writes beside the tables: `words`, `queue`, `scratch` and rows copied."""
    most = 4 * radius  # words of a step: under "shift" up to 4R windows hold one place
    n_rows = 1 << most.bit_length()  # a power of two, so that i & (n_rows - 1) is i % n_rows
    n_scratch = most * (ratio + 1) + LANES + (most + ratio + 1) * 2 * LANES
    flat = np.empty((n_rows + n_hot) * (2 * dim + LINE) + LINE, np.float32)
    first = -(flat.ctypes.data // 4) % LINE  # so that rows start where a line of memory does
    rows = flat[first : len(flat) - LINE + first].reshape(-1, 2 * dim + LINE)
    queue = np.empty((AHEAD + 1, ratio + 1), np.int64)
    return (
        np.empty(most + 1, np.int64), queue, np.empty(n_scratch, np.float32),
        rows[:n_rows], rows[n_rows:],
    )  # fmt: skip


@lru_cache
def _compiled(dim: int, ratio: int) -> Callable:
    """Compile the walk through the text for one d and K; numba keeps the code on disk."""
    apart = 2 * dim + LINE  # between two rows of the window: the same column in another cache set
    written = LANES, zlib.crc32(Path(lanes.__file__).read_bytes())

    @njit(nogil=True, cache=True)
    def train_tokens(
        center, context, tokens, offsets, document, start, stop, columns, hot, slot,
        words, queue, scratch, window, private, border, pad_id, radius, varied, radii, shared,
        rate, fall, lowest, seed,
    ):  # fmt: skip
        _ = written  # numba finds code by this file's date and by what it closes over
        entered, left, size = 0, 0, len(window)
        base = (private.ctypes.data - context.ctypes.data) // 4
        for i in range(len(hot)):
            _enter(context, hot[i], private, i, hot[i], dim)
        state = np.uint64(seed) + GOLDEN * np.uint64(start * (4 * radius * ratio + ratio + 1))
        end = len(tokens) - 1
        total, n_pairs, n_centers = 0.0, 0, 0
        for t in range(start - AHEAD, stop):
            now, later = t % (AHEAD + 1), (t + AHEAD) % (AHEAD + 1)
            positive = tokens[min(t + AHEAD, end)]
            state = _draw_contexts(queue, later, positive, state, columns, slot, apart, base, dim)
            if t < start:
                continue
            while t >= offsets[document + 1]:
                document += 1
            first, last = offsets[document], offsets[document + 1]
            low, high = _centers_of(t, first, last, radius, border)
            n_centers += low <= t <= high
            while left < min(low, entered):
                _leave(center, tokens[left], window, left & (size - 1), tokens[left + 1], dim)
                left += 1
            left, entered = max(left, low), max(entered, low)
            while entered <= high:
                coming = tokens[min(entered + AHEAD, end)]
                _enter(center, tokens[entered], window, entered & (size - 1), coming, dim)
                entered += 1
            n_words = 0
            for i in range(low, high + 1):
                words[n_words] = (i & (size - 1)) * apart
                held = not varied or _holds(i, t, first, last, np.int64(radii[i]), border)
                n_words += held & (i != t)
            if border == PAD and tokens[t] == pad_id:
                n_words = 0
            step = np.float32(max(lowest, rate - fall * (t - start)))
            group = n_words if shared else 1
            i = 0
            while i < n_words:
                if not shared:
                    state = _draw_contexts(
                        queue, now, tokens[t], state, columns, slot, apart, base, dim
                    )
                total += _train_pairs(
                    window, context, words, queue, scratch, i, group, now, later, step,
                    dim, ratio,
                )  # fmt: skip
                i += group
            n_pairs += n_words * (ratio + 1)
            if (t - start) % EXCHANGE == 0:
                for i in range(len(hot)):
                    _leave(context, hot[i], private, i, hot[(i + 1) % len(hot)], dim)
                    _enter(context, hot[i], private, i, hot[i], dim)
        for i in range(len(hot)):
            _leave(context, hot[i], private, i, hot[i], dim)
        for i in range(left, entered):
            _leave(center, tokens[i], window, i & (size - 1), tokens[i], dim)
        return total, n_pairs, n_centers

    return train_tokens
