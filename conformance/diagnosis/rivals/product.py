"""Rivals of the product: of the kernel and the inputs as they go into it, and of the sum over the features."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from conformance.diagnosis.rivals.rival import Rival, forward
from conformance.diagnosis.rivals.steps import of_inputs, of_inputs_computed, of_kernel, of_kernel_computed
from reference.bounds import Problem
from reference.formats import Array


def _read_by_columns(kernel: Array, _: Problem) -> Array:
    return kernel.ravel(order="F").reshape(kernel.shape)


def _transposed_if_square(kernel: Array, _: Problem) -> Array:
    return kernel.T if kernel.shape[0] == kernel.shape[1] else kernel


def _dropped(at: slice | int) -> Callable[[Array, Problem], Array]:
    def change(kernel: Array, _: Problem) -> Array:
        kernel = kernel.copy()
        if len(kernel):
            kernel[at] = 0
        return kernel

    return change


#: Lengths of blocks that loops over features, rows or units are written for.
BLOCKS = (2, 4, 8, 16, 32, 64)


def _remainder_times(block: int, factor: int, *, if_any: bool) -> Callable[[Array, Problem], Array]:
    """The features behind the last whole block; if_any: only where there is a whole one."""

    def change(kernel: Array, _: Problem) -> Array:
        whole = len(kernel) // block * block
        if if_any and not whole:
            return kernel
        return np.concatenate([kernel[:whole], factor * kernel[whole:]])

    return change


def _of_remainders() -> Iterator[Rival]:
    for block in BLOCKS:
        for factor, verb in ((0, "left out"), (2, "counted twice")):
            for if_any, words in ((True, ", where there is one"), (False, "")):
                says = f"the features behind the last whole block of {block} are {verb}{words}"
                step = of_kernel(_remainder_times(block, factor, if_any=if_any))
                yield forward("features-dropped" if factor == 0 else "features-repeated", says, step)


def _as_if_by_columns(kernel: Array, _: Problem) -> Array:
    return kernel.reshape(kernel.shape[::-1]).T


def _symmetric(kernel: Array, _: Problem) -> Array:
    return (kernel + kernel.T) / 2 if kernel.shape[0] == kernel.shape[1] else kernel


def _unit_columns(kernel: Array, _: Problem) -> Array:
    with np.errstate(all="ignore"):
        return np.nan_to_num(kernel / np.sqrt((kernel**2).sum(axis=0, keepdims=True)))


def _of_norm(most: float) -> Callable[[Array, Problem], Array]:
    def change(kernel: Array, _: Problem) -> Array:
        norms = np.sqrt((kernel**2).sum(axis=0, keepdims=True))
        return kernel * (most / np.maximum(norms, most))

    return change


PRODUCT: tuple[Rival, ...] = (
    forward("kernel-transposed", "the kernel is read column by column, as if transposed", of_kernel(_read_by_columns)),
    forward(
        "kernel-transposed",
        "the kernel's numbers are taken in column order, as if it were stored (units, features)",
        of_kernel(_as_if_by_columns),
    ),
    forward("kernel-transposed", "a square kernel is transposed", of_kernel(_transposed_if_square)),
    forward("kernel-symmetrized", "a square kernel is averaged with its transpose", of_kernel_computed(_symmetric)),
    forward("kernel-triangular", "of the kernel the upper triangle alone is used", of_kernel(lambda k, _: np.triu(k))),
    forward("kernel-triangular", "of the kernel the lower triangle alone is used", of_kernel(lambda k, _: np.tril(k))),
    forward("kernel-negated", "the kernel is negated", of_kernel(lambda k, _: -k)),
    forward("kernel-absolute", "the kernel loses its signs", of_kernel(lambda k, _: np.abs(k))),
    forward("kernel-clipped", "negative weights are taken for 0", of_kernel(lambda k, _: np.maximum(k, 0))),
    forward("kernel-clipped", "the kernel is clipped to [-1, 1]", of_kernel(lambda k, _: np.clip(k, -1, 1))),
    forward("kernel-signs", "of the kernel the signs alone are used", of_kernel(lambda k, _: np.sign(k))),
    forward("kernel-squared", "the kernel is squared", of_kernel_computed(lambda k, _: k * k)),
    forward("kernel-normalized", "the kernel's columns are divided by their norms", of_kernel_computed(_unit_columns)),
    *(
        forward(
            "kernel-limited",
            f"the kernel's columns are scaled down to a norm of {most} where theirs is larger",
            of_kernel_computed(_of_norm(most)),
        )
        for most in (1, 2, 3, 4, 5)
    ),
    forward("features-dropped", "the last feature is left out", of_kernel(_dropped(-1))),
    forward("features-dropped", "the first feature is left out", of_kernel(_dropped(0))),
    forward("features-dropped", "every second feature is left out", of_kernel(_dropped(slice(1, None, 2)))),
    *(
        forward(
            "features-dropped",
            f"features beyond the first {count} are left out",
            of_kernel(_dropped(slice(count, None))),
        )
        for count in (1, 2, 3, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
    ),
    *_of_remainders(),
    forward(
        "mean-for-sum",
        "the product is a mean over the features, not their sum",
        of_kernel_computed(lambda k, p: k / max(1, len(k))),
    ),
    forward(
        "product-scaled",
        "the product is divided by the square root of the number of features",
        of_kernel_computed(lambda k, p: k / np.sqrt(max(1, len(k)))),
    ),
    forward("product-scaled", "the product is doubled", of_kernel(lambda k, _: 2 * k)),
    forward("product-scaled", "the product is halved", of_kernel(lambda k, _: k / 2)),
    forward("product-dropped", "the product is left out: the outputs are the bias", of_kernel(lambda k, _: 0 * k)),
    forward("inputs-absolute", "the inputs lose their sign", of_inputs(lambda x, _: np.abs(x))),
    forward("inputs-clipped", "negative inputs are taken for 0", of_inputs(lambda x, _: np.maximum(x, 0))),
    forward("inputs-clipped", "the inputs are clipped to [-1, 1]", of_inputs(lambda x, _: np.clip(x, -1, 1))),
    forward(
        "inputs-normalized",
        "the mean of each row is taken off its inputs",
        of_inputs_computed(lambda x, _: x - x.mean(axis=-1, keepdims=True) if x.size else x),
    ),
)
