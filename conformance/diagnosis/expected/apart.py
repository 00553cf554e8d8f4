"""The same of the mutants that are kept apart: the diagnosis is measured on them."""

from __future__ import annotations

from collections.abc import Mapping

from conformance.diagnosis.expected.naming import named

EXPECTED_APART: Mapping[str, tuple[str, ...]] = {
    # forward
    **named("bias-never-added", "bias-dropped"),
    **named("kernel-in-int8-steps", "narrow-storage"),
    **named("kernel-packed-once", "stale-weights"),
    **named("time-major-rows", "rows-reordered"),
    **named("outputs-saturate", "infinity-clipped"),
    **named("product-in-tf32", "operands-rounded", "narrow-arithmetic"),
    **named("float64-multiplied-in-float32", "narrow-arithmetic"),
    **named("float16-summed-in-float16", "narrow-accumulator"),
    **named("half-outputs-in-float32", "output-dtype"),
    **named("bfloat16-cast-truncates", "operands-cut"),
    # activations
    **named("gelu-of-tanh gelu-by-sigmoid-with-its-slope gelu-by-polynomial", "activation-formula"),
    **named("elu-without-minus-one softmax-epsilon", "activation-formula"),
    **named("softplus-of-pytorch softplus-as-written sigmoid-by-quotient", "activation-formula", "activation-tail"),
    **named("mish-by-quotient softmax-unshifted-in-its-dtype", "activation-formula", "activation-tail"),
    **named("softmax-shifted-by-batch", "rows-coupled", "nan-spreads"),
    **named("swish-unknown", "activation-missing", "activation-formula"),
    # gradients
    **named("weights-by-mean", "gradient-averaged"),
    **named("gelu-slope-by-tanh", "slope-formula"),
    **named("softplus-slope-by-quotient", "slope-tail"),
    **named("float64-backward-in-float32 kernel-summed-in-half", "gradient-rounded"),
    # Keras
    **named("activity-penalty-undivided", "activity-divisor"),
    **named("kernel-constrained-in-call", "constraint-in-call", "constraint-untimely"),
    **named("keras-kernel-packed-once", "stale-weights"),
    **named("rows-left-flat", "axes-merged", "output-shape"),
    **named("keras-one-unit-squeezed", "axes-squeezed"),
    **named("static-rows", "unknown-lengths-differ"),
    **named("keras-nan-inputs-zeroed", "nan-replaced"),
    **named("softmax-diagonal", "slope-formula"),
}
ALSO_APART: Mapping[str, tuple[str, ...]] = {
    # their slopes are those of the wrong values
    **named("gelu-of-tanh gelu-by-sigmoid-with-its-slope gelu-by-polynomial softmax-epsilon", "slope-formula"),
    **named("softplus-of-pytorch softplus-as-written sigmoid-by-quotient mish-by-quotient", "slope-tail"),
    **named("softmax-unshifted-in-its-dtype", "slope-tail"),
    # rows far below the batch's maximum are 0 / 0, and so are their gradients
    **named("softmax-shifted-by-batch", "activation-tail", "slope-tail"),
    # what has no activation has no slope
    **named("swish-unknown", "slope-missing"),
    # the mean over no batch
    **named("weights-by-mean", "gradient-nan-for-empty"),
    # what is constrained is not the variable
    **named("kernel-constrained-in-call", "constraint-missing"),
    # nobody's gradient reaches the variable behind the value that is kept
    **named("keras-kernel-packed-once", "gradient-missing", "gradient-dtype"),
    # an axis less is another shape
    **named("keras-one-unit-squeezed", "output-shape"),
    **named("static-rows", "raises"),
}
