"""What else is true of mutants, besides the defects that they declare: side effects of how they are made."""

from __future__ import annotations

from collections.abc import Mapping

from conformance.diagnosis.expected.naming import named

ALSO_KNOWN: Mapping[str, tuple[str, ...]] = {
    # a row without elements is one of zeros
    **named("zero-rows-skipped", "bias-dropped"),
    # the largest input of a batch decides how all of it is scaled
    **named("scaled-by-reciprocal", "rows-coupled"),
    # their calls do not cast
    **named("keras-relu-by-maximum keras-softmax-axis-1 slope-constant", "inputs-refused"),
    # its terms cancel: beyond the largest number that is NaN
    **named("kernel-constant-on-the-way-back", "infinity-nan", "nan-spreads"),
    # a scale in training mode leaves a rounding
    **named("averaged-in-training", "training-differs"),
    # its test of what is known raises for arrays
    **named("initializer-else-glorot", "arrays-ignored"),
    # a scale in the half type rounds its product
    **named("half-in-float8", "infinity-nan"),
    # outputs of 0 cost nothing
    **named("masked-to-zero", "penalty-of-masked"),
    # what is ignored is not looked at, and so not refused
    **named("only-objects-constrain only-objects-regularize callables-ignored", "odd-argument-accepted"),
    # a second derivative is a second backward pass
    **named("upstream-remembered", "second-order-wrong"),
    # before there are weights it takes any number, too
    **named("any-number-of-weights", "attributes-wrong"),
    # a stopped bias has no derivative in either direction
    **named("keras-bias-stopped", "forward-mode-wrong"),
    # the bias that is made takes one that is stored
    **named("bias-always-made", "misfits-accepted"),
    # what a call adds does not ask whether the layer is frozen
    # and reads the weights as the policy casts them
    **named("penalty-from-calls-alone", "frozen-penalties", "penalty-rounded"),
    # evaluate runs in a graph
    **named("no-penalty-in-training", "evaluation-wrong"),
    # what is added last has no slope in its gradient; and its call does not cast
    **named("keras-bias-after-activation", "slope-missing", "inputs-refused"),
    # from_config gives a constructor configs
    **named("config-without-its-seed only-objects-initialize", "config-incomplete"),
    # the weights of the guessed width stay, and are counted
    **named("width-guessed-when-made", "stacked-weights-wrong"),
    # a kernel's orthogonal initializer raises for the bias, and the bias's own is never asked
    **named("bias-as-kernel", "orthogonal-wrong", "odd-argument-accepted"),
    # a graph may make no weights after its first call
    **named("made-anew-by-symbols", "graph-differs"),
    # ---- ported, and of third parties
    # the number of a single row is that of the first unit
    **named("bias-of-the-row-number", "bias-of-one-unit"),
    # the exponential of infinity is that of 50
    **named("exponential-clamped", "infinity-clipped"),
    # what is left out or filled up is of another shape
    **named("last-step-alone units-padded-to-eights", "output-shape"),
    # row 256 comes out where row 0 belongs
    **named("rows-numbered-by-a-byte", "rows-coupled"),
    # what is added up differs from call to call
    **named("sums-not-cleared", "answers-change"),
    **named("weight-gradients-accumulate", "history-dependent"),
    # Keras asks compute_output_shape what a symbolic call gives
    **named("shape-of-inputs-inferred", "symbolic-shape-wrong"),
    # to differentiate twice is to ask one call for its gradients twice
    **named("backward-once", "second-order-wrong"),
    # without its arguments an initializer is another
    **named("initializers-by-their-class", "initializer-wrong"),
    # what is float16 is declared so, and takes no upstream gradient of bfloat16
    **named("float16-for-bfloat16", "declared-dtype-wrong", "raises"),
}
