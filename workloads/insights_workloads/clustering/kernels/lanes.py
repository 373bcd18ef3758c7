"""Vectors of 64 numbers as values of compiled code.

A loop over rows can be turned into vector instructions by the compiler, but not one that also wants
a bit for each row, or sums that are added in the same order wherever it runs. These types say both.
They are whatever the machine has: 64 lanes are 4 registers of AVX-512 in float32, or 8 of AVX2.

`load`, `splat`, arithmetic, `times_plus`, `larger`, `smaller`, `select` and `size` give lanes;
`above` and `first` give a mask, an uint64 with a bit for each lane; `kept_sum`, `least` and `most`
give a number.
"""

from __future__ import annotations

import operator

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic, models, overload, register_model

__all__ = [
    "LANES",
    "above",
    "add_eight",
    "bits",
    "first",
    "kept_sum",
    "larger",
    "least",
    "load",
    "most",
    "select",
    "size",
    "smaller",
    "splat",
    "store",
    "times_plus",
    "transpose",
]

LANES = 64
_WORD = ir.IntType(64)
_MASK = ir.VectorType(ir.IntType(1), LANES)


class Lanes(types.Type):
    """64 numbers of one float type."""

    def __init__(self, dtype: types.Float) -> None:
        """Lanes of a float type."""
        super().__init__(name=f"Lanes({dtype})")
        self.dtype = dtype


@register_model(Lanes)
class _Model(models.PrimitiveModel):
    def __init__(self, manager, kind):
        item = manager.lookup(kind.dtype).get_value_type()
        super().__init__(manager, kind, ir.VectorType(item, LANES))


def _vector(context, kind):
    return ir.VectorType(context.get_value_type(kind.dtype), LANES)


def _place(context, builder, array_type, array, index_type, index):
    """Address of array[index], or of the first of these numbers."""
    made = context.make_array(array_type)(context, builder, array)
    indices = [
        context.cast(builder, value, kind, types.intp)
        for value, kind in zip(cgutils.unpack_tuple(builder, index), index_type, strict=True)
    ]
    if len(indices) < array_type.ndim:
        indices.append(context.get_constant(types.intp, 0))
    return cgutils.get_item_pointer(
        context, builder, array_type, made, indices, wraparound=False, boundscheck=False
    )


@intrinsic
def load(_context, array, index):
    """The 64 numbers array[index], index a tuple that leaves out the last axis."""

    def generate(context, builder, signature, arguments):
        array_type, index_type = signature.args
        place = _place(context, builder, array_type, arguments[0], index_type, arguments[1])
        vector = _vector(context, signature.return_type)
        place = builder.bitcast(place, vector.as_pointer())
        return builder.load(place, align=array_type.dtype.bitwidth // 8)

    return Lanes(array.dtype)(array, index), generate


@intrinsic
def store(_context, array, index, lanes):
    """Put lanes at array[index]."""

    def generate(context, builder, signature, arguments):
        array_type, index_type, kind = signature.args
        place = _place(context, builder, array_type, arguments[0], index_type, arguments[1])
        place = builder.bitcast(place, _vector(context, kind).as_pointer())
        builder.store(arguments[2], place, align=array_type.dtype.bitwidth // 8)
        return context.get_dummy_value()

    return types.void(array, index, lanes), generate


def _width(context, builder, array_type, array):
    """Numbers along the last axis."""
    shape = context.make_array(array_type)(context, builder, array).shape
    return builder.extract_value(shape, array_type.ndim - 1)


@intrinsic
def transpose(_context, array, index, out, place):
    """Eight by eight numbers, turned: out[place] and on from array[index] and on.

    Rows and columns are the last two axes of each; `index` and `place` name all axes.
    """

    def generate(context, builder, signature, arguments):
        array_type, index_type, out_type, place_type = signature.args
        align = array_type.dtype.bitwidth // 8
        vector = ir.VectorType(context.get_value_type(array_type.dtype), 8)
        at = _place(context, builder, array_type, arguments[0], index_type, arguments[1])
        values = []
        width = _width(context, builder, array_type, arguments[0])
        for row in range(8):
            here = builder.gep(at, [builder.mul(width, _WORD(row))])
            here = builder.bitcast(here, vector.as_pointer())
            values.append(builder.load(here, align=align))
        # Blocks of 1, 2 and 4 change places across the diagonal.
        for size in (1, 2, 4):
            low = [i if not i & size else i - size + 8 for i in range(8)]
            high = [i + size if not i & size else i + 8 for i in range(8)]
            for row in range(8):
                if not row & size:
                    pair = values[row], values[row + size]
                    for to, mask in ((row, low), (row + size, high)):
                        constant = ir.Constant(ir.VectorType(ir.IntType(32), 8), mask)
                        values[to] = builder.shuffle_vector(*pair, constant)
        at = _place(context, builder, out_type, arguments[2], place_type, arguments[3])
        width = _width(context, builder, out_type, arguments[2])
        for row, value in enumerate(values):
            here = builder.gep(at, [builder.mul(width, _WORD(row))])
            builder.store(value, builder.bitcast(here, vector.as_pointer()), align=align)
        return context.get_dummy_value()

    return types.void(array, index, out, place), generate


@intrinsic
def add_eight(_context, array, index, sums, place):
    """Add eight numbers from array[index] on to as many, float64, from sums[place] on."""

    def generate(context, builder, signature, arguments):
        array_type, index_type, sums_type, place_type = signature.args
        at = _place(context, builder, array_type, arguments[0], index_type, arguments[1])
        kind = ir.VectorType(context.get_value_type(array_type.dtype), 8)
        wide = ir.VectorType(ir.DoubleType(), 8)
        values = builder.load(builder.bitcast(at, kind.as_pointer()), align=4)
        if kind != wide:
            values = builder.fpext(values, wide)
        to = _place(context, builder, sums_type, arguments[2], place_type, arguments[3])
        to = builder.bitcast(to, wide.as_pointer())
        builder.store(builder.fadd(builder.load(to, align=8), values), to, align=8)
        return context.get_dummy_value()

    return types.void(array, index, sums, place), generate


def _splat(builder, vector, value):
    """One number in all lanes."""
    first = builder.insert_element(ir.Constant(vector, ir.Undefined), value, ir.IntType(32)(0))
    zeros = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
    return builder.shuffle_vector(first, ir.Constant(vector, ir.Undefined), zeros)


@intrinsic
def splat(_context, array, value):
    """A number in all lanes, of the type of an array's items."""

    def generate(context, builder, signature, arguments):
        kind = signature.return_type
        number = context.cast(builder, arguments[1], signature.args[1], kind.dtype)
        return _splat(builder, _vector(context, kind), number)

    return Lanes(array.dtype)(array, value), generate


def _call(builder, name, *arguments):
    """Call what LLVM has of some name for lanes."""
    kind = arguments[0].type
    width = 32 if isinstance(kind.element, ir.FloatType) else 64
    signature = ir.FunctionType(kind, [kind] * len(arguments))
    function = cgutils.get_or_insert_function(builder.module, signature, f"{name}.v{LANES}f{width}")
    return builder.call(function, arguments)


def _binary(operation):
    """An intrinsic of two lanes."""

    @intrinsic
    def apply(_context, left, right):
        def generate(context, builder, signature, arguments):  # noqa: ARG001
            return operation(builder, *arguments)

        return left(left, right), generate

    return apply


_sum = _binary(lambda builder, left, right: builder.fadd(left, right))
_difference = _binary(lambda builder, left, right: builder.fsub(left, right))
_product = _binary(lambda builder, left, right: builder.fmul(left, right))
_quotient = _binary(lambda builder, left, right: builder.fdiv(left, right))
larger = _binary(lambda b, left, right: b.select(b.fcmp_ordered(">", left, right), left, right))
smaller = _binary(lambda b, left, right: b.select(b.fcmp_ordered("<", left, right), left, right))


def _operator(symbol, function):
    @overload(symbol)
    def of_lanes(left, right):
        if isinstance(left, Lanes) and isinstance(right, Lanes):
            return lambda left, right: function(left, right)
        return None


_operator(operator.add, _sum)
_operator(operator.sub, _difference)
_operator(operator.mul, _product)
_operator(operator.truediv, _quotient)


@intrinsic
def times_plus(_context, lanes, factor, more):
    """Lanes times lanes or a number, plus other lanes, rounded once."""

    def generate(context, builder, signature, arguments):
        kind, factor_kind, _ = signature.args
        factor = arguments[1]
        if not isinstance(factor_kind, Lanes):
            number = context.cast(builder, factor, factor_kind, kind.dtype)
            factor = _splat(builder, _vector(context, kind), number)
        return _call(builder, "llvm.fma", arguments[0], factor, arguments[2])

    return lanes(lanes, factor, more), generate


@intrinsic
def size(_context, lanes):
    """Values without their signs."""

    def generate(_context, builder, _signature, arguments):
        return _call(builder, "llvm.fabs", *arguments)

    return lanes(lanes), generate


@intrinsic
def above(_context, left, right):
    """A bit for each lane in which left is more than right."""

    def generate(_context, builder, _signature, arguments):
        return builder.bitcast(builder.fcmp_ordered(">", *arguments), _WORD)

    return types.uint64(left, right), generate


@intrinsic
def select(_context, mask, yes, no):
    """Lanes of `yes` where the mask has a bit, of `no` elsewhere."""

    def generate(_context, builder, _signature, arguments):
        return builder.select(builder.bitcast(arguments[0], _MASK), arguments[1], arguments[2])

    return yes(mask, yes, no), generate


def _halve(builder, vector, join):
    """Join one half of the lanes with the other until one is left: always in the same order."""
    width = LANES
    while width > 1:
        width //= 2
        low, high = (
            ir.Constant(ir.VectorType(ir.IntType(32), width), list(range(start, start + width)))
            for start in (0, width)
        )
        nothing = ir.Constant(vector.type, ir.Undefined)
        vector = join(
            builder.shuffle_vector(vector, nothing, low),
            builder.shuffle_vector(vector, nothing, high),
        )
    return builder.extract_element(vector, ir.IntType(32)(0))


@intrinsic
def kept_sum(_context, lanes, mask):
    """Sum of the lanes that have a bit in the mask."""

    def generate(_context, builder, _signature, arguments):
        kept = builder.bitcast(arguments[1], _MASK)
        zeros = ir.Constant(arguments[0].type, None)
        return _halve(builder, builder.select(kept, arguments[0], zeros), builder.fadd)

    return lanes.dtype(lanes, mask), generate


def _extreme(sign):
    """An intrinsic that gives the first lane by some order."""

    @intrinsic
    def extreme(_context, lanes):
        def generate(_context, builder, _signature, arguments):
            def join(left, right):
                return builder.select(builder.fcmp_ordered(sign, left, right), left, right)

            return _halve(builder, arguments[0], join)

        return lanes.dtype(lanes), generate

    return extreme


least = _extreme("<")
most = _extreme(">")


@intrinsic
def bits(_context, mask):
    """How many bits a mask has."""

    def generate(_context, builder, _signature, arguments):
        return builder.ctpop(arguments[0])

    return types.int64(mask), generate


@njit(forceinline=True)
def first(count):
    """A mask of the first lanes, as many as asked for."""
    if count >= LANES:
        return ~np.uint64(0)
    return (np.uint64(1) << np.uint64(count)) - np.uint64(1)
