"""Generate machine code that works on several floats at once, with the operators of numbers.

numba compiles loops well, but does not keep many partial sums in registers. So the inner part of
`hogwild` is generated here, instruction by instruction. Each `Lanes` is one vector register of the
generated code, and `a * b + c` generates one fused multiply-add. A plain numba kernel of 55 lines
was 3.0 to 3.8 times slower at equal loss.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import cgutils

LANES = 16  # floats in one register of AVX-512; narrower machines take two or four for it
FLOAT, INDEX = ir.FloatType(), ir.IntType(64)
Value = Any  # a value of the generated code; the annotations of llvmlite are incomplete
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


class Sum:
    """Keep a running sum of lanes over the iterations of a loop in the generated code.

    Args:
        builder: llvmlite's writer of instructions.
    """

    def __init__(self, builder: ir.IRBuilder) -> None:
        self.builder = builder
        self.place = cgutils.alloca_once(builder, VECTOR)
        builder.store(Lanes(builder, 0.0).value, self.place)

    def lanes(self) -> Lanes:
        """Give the sum so far."""
        return Lanes(self.builder, self.builder.load(self.place))

    def add(self, lanes: Lanes) -> None:
        """Add to the sum.

        Args:
            lanes: what is added.
        """
        self.builder.store((self.lanes() + lanes).value, self.place)


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

    def address(self, i: Value) -> Value:
        """Give where the i-th row starts.

        Args:
            i: number of the row.
        """
        if self.ids is not None:
            i = self.builder.load(self.builder.gep(self.ids, [i]))
        return self.builder.gep(self.table, [self.builder.mul(i, INDEX(self.apart))])

    def addresses(self, n_rows: int) -> list[Value]:
        """Give where each of the first rows starts.

        Args:
            n_rows: how many rows.
        """
        return [self.address(INDEX(i)) for i in range(n_rows)]

    def number(self, i: Value, k: int) -> Lanes:
        """Give the k-th float of the i-th row, in every lane.

        Args:
            i: number of the row.
            k: number of the column.
        """
        place = self.builder.gep(self.address(i), [INDEX(k)])
        return spread(self.builder, self.builder.load(place))


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


def log1p(x: Lanes) -> Lanes:
    """Give log(1 + x) for x in [0, 1].

    Args:
        x: in [0, 1].

    Source: a polynomial fitted to it.
    """
    return _polynomial(x, LOG1P)
