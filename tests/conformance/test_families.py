"""The tensors: portable to the bit, exact where they say so, and with everything in them that was planted."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conformance.contract import CONTRACT
from conformance.families import FAMILIES, Tensors, digest, draw
from conformance.generator import Stream, stream
from reference.activations import ACTIVATIONS
from reference.config import DenseConfig
from reference.dense import flatten_leading
from reference.dialects import DIALECTS
from reference.formats import FORMATS, Array

EXACT = ("integers", "wide", "gather", "cancel", "scaled", "sparse")
KINKED = [name for name, row in ACTIVATIONS.items() if row.kinks]
WHOLE = ("inputs", "kernel", "upstream")
SHAPES = st.lists(st.integers(1, 5), min_size=2, max_size=4).map(tuple)
#: The first 16 digits of each family's digest for relu, 5 units, inputs (3, 4, 7), seed 3: the same everywhere.
DIGESTS = {
    ("integers", "float32"): "ca6863810cba8b47",
    ("integers", "float64"): "8061c7f715212537",
    ("wide", "float32"): "9ee3649461a4cdbb",
    ("wide", "float64"): "df7c0c29546e18b2",
    ("gather", "float32"): "92e97d6e78691de2",
    ("gather", "float64"): "a340ffac532526d5",
    ("cancel", "float32"): "4abe5027d4ab5af7",
    ("cancel", "float64"): "b6e23c4a7e791a39",
    ("grid", "float32"): "979d392fe9125111",
    ("grid", "float64"): "16a96e2a2dfb87c2",
    ("tails", "float32"): "e7cf71de82a05451",
    ("tails", "float64"): "00e2c91b115ee4c4",
    ("specials", "float32"): "c5f5dcb8cc0ce301",
    ("specials", "float64"): "1ab39a4bfded446d",
    ("normal", "float32"): "5d383fe9b8b45538",
    ("normal", "float64"): "6e261ecb7c97bbf7",
    ("positive", "float32"): "298bd5e5348562f9",
    ("positive", "float64"): "546dba4073c75e3a",
    ("wide_range", "float32"): "4fcb45ef5e8decb1",
    ("wide_range", "float64"): "f4dbaddc4f60d64a",
    ("cancelling", "float32"): "3e258ae2db1dda9a",
    ("cancelling", "float64"): "0a3b26088346eb7b",
    ("scaled", "float32"): "48c36b16c02d5dea",
    ("scaled", "float64"): "42c9608ec86fea2d",
    ("bits", "float32"): "387faa83b9239e09",
    ("bits", "float64"): "04f8c1d5ce94f741",
    ("uncast", "float32"): "6892b860e06b079e",
    ("uncast", "float64"): "be81030862f8e334",
    ("overflowing", "float32"): "bd5040276fbc23b3",
    ("overflowing", "float64"): "f68cd643abc95c1d",
    ("subnormal", "float32"): "d06e1b3a73c4bcf7",
    ("subnormal", "float64"): "905ebfa7602efb80",
    ("counts", "float32"): "54833b74edce685c",
    ("counts", "float64"): "1552735e00b07d2f",
    ("large_counts", "float32"): "5a097dbe4be30750",
    ("large_counts", "float64"): "55f60aaead7be87d",
    ("bytes", "float32"): "106d752f66ec0a28",
    ("bytes", "float64"): "e1ab4d949175f86c",
    ("special_weights", "float32"): "c67432ea02ecb277",
    ("special_weights", "float64"): "629d0ae42d455f45",
    ("special_upstream", "float32"): "5a0d2892bc58b0ab",
    ("special_upstream", "float64"): "0097959cca615acd",
    ("sparse", "float32"): "29a62c7f021f524f",
    ("sparse", "float64"): "7f91593a6c2f0d2a",
    ("zero_weights", "float32"): "6954e7049b536dac",
    ("zero_weights", "float64"): "8bcfad140123ae84",
    ("columns", "float32"): "217e01f77bc1a80a",
    ("columns", "float64"): "0e0dcab7e6ed50b7",
}
#: The same for the integers that meet an activation's kinks, with and without bias.
KINK_DIGESTS = {
    "relu": ("ca6863810cba8b47", "e0d925b59a3c2288"),
    "relu6": ("66af860bb938c9b7", "8f8517e5c659600d"),
    "leaky_relu": ("ebcbcfd194ee6a59", "83d454b8af2703f1"),
    "elu": ("cf58cb69abcdc3c4", "714d0c6448c0762d"),
    "celu": ("21aafe5a584bae60", "be6e1a7d4c23e5d2"),
    "selu": ("8c60a97dceabab71", "84a5793a120de077"),
    "hard_silu": ("67407d2cda5bb7ff", "7d57c7df224d4e1a"),
    "hard_swish": ("e0c0707daed8f09c", "80fa21957203c77d"),
    "hard_sigmoid": ("26fbe1b0ac74a194", "4b8a581a89aa3e0a"),
    "hard_tanh": ("000eec4d9e43903a", "6ef18749de5ebd7a"),
    "hard_shrink": ("7d88dd8e08b59111", "682d7d65b48fe4bf"),
    "soft_shrink": ("56362c5466223ab2", "166c62f617a2788f"),
    "sparse_plus": ("95c4cd48c47a9957", "4372fd2250e42ad4"),
    "sparse_sigmoid": ("c1e17b38a5718bdb", "49965acb0c9acc4e"),
}
#: Slopes of 0 and 1 alone: a gradient's terms are upstream gradients times inputs or weights, or nothing.
UNSCALED = ("linear", "relu", "relu6", "hard_tanh", "hard_shrink", "soft_shrink")


def drawn(family: str, activation: str = "relu", dtype: str = "float32", shape: tuple[int, ...] = (3, 4, 7)) -> Tensors:
    return draw(family, DenseConfig(5, activation, dtype=dtype), shape, 3)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("family", FAMILIES)
def test_the_bits_are_pinned(family: str, dtype: str) -> None:
    """They are part of what a case id means: a change here changes every recorded result."""
    assert digest(drawn(family, dtype=dtype))[:16] == DIGESTS[family, dtype]


@pytest.mark.parametrize("activation", KINKED)
def test_the_bits_of_planted_kinks_are_pinned(activation: str) -> None:
    made = [draw("integers", DenseConfig(5, activation, use_bias), (3, 4, 7), 3) for use_bias in (True, False)]
    assert tuple(digest(each)[:16] for each in made) == KINK_DIGESTS[activation]


def test_the_generator_is_splitmix64() -> None:
    """The first outputs for the seed 1234567, as published with the generator."""
    known = [6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431, 16408922859458223821]
    assert Stream(1234567).words(5).tolist() == known


def test_a_stream_goes_on_where_it_stopped() -> None:
    at_once, in_parts = Stream(7).words(6).tolist(), Stream(7)
    assert [*in_parts.words(2).tolist(), *in_parts.words(4).tolist()] == at_once


@given(st.integers(-50, 50), st.integers(0, 100), st.integers(1, 300))
def test_integers_stay_in_their_range(low: int, span: int, count: int) -> None:
    numbers = stream("range", low, span).integers((count,), low, low + span)
    assert low <= numbers.min()
    assert numbers.max() <= low + span


@pytest.mark.parametrize("precision", [8, 11, 24, 53])
def test_mantissas_are_full(precision: int) -> None:
    """Of a hundred numbers some use the last bit, and none needs one more."""
    sizes = np.abs(stream("mantissas").full_mantissas((100,), precision)) * 2.0 ** (precision - 1)
    assert (sizes == np.round(sizes)).all()
    assert (sizes % 2 == 1).any()


@settings(max_examples=25, deadline=None)
@given(
    st.sampled_from(EXACT), st.sampled_from(["linear", "relu", "relu6"]), SHAPES, st.integers(1, 9), st.integers(0, 99)
)
def test_no_sum_of_an_exact_family_can_round(
    family: str, activation: str, shape: tuple[int, ...], units: int, seed: int
) -> None:
    """All terms are multiples of one power of two, and their absolute sum has no more than 24 bits of it."""
    tensors = draw(family, DenseConfig(units, activation), shape, seed)
    rows = tensors.inputs.reshape(-1, shape[-1]).tolist()
    for row in rows:
        for column, bias in zip(tensors.kernel.T.tolist(), tensors.bias.tolist(), strict=True):
            terms = [Fraction(x) * Fraction(w) for x, w in zip(row, column, strict=True)] + [Fraction(bias)]
            finest = max((term.denominator for term in terms), default=1)
            assert sum(abs(term) for term in terms) * finest <= 2**24 or sum(term != 0 for term in terms) <= 1


def fraction_bits(values: Array) -> int:
    """The smallest power of two that makes whole numbers of them all; negative where they have it as a factor."""
    whole = [value.numerator & -value.numerator for value in map(Fraction, values.ravel().tolist()) if value]
    parts = [value.denominator for value in map(Fraction, values.ravel().tolist()) if value]
    return max((part.bit_length() - low.bit_length() for part, low in zip(parts, whole, strict=True)), default=0)


def bits_of_product(left: Array, right: Array) -> int:
    """How many bits any partial sum of left @ right may need, in whatever order it is summed."""
    largest = (np.abs(left) @ np.abs(right)).max(initial=0.0)
    return int(largest * 2.0 ** (fraction_bits(left) + fraction_bits(right))).bit_length()


def asked_in_float32(family: str, activation: str) -> list[Tensors]:
    """As float64: what the contract asks of gradients, and batches up to those of 65536 elements."""
    questions = {
        case.question
        for clause in CONTRACT
        for case in clause.cases(DIALECTS[-1])
        if case.question.procedure == "differentiate"
        and (case.question.family, case.question.config.activation) == (family, activation)
        and case.question.config.dtype == "float32"
        and 0 < math.prod(case.question.known_shape) <= 2**16
    }
    made = [draw(family, each.config, each.known_shape, each.seed) for each in questions]
    return [replace(each, **{name: getattr(each, name).astype(np.float64) for name in WHOLE}) for each in made]


@pytest.mark.parametrize(("family", "activation"), [*product(EXACT[:-1], UNSCALED), ("sparse", "linear")])
def test_no_gradient_of_the_contracts_exact_questions_can_round(family: str, activation: str) -> None:
    """24 bits of float32 are enough for every sum over rows or units. But for the kernel's gradients of gather and
    cancel: full or huge inputs, summed over the rows.
    """
    asked = asked_in_float32(family, activation)
    assert asked
    for tensors in asked:
        inputs, upstream = flatten_leading(tensors.inputs), flatten_leading(tensors.upstream)
        assert bits_of_product(np.ones((1, len(upstream))), upstream) <= 24
        for feature in range(inputs.shape[1]):
            assert bits_of_product(upstream, tensors.kernel[[feature]].T) <= 24
            if family in ("integers", "wide", "scaled", "sparse"):
                assert bits_of_product(inputs[:, [feature]].T, upstream) <= 24


@pytest.mark.parametrize("use_bias", [True, False])
@pytest.mark.parametrize("activation", KINKED)
def test_every_kink_is_met_in_every_unit_with_something_to_pass_on(activation: str, use_bias: bool) -> None:
    for seed in range(5):
        tensors = draw("integers", DenseConfig(5, activation, use_bias), (4, 7), seed)
        z = tensors.inputs @ tensors.kernel + (0 if tensors.bias is None else tensors.bias)
        for kink in ACTIVATIONS[activation].kinks:
            met = z == kink
            assert met.any(axis=0).all()
            assert (tensors.upstream[met] != 0).all()


def test_wide_inputs_lose_something_in_eleven_bits() -> None:
    inputs = drawn("wide").inputs
    assert (inputs[inputs != 0].astype(np.float16).astype(np.float32) != inputs[inputs != 0]).all()


def test_gather_moves_inputs_and_changes_nothing_but_their_exponents() -> None:
    """Each unit has one weight, a power of two: its output is a feature, to the last bit."""
    kernel = drawn("gather").kernel
    assert ((kernel != 0).sum(axis=0) == 1).all()
    assert (np.frexp(kernel[kernel != 0])[0] == 0.5).all()
    assert len(np.unique(kernel.argmax(axis=0))) == 5


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_gathered_inputs_use_the_last_bit_of_their_dtype(dtype: str) -> None:
    """Or a product in a type that is one bit narrower would pass."""
    inputs = np.abs(drawn("gather", dtype=dtype).inputs.astype(np.float64))
    last = inputs * 2.0 ** np.finfo(dtype).nmant % 2
    assert (last == 1).any()
    assert (last == np.floor(last)).all()


def test_gathered_inputs_lose_something_in_float32() -> None:
    inputs = drawn("gather", dtype="float64").inputs
    assert (inputs.astype(np.float32) != inputs).mean() > 0.9


def test_cancelling_sums_lose_something_in_a_narrow_accumulator() -> None:
    tensors = drawn("cancel", shape=(3, 8))
    narrow = np.zeros((3, 5), np.float16)
    with np.errstate(all="ignore"):
        for feature in range(8):
            step = tensors.inputs[:, feature, None] * tensors.kernel[feature]
            narrow = (narrow.astype(np.float32) + step).astype(np.float16)
    assert (narrow != tensors.inputs @ tensors.kernel).any()


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_scaled_weights_go_down_to_half_the_range_of_the_exponents(dtype: str) -> None:
    """The sums are those of the integers; a weight that is taken for 0 is missed in them."""
    tensors, format = drawn("scaled", dtype=dtype), FORMATS[dtype]
    kernel, inputs = np.abs(tensors.kernel.astype(np.float64)), np.abs(tensors.inputs.astype(np.float64))
    limit = min(-format.min_exponent, format.max_exponent) // 2
    assert kernel[0].max() == 2.0**-limit
    assert kernel[1].max() == 2.0**limit
    assert (inputs @ kernel == np.round(inputs @ kernel)).all()
    assert (inputs @ np.where(kernel > 2.0**-limit, kernel, 0) != inputs @ kernel).any()


def test_the_grid_is_dense_and_has_the_kinks_and_their_neighbours() -> None:
    values = drawn("grid", "relu6", shape=(509, 1)).inputs[:, 0]
    for mark in (0.0, 6.0):
        around = {np.nextafter(np.float32(mark), np.float32(side)) for side in (-np.inf, np.inf)}
        assert {np.float32(mark), *around} <= set(values)
    assert np.diff(np.sort(values)).max() < 1


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_tails_reach_the_largest_and_the_smallest_normal_number(dtype: str) -> None:
    sizes = np.abs(drawn("tails", dtype=dtype, shape=(251, 1)).inputs)
    limits = np.finfo(dtype)
    assert sizes.max() == limits.max
    assert limits.tiny <= sizes.min() < 4 * limits.tiny


def test_tails_in_float64_are_dense_where_tails_begin() -> None:
    sizes = np.abs(drawn("tails", dtype="float64", shape=(251, 1)).inputs)
    for power in range(11):
        assert ((sizes >= 2.0**power) & (sizes < 2.0 ** (power + 1))).sum() > 5


@pytest.mark.parametrize(("dtype", "bits"), [("bfloat16", 8), ("float16", 11), ("float32", 24), ("float64", 30)])
def test_counts_are_odd_and_have_all_bits(dtype: str, bits: int) -> None:
    """So no narrower type holds them: an int32 that passes float32 on its way to float64 is another number."""
    counts = np.abs(drawn("counts", dtype=dtype).inputs.astype(np.float64))
    assert (counts % 2 == 1).all()
    assert (counts >= 2.0 ** (bits - 1)).all()
    assert (counts < 2.0**bits).all()


def test_large_counts_do_not_fit_32_bits() -> None:
    assert (np.abs(drawn("large_counts").inputs.astype(np.float64)) > 2.0**32).all()


def test_bytes_have_values_that_a_sign_would_change() -> None:
    assert drawn("bytes").inputs.max() == 255
    assert drawn("bytes").inputs.min() >= 0


def test_special_weights_meet_a_zero() -> None:
    """0 times infinity is NaN, once for each row but the first."""
    tensors = drawn("special_weights", "linear")
    with np.errstate(invalid="ignore"):
        z = tensors.inputs @ tensors.kernel
    assert np.isnan(z[..., 1]).sum() == z[..., 1].size - 1
    assert np.isfinite(z[..., 2:]).all()


def test_zero_weights_meet_every_special() -> None:
    """In some units, and in others not: NaN comes of either, and infinity times 0 is NaN as well."""
    tensors = drawn("zero_weights", "linear")
    for row, feature in np.argwhere(~np.isfinite(tensors.inputs.reshape(-1, 7))):
        assert set(tensors.kernel[feature] != 0) == {True, False}, f"the weights of row {row}'s special"


def test_a_row_a_unit_and_one_bias_of_sparse_tensors_are_zeros() -> None:
    tensors = drawn("sparse")
    rows = tensors.inputs.reshape(-1, 7)
    assert not rows[-1].any()
    assert not tensors.kernel[:, -1].any()
    assert rows[:-1].any()
    assert 0.4 < (rows == 0).mean() < 1
    assert tensors.bias[0] == 0
    assert tensors.bias[1:].all()
    assert draw("sparse", DenseConfig(1), (3, 4), 3).bias.all()


def test_a_special_upstream_gradient_meets_no_zero() -> None:
    tensors = drawn("special_upstream", "linear")
    assert np.argwhere(np.isnan(tensors.upstream)).tolist() == [[2, 3, 4]]
    assert tensors.inputs.all()
    assert tensors.kernel.all()


def test_columns_have_every_norm() -> None:
    norms = np.sqrt((drawn("columns").kernel.astype(np.float64) ** 2).sum(axis=0))
    assert norms[0] == 0
    assert 0 < norms[1] < 1e-3
    assert norms[2] < 1
    assert norms[4] > 8


def test_specials_are_one_of_each_in_rows_of_their_own() -> None:
    inputs = drawn("specials", shape=(5, 7)).inputs
    assert np.isnan(inputs).sum() == 1
    assert (inputs == np.inf).sum() == (inputs == -np.inf).sum() == 1
    assert ((~np.isfinite(inputs)).sum(axis=1) <= 1).all()


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(list(FAMILIES)), st.sampled_from(list(ACTIVATIONS)), SHAPES, st.integers(0, 99))
def test_shapes_and_dtypes_are_those_asked_for(family: str, activation: str, shape: tuple[int, ...], seed: int) -> None:
    config = DenseConfig(6, activation, dtype="float64")
    tensors = draw(family, config, shape, seed)
    assert tensors.inputs.shape == shape
    assert tensors.kernel.shape == (shape[-1], 6)
    assert tensors.upstream.shape == (*shape[:-1], ACTIVATIONS[activation].output_units(6))
    assert {each.dtype.name for each in (tensors.inputs, tensors.kernel, tensors.bias, tensors.upstream)} == {"float64"}
    if family in EXACT:
        assert len(np.unique(tensors.upstream)) > 1 or tensors.upstream.size < 2


@pytest.mark.parametrize("shape", [(0, 7), (3, 0), (0, 0), (1, 1), (2, 0, 3)], ids=str)
@pytest.mark.parametrize("family", FAMILIES)
def test_sizes_of_zero_and_one_work(family: str, shape: tuple[int, ...]) -> None:
    assert draw(family, DenseConfig(1, "relu6"), shape, 0).inputs.shape == shape


@pytest.mark.parametrize("family", FAMILIES)
def test_what_is_asked_decides_what_is_drawn(family: str) -> None:
    one = digest(draw(family, DenseConfig(5), (4, 7), 0))
    others = [
        digest(draw(family, DenseConfig(6), (4, 7), 0)),
        digest(draw(family, DenseConfig(5), (4, 7), 1)),
        digest(draw(family, DenseConfig(5), (7, 4), 0)),
        digest(draw(family, DenseConfig(5, dtype="float64"), (4, 7), 0)),
    ]
    assert len({one, *others}) == 5
    assert digest(draw(family, DenseConfig(5), (4, 7), 0)) == one


def test_copies_are_writable_and_leave_the_original() -> None:
    tensors = drawn("integers")
    before = digest(tensors)
    tensors.copies().inputs[...] = 99
    assert digest(tensors) == before


def test_an_unknown_family_is_named() -> None:
    with pytest.raises(ValueError, match="family must be one of integers, wide"):
        draw("nobody", DenseConfig(1), (2, 2), 0)
