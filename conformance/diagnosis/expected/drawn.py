"""Of mutants that were drawn by authors who did not know the rules: what is right, and what else is true."""

from __future__ import annotations

from collections.abc import Mapping

from conformance.diagnosis.expected.naming import named

EXPECTED_DRAWN: Mapping[str, tuple[str, ...]] = {
    # forward
    **named("kernel-read-units-first", "kernel-transposed"),
    **named("first-bias-for-all", "bias-of-one-unit"),
    **named("width-in-8-bits", "features-dropped"),
    **named("bias-for-each-block", "bias-scaled"),
    **named("relu-unbiased bias-up-to-rank-2", "bias-dropped"),
    **named("images-channels-first", "inputs-misread"),
    **named("outputs-steps-first", "rows-reordered"),
    **named("outputs-left-as-rows", "axes-merged", "output-shape"),
    **named("bias-along-axis-1", "bias-axis"),
    **named("batch-left-padded", "batch-padded"),
    **named("units-start-again", "units-repeated"),
    **named("weights-of-six-decimals", "kernel-rounded", "narrow-storage"),
    **named("inputs-in-8-bits", "operands-rounded", "rows-coupled"),
    **named("fixed-point", "fixed-point"),
    **named("float64-kernel-in-float32", "narrow-storage"),
    **named("mixed-uncast", "operands-unrounded"),
    **named("gives-its-workspace", "history-dependent", "first-batch-decides"),
    **named("memory-order", "strides-ignored"),
    **named("bias-kept", "stale-weights"),
    **named("reshapes-in-place", "inputs-overwritten"),
    **named("bias-of-the-class", "bias-shared"),
    # activations
    **named("relu-with-ceiling selu-short-constants activation-applied-twice sigmoid-from-table", "activation-formula"),
    **named("activation-left-out", "activation-missing"),
    **named("rare-activations-linear", "activation-missing"),
    **named("log-softmax-of-implicit-axis", "activation-axis"),
    **named("relu-of-nan-zero", "nan-replaced"),
    # gradients
    **named("weight-gradients-averaged weight-gradients-averaged-over-steps", "gradient-averaged"),
    **named("bias-gradient-averaged", "gradient-averaged"),
    **named("bias-does-not-train", "gradient-zero"),
    **named("slope-of-output-taken-of-z log-softmax-for-one-label", "slope-formula"),
    **named("backward-in-bfloat16", "gradient-rounded"),
    **named("empty-batch-divided-by", "gradient-nan-for-empty"),
    # of third parties
    **named("bias-switch-after-initializers", "positions-wrong"),
    **named("begins-random-normal", "default-initializer"),
    **named("seeded-by-default", "layers-begin-alike"),
    **named("activity-regularizer-dropped", "penalty-missing"),
    **named("kernel-regularizer-for-the-bias-too", "penalty-of-other-regularizer"),
    **named("constrained-by-calls", "constraint-untimely", "constraint-in-call"),
    **named("logits-in-training", "training-differs"),
    **named("outputs-in-the-variable-dtype", "output-dtype"),
    **named("only-rank-2", "rank-refused"),
    **named("reshaped-by-the-static-shape", "unknown-lengths-differ"),
}
ALSO_DRAWN: Mapping[str, tuple[str, ...]] = {
    # rows of a batch, and layers, have something in common: that is seen of them
    **named("log-softmax-of-implicit-axis", "rows-coupled"),
    **named("bias-of-the-class", "weights-shared"),
    # what is not cut off is of another shape
    **named("batch-left-padded", "output-shape"),
    # what is ignored is not looked at, and so not refused
    **named("activity-regularizer-dropped", "odd-argument-accepted"),
}
