"""The same of the mutants that were kept apart until others took their place."""

from __future__ import annotations

from collections.abc import Mapping

from conformance.diagnosis.expected.naming import named

EXPECTED_ONCE_APART: Mapping[str, tuple[str, ...]] = {
    # forward
    **named("bias-of-rank-2-alone", "bias-dropped"),
    **named("bias-last", "bias-late"),
    **named("bias-of-whole-tiles", "bias-dropped", "units-unbiased"),
    **named("one-unit-squeezed", "axes-squeezed"),
    **named("remainder-of-rows-zero", "rows-zero"),
    **named("no-rows-refused", "empty-inputs-refused"),
    **named("float16-saturates", "infinity-clipped"),
    **named("zero-inputs-skipped", "zero-times-infinity"),
    **named("no-bias-no-activation", "activation-missing"),
    **named("square-kernel-loaded-transposed", "kernel-transposed"),
    **named("float32-in-tf32", "operands-rounded", "narrow-arithmetic"),
    **named("mixed-outputs-float32", "output-dtype"),
    **named("mixed-kernel-cast-once", "stale-weights"),
    # activations
    **named("gelu-by-tanh-with-its-slope leaky-slope-of-pytorch", "activation-formula"),
    **named("selu-of-short-constants tanh-rational", "activation-formula"),
    **named("sigmoid-clipped log-softmax-with-epsilon", "activation-formula", "activation-tail"),
    **named("softmax-over-axis-1", "activation-axis"),
    **named("softmax-one-maximum", "rows-coupled", "nan-spreads"),
    **named("softmax-of-plain-exp", "activation-formula", "activation-tail"),
    **named("glu-gated-by-first-half", "activation-axis", "activation-formula"),
    # gradients
    **named("bias-averaged-over-steps", "gradient-averaged"),
    **named("nan-upstream-zeroed", "nan-gradient-replaced", "upstream-changed"),
    **named("gradients-accumulate", "gradients-accumulate"),
    **named("relu-masks-in-place", "upstream-overwritten"),
    **named("sigmoid-slope-of-z gelu-slope-without-density log-softmax-of-cross-entropy", "slope-formula"),
    # Keras
    **named("config-without-base", "config-incomplete"),
    **named("masking-unsupported", "mask-wrong"),
    **named("output-shape-of-rank-2", "inferred-shape-wrong"),
    **named("bias-regularized-as-kernel", "penalty-of-other-regularizer"),
    **named("kernel-penalty-by-call", "penalties-before-call"),
    **named("keras-gelu-by-tanh leaky-relu-of-0.01", "activation-formula"),
    **named("softmax-without-maximum", "activation-formula", "activation-tail"),
    **named("keras-bias-gradient-averaged", "gradient-averaged"),
    **named("static-reshape", "unknown-lengths-differ", "output-shape"),
}
ALSO_ONCE_APART: Mapping[str, tuple[str, ...]] = {
    # what has no activation has no slope, and all units of a glu
    **named("no-bias-no-activation", "slope-missing", "output-shape"),
    # transposed where it is loaded, and once more on the way back
    **named("square-kernel-loaded-transposed", "kernel-not-transposed"),
    # an axis less is another shape
    **named("one-unit-squeezed", "output-shape"),
    **named("no-rows-refused static-reshape", "raises"),
    # the backward pass has the rounded operands, too
    **named("float32-in-tf32", "gradient-rounded"),
    # what is kept comes from earlier calls
    **named("gradients-accumulate", "history-dependent"),
    # their slopes are those of the wrong values
    **named("gelu-by-tanh-with-its-slope leaky-slope-of-pytorch selu-of-short-constants", "slope-formula"),
    **named("tanh-rational log-softmax-with-epsilon glu-gated-by-first-half", "slope-formula"),
    **named("keras-gelu-by-tanh leaky-relu-of-0.01", "slope-formula"),
    **named("sigmoid-clipped softmax-without-maximum", "slope-tail"),
    # axis 1 of rank 3 is that of the steps
    **named("softmax-over-axis-1", "steps-coupled"),
    # rows far below the batch's maximum are 0 / 0
    **named("softmax-one-maximum", "activation-tail"),
    # a bias that has a regularizer of its own alone costs nothing
    **named("bias-regularized-as-kernel", "penalty-missing"),
    # calls do not ask whether the layer is frozen, read the kernel as the policy casts it, and add up in one model
    **named("kernel-penalty-by-call", "frozen-penalties", "penalty-rounded", "penalty-repeated"),
    # Keras asks compute_output_shape what a symbolic call gives
    **named("output-shape-of-rank-2", "symbolic-shape-wrong"),
    # the mean of no rows, or of no steps
    **named("keras-bias-gradient-averaged bias-averaged-over-steps", "gradient-nan-for-empty"),
}
