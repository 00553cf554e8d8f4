"""Initializers: how the weights begin."""

from __future__ import annotations

from collections.abc import Iterator
from math import log, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conformance.answers import Level, Trial
from conformance.cases import Tier
from conformance.compare import Comparison, agree, compare
from conformance.contract.clause import Asked, Clause, ask
from conformance.contract.dtypes import weights_after
from reference.initializers import INITIALIZERS, Spread
from reference.intervals import Interval, point

INITIALIZERS_PY = "keras/src/initializers/"
DRAWN = tuple(name for name, row in INITIALIZERS.items() if row.spread and not name.endswith("_seeded"))
SEEDED = tuple(name for name in INITIALIZERS if name.endswith("_seeded"))
#: Each weight has a seed of its own.
TWO_SEEDS = {"kernel_initializer": "he_normal_seeded", "bias_initializer": "random_normal_around_seeded"}
CERTAIN = tuple(name for name, row in INITIALIZERS.items() if row.values)
#: Input_dim and units of which neither is the other, both ways: swapped fans show.
LARGE = (((2, 300), 700), ((2, 700), 300))
#: Inputs of rank 3: the fans are those of the kernel, whatever other axes there are.
DEEP = (((2, 5, 300), 700),)
SMALL = (((2, 11), 7), ((2, 7), 11))
#: How rarely a statistic may accuse a right initializer.
FALSE_ALARM = 1e-10
#: Of the sorted weights, every so many are asked for their probability: the distance found is at most the true one, and
#: lacks at most STRIDE / n, which is far below what is allowed.
STRIDE = 16


# ---- checks --------------------------------------------------------------------------------------------------------


def drawn_from_its_distribution(trial: Trial) -> Iterator[Comparison]:
    """Inside the hard limits, and by its distribution function and its second moment as rarely wrong as stated: of the
    kernel, and of the bias where it is drawn as well.

    Kolmogorov's distance exceeds sqrt(log(2 / p) / 2 n) with probability p at most (Massart 1990). The mean of n
    squares, each within the square of the limit b, is off by more than b^2 sqrt(log(2 / p) / 2 n) as rarely
    (Hoeffding 1963); of a normal, which has no limit, the distance alone is looked at.
    """
    for name, (initializer, shape) in _beginnings(trial).items():
        spread = INITIALIZERS[initializer].spread
        if spread is not None:
            yield from _drawn_from(name, trial.answer.tensor(name), shape, spread(shape), trial)


def _drawn_from(
    name: str, weight: NDArray[Any] | None, shape: tuple[int, ...], spread: Spread, trial: Trial
) -> Iterator[Comparison]:
    if weight is None or weight.shape != shape:
        yield agree(f"shape of the {name}", None if weight is None else list(weight.shape), expected=list(shape))
        return
    values = np.sort(weight.astype(np.float64).ravel())
    allowance = sqrt(log(2 / FALSE_ALARM) / (2 * values.size))
    places = np.arange(0, values.size, STRIDE)
    distribution = spread.distribution(values[places])
    distance = max(np.abs(distribution - (places + step) / values.size).max() for step in (0, 1))
    yield compare(f"distance of the {name} from its distribution", np.array(distance), within=_upto(allowance))
    if np.isfinite(spread.limit):
        # both limits, their difference, its product with a draw, and the sum: fewer than 8 roundings
        rounding = 1 + 8 * trial.question.config.variable_format.unit_roundoff
        most = np.full(values.shape, spread.limit * rounding)
        within = Interval(-most, most)
        yield compare(f"values of the {name}", values, within=within)
        limit = spread.limit**2 * allowance
        second = (values**2).mean() - spread.second_moment
        yield compare(
            f"second moment of the {name}", np.array(second), within=Interval(np.array(-limit), np.array(limit))
        )


def as_the_oracle_draws(trial: Trial) -> Iterator[Comparison]:
    """A seed says all: to the last bit. A weight beside it that is drawn without one may be anything."""
    for name, (initializer, _) in _beginnings(trial).items():
        if initializer in SEEDED:
            expected = trial.oracle.tensor(name)
            within = point(np.zeros(1) if expected is None else expected.astype(np.float64))
            yield compare(name, trial.answer.tensor(name), within=within)


def certain_values(trial: Trial) -> Iterator[Comparison]:
    rounded = trial.question.config.variable_format.round
    for name, (initializer, shape) in _beginnings(trial).items():
        values = INITIALIZERS[initializer].values
        if values is not None:
            yield compare(name, trial.answer.tensor(name), within=point(rounded(values(shape))))


def orthonormal(trial: Trial) -> Iterator[Comparison]:
    """Of rows or columns, whichever are fewer, the products with each other: 1 or 0 but for n roundings."""
    kernel, shape = trial.answer.tensor("kernel"), _kernel_shape(trial)
    if kernel is None or kernel.shape != shape:
        yield agree("shape of the kernel", None if kernel is None else list(kernel.shape), expected=list(shape))
        return
    wide = kernel.astype(np.float64)
    products = wide.T @ wide if shape[0] >= shape[1] else wide @ wide.T
    # Householder's QR: |Q^T Q - I| <= c m n u; Higham, Accuracy and Stability of Numerical Algorithms, 19.3
    doubt = 8 * max(shape) * min(shape) * trial.question.config.variable_format.unit_roundoff
    identity = np.eye(min(shape))
    yield compare("products of rows or columns", products, within=Interval(identity - doubt, identity + doubt))


def second_layer_differs(trial: Trial) -> Iterator[Comparison]:
    """Of both weights, as far as they are drawn."""
    for name, (initializer, _) in _beginnings(trial).items():
        if INITIALIZERS[initializer].spread is not None:
            alike = _alike(trial.answer.tensor(name), trial.answer.tensor(f"second_{name}"))
            yield agree(f"two layers begin with one {name}", alike, expected=False)


def repeatable(trial: Trial) -> Iterator[Comparison]:
    yield agree("the same program with the same seed begins alike", trial.answer.fact("same again"), expected=True)
    yield agree("with another seed it differs", trial.answer.fact("other seed differs"), expected=True)


def called_once_each(trial: Trial) -> Iterator[Comparison]:
    """With the weight's shape and dtype; what it gives is the weight."""
    config = trial.question.config
    kernel, dtype = _kernel_shape(trial), config.variable_format.name
    yield agree(
        "calls",
        trial.answer.fact("calls"),
        expected=sorted([[list(kernel), dtype], [[config.units], dtype]], reverse=True),
    )
    for name, shape in (("kernel", kernel), ("bias", (config.units,))):
        counted = np.arange(np.prod(shape), dtype=np.float64).reshape(shape)
        yield compare(name, trial.answer.tensor(name), within=point(counted))


def _beginnings(trial: Trial) -> dict[str, tuple[str, tuple[int, ...]]]:
    """The initializer and the shape of each weight, by name."""
    config = trial.question.config
    kernel = {"kernel": (config.kernel_initializer, _kernel_shape(trial))}
    return {**kernel, "bias": (config.bias_initializer, (config.units,))} if config.use_bias else dict(kernel)


def _kernel_shape(trial: Trial) -> tuple[int, int]:
    return trial.question.known_shape[-1], trial.question.config.units


def _upto(limit: float) -> Interval:
    return Interval(np.array(0.0), np.array(limit))


def _alike(one: NDArray[Any] | None, other: NDArray[Any] | None) -> bool | None:
    return None if one is None or other is None else bool(np.array_equal(one, other))


# ---- clauses -------------------------------------------------------------------------------------------------------


def beginning(
    name: str,
    sizes: tuple[tuple[tuple[int, ...], int], ...],
    argument: str = "kernel_initializer",
    *,
    tier: Tier = Tier.SMOKE,
    given_as: str = "object",
) -> Iterator[Asked]:
    """One question for each size."""
    for shape, units in sizes:
        said = {argument: name}
        yield from ask("begin", shape=(shape,), units=(units,), arguments=said, tier=tier, given_as=given_as)


CLAUSES = (
    Clause(
        id="initializers.default",
        says="By default the kernel is drawn by glorot_uniform.",
        source="keras/src/layers/core/dense.py: Dense.__init__",
        guards="another default, which changes what every model begins with",
        level=Level.KERAS,
        asks=(*beginning("glorot_uniform", LARGE), *beginning("glorot_uniform", DEEP, tier=Tier.DEFAULT)),
        check=drawn_from_its_distribution,
    ),
    Clause(
        id="initializers.none",
        says="None in place of an initializer is glorot_uniform, of the bias as well.",
        source="keras/src/layers/layer.py: Layer.add_weight",
        guards="None that is taken for the layer's own default, so that a bias begins at zero",
        level=Level.KERAS,
        asks=tuple(beginning("glorot_uniform", LARGE[:1], "bias_initializer", given_as="none")),
        check=drawn_from_its_distribution,
    ),
    Clause(
        id="initializers.default-bias",
        says="By default the bias is zero.",
        source="keras/src/layers/core/dense.py: Dense.__init__",
        guards="a bias that is drawn, or begins at one",
        level=Level.KERAS,
        asks=(*ask("begin"), *ask("begin", units=(1, 5), dtype=("float64", "mixed_float16"), tier=Tier.DEFAULT)),
        check=certain_values,
    ),
    Clause(
        id="initializers.certain",
        says="Zeros, ones, constants and identities are what their names say, for the kernel and for the bias.",
        source=INITIALIZERS_PY + "constant_initializers.py",
        guards="an initializer that is ignored, a kernel's used for the bias",
        level=Level.KERAS,
        asks=(
            *(asked for name in CERTAIN for asked in beginning(name, SMALL)),
            *(asked for name in ("ones", "constant") for asked in beginning(name, SMALL[:1], "bias_initializer")),
        ),
        check=certain_values,
    ),
    Clause(
        id="initializers.distribution",
        says="Each initializer draws from its own distribution, whose scale comes from the right fans.",
        source=INITIALIZERS_PY + "random_initializers.py",
        guards="swapped or summed fans, a normal for a uniform, an uncorrected truncation",
        level=Level.KERAS,
        asks=tuple(
            asked
            for sizes, tier in ((LARGE[:1], Tier.SMOKE), (LARGE[1:], Tier.DEFAULT))
            for name in DRAWN
            for asked in beginning(name, sizes, tier=tier)
        ),
        check=drawn_from_its_distribution,
    ),
    Clause(
        id="initializers.seeded",
        says="A seeded initializer draws what it draws for the real layer, to the last bit.",
        source=INITIALIZERS_PY + "random_initializers.py",
        guards="a seed that is ignored, a draw in another dtype or shape, an initializer that is asked twice",
        level=Level.KERAS,
        asks=(
            *(asked for name in SEEDED for asked in beginning(name, SMALL[:1])),
            *(asked for name in SEEDED for asked in beginning(name, SMALL[1:], tier=Tier.DEFAULT)),
            *(
                asked
                for name in SEEDED
                if not name.startswith("orthogonal")
                for asked in beginning(name, SMALL, "bias_initializer", tier=Tier.DEFAULT)
            ),
            *beginning("glorot_uniform_seeded", (((2, 3, 5, 7), 11),)),
            *ask("begin", arguments=TWO_SEEDS),
            *ask("begin", arguments=TWO_SEEDS, dtype=("float64", "mixed_float16"), tier=Tier.DEFAULT),
            *beginning("he_normal_seeded", SMALL, given_as="config"),
            *(
                asked
                for name in SEEDED
                for asked in beginning(name, SMALL[:1], tier=Tier.DEFAULT, given_as="config")
                if name != "he_normal_seeded"
            ),
        ),
        check=as_the_oracle_draws,
    ),
    Clause(
        id="initializers.forms",
        says="An initializer is taken as an object, as its config, and by its name.",
        source=INITIALIZERS_PY + "__init__.py: get",
        guards="a form that is accepted and ignored",
        level=Level.KERAS,
        asks=(
            *beginning("ones", SMALL, given_as="name"),
            *beginning("constant", SMALL, given_as="config"),
            *beginning("ones", SMALL, "bias_initializer", given_as="name"),
            *beginning("constant", SMALL, "bias_initializer", given_as="config"),
        ),
        check=certain_values,
    ),
    Clause(
        id="initializers.names",
        says="The name of an initializer that draws is that initializer.",
        source=INITIALIZERS_PY + "__init__.py: get",
        guards="names that are all taken for the default",
        level=Level.KERAS,
        asks=(
            *beginning("he_normal", LARGE[:1], given_as="name"),
            *(
                asked
                for name in DRAWN
                for asked in beginning(name, LARGE[:1], tier=Tier.DEFAULT, given_as="name")
                if name not in ("he_normal", "glorot_uniform")
            ),
        ),
        check=drawn_from_its_distribution,
    ),
    Clause(
        id="initializers.callable",
        says="A plain callable is an initializer: asked once for each weight, with its shape and dtype.",
        source=INITIALIZERS_PY + "__init__.py: get",
        guards="a callable that is ignored, asked twice, or given another shape",
        level=Level.KERAS,
        asks=(
            *ask("begin_called"),
            *ask("begin_called", units=(5,), dtype=("float64", "mixed_float16"), tier=Tier.DEFAULT),
        ),
        check=called_once_each,
    ),
    Clause(
        id="initializers.arrays",
        says="An array is an initializer: the weight begins as it.",
        source=INITIALIZERS_PY + "__init__.py: get; Keras 3, from 3.15 on",
        guards="an array that is refused, transposed, or taken for no initializer at all",
        level=Level.KERAS,
        asks=(
            *ask("begin_with_arrays", family=("normal",)),
            *ask(
                "begin_with_arrays",
                family=("normal",),
                use_bias=(True, False),
                dtype=("float64", "mixed_float16"),
                tier=Tier.DEFAULT,
            ),
        ),
        check=weights_after,
        holds_for=lambda dialect: dialect.takes_arrays,
    ),
    Clause(
        id="initializers.weights-given",
        says="The argument weights is what the weights begin as, from the first call on.",
        source="keras/engine/base_layer.py: Layer.__init__, of Keras 2; Keras 3 refuses it",
        guards="weights that are swallowed, so that a model restored this way starts anew",
        level=Level.KERAS,
        asks=ask("begin_with_weights", family=("normal",), use_bias=(True, False)),
        check=weights_after,
        holds_for=lambda dialect: dialect.generation == 2,
    ),
    Clause(
        id="initializers.orthogonal",
        says="orthogonal makes orthonormal rows or columns, whichever are fewer.",
        source=INITIALIZERS_PY + "random_initializers.py: Orthogonal",
        guards="a random matrix in its place",
        level=Level.KERAS,
        asks=tuple(beginning("orthogonal", SMALL)),
        check=orthonormal,
    ),
    Clause(
        id="initializers.independent",
        says="Two layers with unseeded initializers of their own begin differently.",
        source=INITIALIZERS_PY + "random_initializers.py",
        guards="a seed or a cache that all layers share",
        level=Level.KERAS,
        asks=(
            *ask("begin"),
            *beginning("he_normal", SMALL),
            *beginning("random_normal", SMALL[:1], "bias_initializer"),
            *beginning("random_normal", SMALL, tier=Tier.DEFAULT),
        ),
        check=second_layer_differs,
    ),
    Clause(
        id="initializers.repeatable",
        says="The same program begins alike after the same set_random_seed, and differently after another.",
        source="keras/src/utils/rng_utils.py: set_random_seed",
        guards="draws that escape the seed, or never change",
        level=Level.KERAS,
        asks=(
            *ask("begin_seeded"),
            *ask("begin_seeded", arguments={"kernel_initializer": "he_normal"}, tier=Tier.DEFAULT),
        ),
        check=repeatable,
    ),
)
