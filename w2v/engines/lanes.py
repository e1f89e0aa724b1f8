"""Generate machine code that works on several floats at once, with the operators of numbers.

numba compiles loops well, but does not keep many partial sums in registers. So the inner part of
`hogwild` is generated here, instruction by instruction. Each `Lanes` is one vector register of the
generated code, and `a * b + c` generates one fused multiply-add. A plain numba kernel of 55 lines
was 3.0 to 3.8 times slower at equal loss.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import cgutils
from numba.core.registry import cpu_target


def registers(target: str, features: str) -> tuple[str, int, int]:
    """Say which vector registers a processor has.

    Args:
        target: the kind of processor, such as "x86_64-unknown-linux-gnu".
        features: what it can do, such as "+avx,+avx2,-avx512f".

    Returns:
        The name of the instructions, how many floats a register holds, how many registers there
        are.
    """
    if target.startswith(("aarch64", "arm64")):
        return "NEON", 4, 32
    has = features.split(",")
    for name, feature, n_lanes, n_registers in (
        ("AVX-512", "+avx512f", 16, 32),
        ("AVX2", "+avx2", 8, 16),
        ("AVX", "+avx", 8, 16),
    ):
        if feature in has:
            return name, n_lanes, n_registers
    return "SSE", 4, 16


_context: Any = cpu_target.target_context
_target, _, _features = _context.codegen().magic_tuple()  # what numba writes for
INSTRUCTIONS, LANES, REGISTERS = registers(_target, _features)
FLOAT, INDEX = ir.FloatType(), ir.IntType(64)
Value = Any  # a value of the generated code; the annotations of llvmlite are incomplete
FIRST = INDEX(0)
VECTOR, INTEGERS = ir.VectorType(FLOAT, LANES), ir.VectorType(ir.IntType(32), LANES)


class Lanes:
    """Represent LANES floats in one register; plain numbers are constants.

    Args:
        builder: llvmlite's writer of instructions.
        value: the register: an LLVM value, or a constant (a number, or LANES of them).

    Source: LLVM language reference, vector types.
    """

    def __init__(self, builder: ir.IRBuilder, value: Any) -> None:
        if isinstance(value, (int, float)):
            value = [value] * LANES
        if isinstance(value, list):
            value = ir.Constant(VECTOR, [float(number) for number in value])
        self.builder, self.value = builder, value

    def _apply(self, instruction: str, other: "Lanes | float") -> "Lanes":
        other = other if isinstance(other, Lanes) else Lanes(self.builder, other)
        write = getattr(self.builder, instruction)
        return Lanes(self.builder, write(self.value, other.value, flags=("fast",)))

    def __add__(self, other: "Lanes | float") -> "Lanes":
        return self._apply("fadd", other)

    def __sub__(self, other: "Lanes | float") -> "Lanes":
        return self._apply("fsub", other)

    def __mul__(self, other: "Lanes | float") -> "Lanes":
        return self._apply("fmul", other)

    def __truediv__(self, other: "Lanes | float") -> "Lanes":
        return self._apply("fdiv", other)

    def __abs__(self) -> "Lanes":
        return self._call("llvm.fabs")

    def floor(self) -> "Lanes":
        """Round each float down."""
        return self._call("llvm.floor")

    def _call(self, name: str) -> "Lanes":
        kind = ir.FunctionType(VECTOR, [VECTOR])
        function = cgutils.get_or_insert_function(self.builder.module, kind, f"{name}.v{LANES}f32")
        return Lanes(self.builder, self.builder.call(function, [self.value]))

    def at_least(self, bound: float, then: "Lanes | float", otherwise: "Lanes | float") -> "Lanes":
        """Select `then` where this is `bound` or more, and `otherwise` elsewhere.

        Args:
            bound: what each float is compared with.
            then: taken where the float is `bound` or more.
            otherwise: taken where it is less.
        """
        limit, then, otherwise = (
            x if isinstance(x, Lanes) else Lanes(self.builder, x) for x in (bound, then, otherwise)
        )
        test = self.builder.fcmp_ordered(">=", self.value, limit.value)
        return Lanes(self.builder, self.builder.select(test, then.value, otherwise.value))

    def total(self) -> Value:
        """Add all floats up, to one double."""
        kind = ir.FunctionType(FLOAT, [FLOAT, VECTOR])
        function = cgutils.get_or_insert_function(
            self.builder.module, kind, f"llvm.vector.reduce.fadd.v{LANES}f32"
        )
        zero = ir.Constant(FLOAT, 0.0)
        total = self.builder.call(function, [zero, self.value], fastmath=("fast",))
        return self.builder.fpext(total, ir.DoubleType())


def spread(builder: ir.IRBuilder, number: Value) -> Lanes:
    """Put one float into every lane.

    Args:
        builder: llvmlite's writer of instructions.
        number: the float.

    Source: LLVM language reference, shufflevector.
    """
    first = builder.insert_element(ir.Constant(VECTOR, ir.Undefined), number, INDEX(0))
    return Lanes(builder, builder.shuffle_vector(first, first, ir.Constant(INTEGERS, [0] * LANES)))


def constants(builder: ir.IRBuilder, numbers: list[float]) -> Value:
    """Keep numbers beside the generated code, and give the address of the first.

    Args:
        builder: llvmlite's writer of instructions.
        numbers: the numbers.
    """
    array = ir.Constant(ir.ArrayType(FLOAT, len(numbers)), numbers)
    kept = cgutils.global_constant(builder, "constants", array)
    return builder.bitcast(kept, FLOAT.as_pointer())


class Kept:
    """Keep lanes over the iterations of a loop in the generated code.

    Args:
        builder: llvmlite's writer of instructions.
        start: what every lane holds before the loop.
    """

    def __init__(self, builder: ir.IRBuilder, start: float = 0.0) -> None:
        self.builder = builder
        self.place = cgutils.alloca_once(builder, VECTOR)
        self.set(Lanes(builder, start))

    def lanes(self) -> Lanes:
        """Give what is kept."""
        return Lanes(self.builder, self.builder.load(self.place))

    def set(self, lanes: Lanes) -> None:
        """Keep something else.

        Args:
            lanes: what is kept from now on.
        """
        self.builder.store(lanes.value, self.place)

    def add(self, lanes: Lanes) -> None:
        """Add to what is kept.

        Args:
            lanes: what is added.
        """
        self.set(self.lanes() + lanes)


def pieces(builder: ir.IRBuilder, n: int, size: int) -> Iterator[tuple[Value, int]]:
    """Cut n things into pieces: a loop of the generated code over whole ones, then the rest.

    Args:
        builder: llvmlite's writer of instructions.
        n: how many things.
        size: how many a piece holds.

    Yields:
        Where a piece starts, and how many things it holds. What is written meanwhile is the body
        of the loop, and then once more what follows it.
    """
    whole = n - n % size
    if whole:
        with cgutils.for_range_slice(builder, INDEX(0), INDEX(whole), INDEX(size), INDEX) as (
            start,
            _,
        ):
            yield start, size
    if n % size:
        yield INDEX(whole), n % size


class Rows:
    """Address the rows of a table in the generated code.

    Args:
        builder: llvmlite's writer of instructions.
        table: address of the table, float32.
        ids: address of the row numbers, int64; None where row i is number i itself.
        dim: floats in a row.
        apart: floats from the start of a row to that of the next; None for dim.
    """

    def __init__(
        self,
        builder: ir.IRBuilder,
        table: Value,
        ids: Value | None,
        dim: int,
        apart: int | None = None,
    ) -> None:
        self.builder, self.table, self.ids, self.dim = builder, table, ids, dim
        self.apart = apart or dim

    def address(self, i: Value, column: Value = FIRST) -> Value:
        """Give where the i-th row starts, or one column of it.

        Args:
            i: number of the row.
            column: the column.
        """
        if self.ids is not None:
            i = self.builder.load(self.builder.gep(self.ids, [i]))
        place = self.builder.add(self.builder.mul(i, INDEX(self.apart)), column)
        return self.builder.gep(self.table, [place])

    def addresses(self, first: Value, n_rows: int, column: Value = FIRST) -> list[Value]:
        """Give where some rows start, or one column of them.

        Args:
            first: number of the first of them.
            n_rows: how many rows.
            column: the column.
        """
        return [self.address(self.builder.add(first, INDEX(i)), column) for i in range(n_rows)]

    def number(self, i: Value, k: Value) -> Lanes:
        """Give the k-th float of the i-th row, in every lane.

        Args:
            i: number of the row.
            k: number of the column.
        """
        return spread(self.builder, self.builder.load(self.address(i, k)))


def load(builder: ir.IRBuilder, address: Value, start: int, stop: int) -> Lanes:
    """Read `address[start : start + LANES]`, with zeros from `stop` on.

    Args:
        builder: llvmlite's writer of instructions.
        address: of a row.
        start: of the floats to read.
        stop: where the row ends.

    Source: LLVM language reference, load and shufflevector.
    """
    width = min(LANES, stop - start)
    narrow = ir.VectorType(FLOAT, width)
    place = builder.bitcast(builder.gep(address, [INDEX(start)]), narrow.as_pointer())
    value = builder.load(place, align=4)
    if width < LANES:
        take = ir.Constant(INTEGERS, [min(lane, width) for lane in range(LANES)])
        value = builder.shuffle_vector(value, ir.Constant(narrow, None), take)
    return Lanes(builder, value)


def store(lanes: Lanes, address: Value, start: int, stop: int) -> None:
    """Write to `address[start : start + LANES]`, leaving alone what lies from `stop` on.

    Args:
        lanes: what is written.
        address: of a row.
        start: of the floats to write.
        stop: where the row ends.

    Source: LLVM language reference, store and shufflevector.
    """
    builder, value, width = lanes.builder, lanes.value, min(LANES, stop - start)
    if width < LANES:
        take = ir.Constant(ir.VectorType(ir.IntType(32), width), list(range(width)))
        value = builder.shuffle_vector(value, value, take)
    place = builder.bitcast(builder.gep(address, [INDEX(start)]), value.type.as_pointer())
    builder.store(value, place, align=4)


def prefetch(builder: ir.IRBuilder, address: Value, start: int, stop: int) -> None:
    """Start to load `address[start:stop]` into the cache, without waiting for it.

    Args:
        builder: llvmlite's writer of instructions.
        address: of a row.
        start: of the floats to load.
        stop: where they end.

    Source: LLVM language reference, llvm.prefetch.
    """
    number, anything = ir.IntType(32), ir.IntType(8).as_pointer()
    kind = ir.FunctionType(ir.VoidType(), [anything, number, number, number])
    function = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
    read, keep, data = number(0), number(3), number(1)
    for place in range(start, stop, 16):  # 64 bytes: what memory hands out at once
        line = builder.bitcast(builder.gep(address, [INDEX(place)]), anything)
        builder.call(function, [line, read, keep, data])


def sums(vectors: list[Lanes]) -> Lanes:
    """Give, in lane i, the sum of all lanes of vectors[i]; at most LANES vectors.

    Args:
        vectors: at most LANES of them.

    Each round adds neighbouring lanes of all vectors, and packs two vectors into one.
    """
    builder = vectors[0].builder
    vectors = vectors + [Lanes(builder, 0.0)] * (LANES - len(vectors))
    even, odd = (ir.Constant(INTEGERS, list(range(i, 2 * LANES, 2))) for i in (0, 1))

    def pick(left, right, lanes):
        return Lanes(builder, builder.shuffle_vector(left.value, right.value, lanes))

    while len(vectors) > 1:
        pairs = zip(vectors[::2], vectors[1::2], strict=True)
        vectors = [pick(left, right, even) + pick(left, right, odd) for left, right in pairs]
    return vectors[0]


def _fitted(function: Callable[[np.ndarray], np.ndarray], degree: int) -> list[float]:
    """Fit a polynomial to a function on [0, 1], closest where its error is largest."""
    x = (1 - np.cos(np.pi * (np.arange(200) + 0.5) / 200)) / 2  # Chebyshev nodes
    fit = np.polynomial.Polynomial.fit(x, function(x), degree, domain=[0, 1])
    return fit.convert().coef.tolist()


EXP2, LOG1P = _fitted(np.exp2, 5), _fitted(np.log1p, 8)  # errors below 3e-7 and 1e-7


def _polynomial(x: Lanes, coefficients: list[float]) -> Lanes:
    """Evaluate by Horner's rule."""
    value = Lanes(x.builder, coefficients[-1])
    for coefficient in coefficients[-2::-1]:
        value = value * x + coefficient
    return value


def exp(x: Lanes) -> Lanes:
    """Give e ** x for x of 0 or less, 0 below -87.

    Args:
        x: 0 or less.

    Source: 2 ** y = 2 ** floor(y) 2 ** (y - floor(y)); the first factor is set as the exponent
        bits of a float, the second is a polynomial.
    """
    builder = x.builder
    y = x * float(np.log2(np.e))
    y = y.at_least(-126.0, y, -126.0)
    whole = y.floor()
    bits = builder.fptosi(whole.value, INTEGERS)
    bits = builder.add(bits, ir.Constant(INTEGERS, [127] * LANES))
    bits = builder.shl(bits, ir.Constant(INTEGERS, [23] * LANES))
    return _polynomial(y - whole, EXP2) * Lanes(builder, builder.bitcast(bits, VECTOR))


def log(x: Lanes) -> Lanes:
    """Give the logarithm of x in [1, 2 ** 127].

    Args:
        x: in [1, 2 ** 127].

    Source: log(2 ** n (1 + y)) = n log 2 + log(1 + y); n is read off the exponent bits of a float,
        and the second term is a polynomial.
    """
    builder = x.builder
    bits = builder.bitcast(x.value, INTEGERS)
    one = ir.Constant(INTEGERS, [0x3F800000] * LANES)  # the bits of 1.0
    excess = builder.ashr(builder.sub(bits, one), ir.Constant(INTEGERS, [23] * LANES))  # n
    shift = builder.shl(excess, ir.Constant(INTEGERS, [23] * LANES))
    scaled = Lanes(builder, builder.bitcast(builder.sub(bits, shift), VECTOR))  # 1 + y
    n = Lanes(builder, builder.sitofp(excess, VECTOR))
    return n * float(np.log(2)) + _polynomial(scaled - 1.0, LOG1P)
