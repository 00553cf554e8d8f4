"""By the name of a mutant the defects that are right for it: what it declares, and what else is true of it."""

from __future__ import annotations

from collections.abc import Mapping


def _all(names: str, *defects: str) -> Mapping[str, tuple[str, ...]]:
    return dict.fromkeys(names.split(), defects)


#: By the mutant's name the defects any of which is right.
EXPECTED: Mapping[str, tuple[str, ...]] = {
    # ---- product, bias, batch, units
    **_all("kernel-transposed square-kernel-transposed", "kernel-transposed"),
    **_all("last-feature-dropped sum-cut-at-256", "features-dropped"),
    **_all("features-reversed", "features-reordered"),
    **_all("kernel-absolute", "kernel-absolute"),
    **_all("tiny-weights-lost", "tiny-weights-zero"),
    **_all("bias-dropped", "bias-dropped"),
    **_all("bias-doubled", "bias-doubled"),
    **_all("bias-subtracted", "bias-subtracted"),
    **_all("bias-in-first-row", "rows-unbiased"),
    **_all("bias-after-activation keras-bias-after-activation", "bias-late"),
    **_all("bias-always", "bias-uninvited"),
    **_all("half-unbiased", "bias-dropped"),
    **_all("rank-4-reversed", "rows-reordered"),
    **_all("rank-5-doubled", "pre-activations-scaled"),
    **_all("activation-with-bias-only", "activation-missing"),
    **_all("batch-cut-at-32", "rows-zero"),
    **_all("row-33-repeats-first", "rows-repeated"),
    **_all("empty-batch-refused zero-width-refused", "empty-inputs-refused"),
    **_all("batch-mean-subtracted batch-scale-shared", "rows-coupled"),
    **_all("softmax-shifted-by-the-batch", "rows-coupled", "nan-spreads"),
    **_all("last-unit-zero fifth-unit-zero units-in-fours", "units-zero"),
    **_all("zero-rows-skipped", "rows-unbiased"),
    # ---- arithmetic
    **_all("float16-kernel-beyond-32", "narrow-storage", "operands-rounded"),
    **_all("float16-accumulator bfloat16-accumulator half-summed-in-half", "narrow-accumulator"),
    **_all("tf32-operands bfloat16-operands", "operands-rounded"),
    **_all("rank-3-in-bfloat16", "operands-rounded", "narrow-arithmetic"),
    **_all("kernel-in-float16", "narrow-storage"),
    **_all("kernel-in-bfloat16", "narrow-storage", "weights-dtype"),
    **_all("float64-in-float32 float64-product-in-float32", "narrow-arithmetic", "operands-rounded"),
    **_all("activation-in-float32", "activation-narrow"),
    **_all("half-in-float8 half-in-six-bits", "outputs-rounded"),
    **_all("outputs-in-float64 outputs-in-float32", "output-dtype"),
    # ---- activations
    **_all(
        "gelu-by-tanh gelu-by-sigmoid gelu-erf-of-z swish-with-beta leaky-slope-0.01 leaky-slope-0.3",
        "activation-formula",
    ),
    **_all(
        "elu-alpha-1.01 selu-three-digits celu-is-relu hard-sigmoid-of-keras-2 hard-sigmoid-of-keras-3",
        "activation-formula",
    ),
    **_all(
        "hard-silu-cut-at-2 relu6-cap-8 hard-tanh-cap-2 soft-shrink-threshold-0.4 hard-shrink-inclusive",
        "activation-formula",
    ),
    **_all(
        "tanh-shrink-sign sparse-plus-is-relu sparse-sigmoid-wide squareplus-b-1 softsign-squared", "activation-formula"
    ),
    **_all(
        "sigmoid-off-by-2e-6 tanh-off-by-1e-5 elu-smoothed sparse-plus-biased sparsemax-one-hot", "activation-formula"
    ),
    **_all("softmax-epsilon-1e-6 softmax-epsilon-1e-7", "activation-formula"),
    **_all("half-hard-sigmoid-of-keras-2 half-leaky-slope half-elu-by-celu half-gelu-by-tanh", "activation-formula"),
    **_all("half-selu-of-three-digits", "activation-formula"),
    **_all("exponential-by-pade mish-threshold-4 softplus-threshold-5", "activation-formula", "activation-tail"),
    **_all("softplus-overflows log-sigmoid-underflows sigmoid-of-infinities sigmoid-clamped", "activation-tail"),
    **_all("softmax-unshifted log-of-softmax", "activation-tail"),
    **_all("softmax-over-batch softmax-axis-1 log-softmax-axis-1 keras-softmax-axis-1", "activation-axis"),
    **_all("glu-halves-swapped glu-interleaved", "activation-axis"),
    # ---- gradients
    **_all("kernel-gradient-mean bias-gradient-mean bias-gradient-mean-of-steps", "gradient-averaged"),
    **_all("keras-kernel-gradient-mean", "gradient-averaged"),
    **_all("kernel-gradient-transposed", "gradient-transposed"),
    **_all("kernel-gradient-zero inputs-gradient-zero", "gradient-zero"),
    **_all("kernel-gradient-missing bias-gradient-missing inputs-gradient-missing", "gradient-missing"),
    **_all("keras-bias-stopped", "gradient-missing", "gradient-zero"),
    **_all("kernel-gradient-negated gradient-without-bias", "gradient-negated"),
    **_all("kernel-gradient-clipped", "gradient-clipped"),
    **_all("bias-gradient-doubled gradient-of-rank-5", "gradient-scaled"),
    **_all("bias-gradient-half-the-rows kernel-gradient-last-step bias-gradient-first-step", "gradient-of-some-rows"),
    **_all("bias-gradient-keeps-axis", "gradient-shape"),
    **_all("inputs-gradient-by-kernel", "kernel-not-transposed"),
    **_all("upstream-as-ones upstream-clipped upstream-absolute", "upstream-changed"),
    **_all("slope-forgotten", "slope-missing"),
    **_all("gelu-slope-of-tanh-form tanh-slope-off softsign-slope-off leaky-slope-off mish-slope-off", "slope-formula"),
    **_all("relu-slope-1-at-0 relu-slope-half-at-0 relu6-slope-1-at-6 leaky-slope-1-at-0", "slope-at-kink"),
    **_all("elu-slope-half-at-0 selu-slope-1-at-0 celu-slope-0-at-0 hard-tanh-slope-0-at-1", "slope-at-kink"),
    **_all("hard-sigmoid-slope-at-3 hard-silu-slope-at-3 soft-shrink-slope-at-half", "slope-at-kink"),
    **_all("sparse-sigmoid-slope-at-1 keras-relu-by-maximum", "slope-at-kink"),
    **_all("softplus-slope-of-infinities silu-slope-of-infinities", "slope-tail"),
    **_all("softmax-gradient-diagonal softmax-gradient-product log-softmax-gradient-diagonal", "slope-formula"),
    **_all("glu-gate-gradient-missing sparsemax-gradient-uncoupled", "slope-formula"),
    **_all("gradients-in-float16 gradients-in-bfloat16 inputs-gradient-in-bfloat16", "gradient-rounded"),
    **_all("gradients-in-float32", "gradient-rounded"),
    **_all("gradients-pile-up", "gradients-accumulate"),
    **_all("upstream-overwritten", "upstream-overwritten"),
    **_all("empty-batch-gradient-nan", "gradient-nan-for-empty"),
    **_all("slope-constant kernel-constant-on-the-way-back constants-when-nested", "second-order-wrong"),
    **_all("gradients-in-compute-dtype", "gradient-dtype"),
    # ---- shapes
    **_all("leading-axes-merged", "axes-merged", "output-shape"),
    **_all("leading-axes-swapped", "axes-swapped"),
    **_all("inputs-flattened", "inputs-flattened"),
    **_all("axis-by-length", "wrong-axis"),
    **_all("unit-axes-squeezed single-unit-squeezed", "axes-squeezed"),
    **_all("empty-axes-vanish", "output-shape", "axes-merged"),
    **_all("zero-width-zeros", "bias-dropped", "outputs-zero"),
    **_all("zero-width-nan", "outputs-nan"),
    **_all("fixed-batch", "symbolic-shape-wrong"),
    **_all("length-read-while-tracing constant-for-unknown-shapes", "unknown-lengths-differ"),
    **_all("inferred-as-rank-2", "inferred-shape-wrong"),
    **_all("vectors-accepted", "low-rank-accepted"),
    **_all("other-width-cut any-width", "other-width-accepted"),
    **_all("width-guessed", "unknown-width-accepted"),
    **_all("rank-remembered", "rank-refused"),
    # ---- state
    **_all("counts-calls", "answers-change"),
    **_all("outputs-in-one-buffer", "outputs-overwritten"),
    **_all("rows-of-the-first-batch", "first-batch-decides"),
    **_all("strides-ignored", "strides-ignored"),
    **_all("answers-late", "answers-remembered"),
    **_all("weights-decay", "weights-drift"),
    **_all("inputs-in-place answers-in-place inputs-rounded-in-place", "inputs-overwritten"),
    **_all("kernel-packed inputs-remembered", "stale-weights"),
    **_all("weights-shared", "weights-shared"),
    **_all("half-in-training noise-in-training", "training-differs"),
    **_all("frozen-in-graph doubled-in-graph gradient-doubled-in-graphs relu-differs-in-graphs", "graph-differs"),
    **_all("doubled-for-other-batches zero-for-other-batches reversed-for-other-batches", "history-dependent"),
    **_all("every-other-call-constant", "history-dependent"),
    # ---- specials
    **_all("nan-becomes-zero nan-softmax-zeroed nan-inputs-zeroed nan-outputs-zeroed", "nan-replaced"),
    **_all("half-nan-becomes-infinity", "nan-replaced"),
    **_all("infinity-clipped", "infinity-clipped"),
    **_all("nan-spreads poisoned-by-nan", "nan-spreads"),
    **_all("upstream-nan-zeroed", "nan-gradient-replaced"),
    **_all("upstream-nan-spreads", "nan-gradient-spreads"),
    **_all("zeros-skipped zero-weights-skipped", "zero-times-infinity"),
    **_all("clamped half-clamped half-saturated", "infinity-clipped"),
    **_all("nan-for-infinity silu-over-itself", "infinity-nan"),
    **_all("divided-by-nothing", "subnormal-wrong"),
    # ---- dtypes
    **_all("weights-in-compute-dtype weights-in-float32", "weights-dtype"),
    **_all("declared-as-float32", "declared-dtype-wrong"),
    **_all("only-names-are-policies float32-unless-told only-text-is-a-dtype", "policy-ignored"),
    **_all("computes-as-its-inputs", "inputs-decide-dtype"),
    **_all("integers-refused arrays-refused", "inputs-refused"),
    **_all("wide-integers-in-32-bits bytes-with-a-sign integers-through-float16", "inputs-cast-narrowly"),
    **_all("no-gradients-for-integers", "integers-without-gradients"),
    **_all("inputs-truncated", "inputs-truncated"),
    **_all("kernel-not-cast", "operands-unrounded"),
    # ---- weights
    **_all("kernel-stored-transposed", "kernel-shape"),
    **_all("bias-with-two-axes", "bias-shape"),
    **_all("bias-first", "weights-order"),
    **_all("weights-called-w-and-b", "weights-names"),
    **_all("trainable-scale frozen-scale more-when-called", "weights-extra"),
    **_all("weights-of-a-twin", "weights-extra", "model-differs"),
    **_all("count-without-bias", "parameter-count"),
    **_all("bias-not-trainable", "weights-not-trainable"),
    **_all("bias-always-made", "bias-made-unused"),
    **_all("more-when-told-a-shape", "stacked-weights-wrong"),
    **_all("width-guessed-when-made built-by-calls shapes-in-tuples-alone", "built-when"),
    **_all("bias-lost-where-built", "graph-build-differs"),
    **_all("frozen-in-between frozen-weights-held", "frozen-gradients-wrong"),
    **_all("kernel-copied", "attribute-is-copy"),
    **_all("frozen-counts-nothing trainable-reversed trainable-swallowed frozen-for-good", "frozen-wrong"),
    **_all("counted-before-built set-to-no-avail name-ignored always-of-one-name", "attributes-wrong"),
    **_all("no-bias-attribute", "attributes-wrong", "built-when"),
    **_all("zero-bias-without-one", "attributes-wrong"),
    **_all("zeros-after-a-refusal kernel-lost-to-a-wrong-bias any-number-of-weights", "wrong-weights-accepted"),
    **_all("weights-made-to-fit any-weights", "wrong-weights-accepted"),
    **_all("trains-itself", "frozen-weights-move"),
    **_all("given-in-half", "weights-given-wrong"),
    # ---- initializers
    **_all("he-by-default ones-bias-by-default", "default-initializer"),
    **_all("bias-always-zero kernel-always-glorot", "initializer-ignored"),
    **_all("orthogonal-by-glorot", "orthogonal-wrong", "initializer-ignored"),
    **_all("bias-as-kernel", "initializer-of-other-weight", "initializer-wrong"),
    **_all("fans-swapped", "fans-swapped"),
    **_all("drawn-wider fans-of-all-axes", "initializer-scaled"),
    **_all("constants-in-half drawn-in-half", "initial-rounded"),
    **_all("none-for-zeros", "initializer-none"),
    **_all("names-for-the-default only-objects-initialize", "initializer-form-ignored"),
    **_all("config-without-its-seed seed-ignored", "seed-not-used"),
    **_all("seed-alone seed-of-the-kernel", "drawn-otherwise"),
    **_all("callable-asked-twice", "initializer-asked-twice"),
    **_all("arrays-ignored", "arrays-ignored"),
    **_all("weights-swallowed", "weights-given-wrong"),
    **_all("shared-by-all biases-alike never-new", "layers-begin-alike"),
    # ---- losses
    **_all("penalty-averaged penalty-halved activity-halved", "penalty-scaled"),
    **_all("penalty-remembered", "penalty-stale"),
    **_all("penalty-of-the-rounded", "penalty-rounded"),
    **_all("undivided-in-unknown-batches activity-by-all-rows", "activity-divisor"),
    **_all("masked-for-nothing", "penalty-of-masked"),
    **_all("evaluated-for-nothing nothing-when-evaluated bias-penalty-forgotten", "penalty-missing"),
    **_all("inputs-for-nothing penalty-constant orthogonal-constant", "penalty-without-gradient"),
    **_all("callables-for-the-kernel-alone only-objects-regularize", "penalty-form-ignored"),
    **_all("only-regularizers-regularize", "penalty-form-ignored"),
    **_all("penalty-added-again", "penalty-repeated"),
    **_all("l1_l2-ignored", "penalty-missing", "penalty-form-ignored"),
    **_all("bias-with-kernels-penalty", "penalty-of-other-regularizer"),
    **_all("penalty-of-pre-activations", "penalty-of-pre-activations"),
    **_all("penalty-from-calls-alone", "penalties-before-call"),
    **_all("frozen-for-nothing frozen-at-full-cost frozen-weights-for-nothing", "frozen-penalties"),
    **_all("no-penalty-in-training", "training-steps-wrong"),
    # ---- constraints
    **_all("zero-by-zero epsilon-in-the-root never-lowered", "constraint-formula"),
    **_all("constrained-in-float32", "constraint-narrow"),
    **_all("constrained-when-built constrained-when-set constrained-at-calls", "constraint-untimely"),
    **_all("bias-by-the-kernels kernel-with-biases-constraint", "constraint-of-other-weight"),
    **_all("configs-by-their-class only-objects-constrain only-constraints-constrain", "constraint-form-ignored"),
    **_all("kernel-unconstrained bias-unconstrained", "constraint-missing"),
    **_all("constrained-along-the-other-axis", "constraint-axis"),
    **_all("bias-constrained-doubled", "constraint-doubled"),
    **_all("constrained-eagerly-alone", "training-steps-wrong"),
    # ---- composition and modes
    **_all("made-anew-by-symbols", "shared-calls-wrong", "model-differs"),
    **_all("mask-lost mask-turned masked-to-zero", "mask-wrong"),
    **_all("not-under-xla", "xla-differs"),
    **_all("scaled-by-the-batch", "graph-differs", "predict-differs", "unknown-lengths-differ"),
    **_all("single-rows-lost kernel-kept-for-inference", "predict-differs"),
    **_all("averaged-in-training doubled-in-training", "training-steps-wrong"),
    **_all("kernel-cached-in-training", "training-steps-wrong", "training-differs"),
    **_all("upstream-remembered", "persistent-tape-wrong", "history-dependent"),
    **_all("tripled-under-jacobians", "jacobian-wrong", "graph-differs"),
    # forward mode differentiates a gradient
    **_all("no-forward-rule", "forward-mode-wrong", "second-order-wrong"),
    # ---- arguments and saving
    **_all("no-class-names", "class-names-wrong"),
    **_all("callables-ignored none-means-relu", "activation-argument-wrong"),
    **_all("config-without-use-bias config-without-activation config-without-regularizers", "config-incomplete"),
    **_all("config-without-dtype config-without-activity config-without-trainable", "config-incomplete"),
    **_all("config-without-constraints config-without-initializers config-without-name", "config-incomplete"),
    **_all("seed-not-kept limits-not-kept activation-by-name clone-without-activation", "config-incomplete"),
    **_all("config-with-an-object", "config-not-plain"),
    **_all("config-used-up", "config-changed"),
    **_all("stored-in-float32 loaded-as-zeros stored-halved", "stored-weights-wrong"),
    **_all("misfits-taken", "misfits-accepted"),
    **_all("stored-transposed stored-by-name", "exchange-wrong"),
    **_all("reversed-in-exports", "export-wrong", "unknown-lengths-differ", "graph-differs"),
    # ---- errors
    **_all("refused-late refused-by-another-type", "refused-otherwise"),
    **_all("units-guessed units-cut activation-else-linear class-names-accepted", "odd-argument-accepted"),
    **_all("initializer-else-glorot regularizer-else-none constraint-else-none", "odd-argument-accepted"),
    **_all("bias-constraint-else-none dtype-else-float32 keywords-swallowed", "odd-argument-accepted"),
    **_all("known-to-keras-2", "odd-argument-accepted"),
    **_all("broken-by-a-refusal built-by-a-refusal first-of-several", "recovery-wrong"),
    **_all("initializers-swapped regularizers-swapped", "positions-wrong"),
}
#: What else is true of a mutant, besides the defect that it declares: side effects of how it is made.
ALSO: Mapping[str, tuple[str, ...]] = {
    # they multiply the inputs as they come, in float64
    **_all(
        "bias-after-activation float64-in-float32 activation-in-float32 activation-with-bias-only", "operands-unrounded"
    ),
    **_all("inputs-flattened zero-width-refused leading-axes-merged leading-axes-swapped", "operands-unrounded"),
    **_all("axis-by-length unit-axes-squeezed single-unit-squeezed empty-axes-vanish", "operands-unrounded"),
    # their calls do not cast
    **_all("keras-relu-by-maximum keras-softmax-axis-1 slope-constant", "inputs-refused"),
    # its terms cancel: beyond the largest number that is NaN
    **_all("kernel-constant-on-the-way-back", "infinity-nan", "nan-spreads"),
    # a scale in training mode leaves a rounding
    **_all("averaged-in-training", "training-differs"),
    # its test of what is known raises for arrays
    **_all("initializer-else-glorot", "arrays-ignored"),
    # a scale in the half type rounds its product
    **_all("half-in-float8", "infinity-nan"),
    # outputs of 0 cost nothing
    **_all("masked-to-zero", "penalty-of-masked"),
    # what is ignored is not looked at, and so not refused
    **_all("only-objects-constrain only-objects-regularize callables-ignored", "odd-argument-accepted"),
    # a second derivative is a second backward pass
    **_all("upstream-remembered", "second-order-wrong"),
    # before there are weights it takes any number, too
    **_all("any-number-of-weights", "attributes-wrong"),
    # a stopped bias has no derivative in either direction
    **_all("keras-bias-stopped", "forward-mode-wrong"),
    # the bias that is made takes one that is stored
    **_all("bias-always-made", "misfits-accepted"),
    # what a call adds does not ask whether the layer is frozen
    # and reads the weights as the policy casts them
    **_all("penalty-from-calls-alone", "frozen-penalties", "penalty-rounded"),
    # evaluate runs in a graph
    **_all("no-penalty-in-training", "evaluation-wrong"),
    # what is added last has no slope in its gradient; and its call does not cast
    **_all("keras-bias-after-activation", "slope-missing", "inputs-refused"),
    # from_config gives a constructor configs
    **_all("config-without-its-seed only-objects-initialize", "config-incomplete"),
    # the weights of the guessed width stay, and are counted
    **_all("width-guessed-when-made", "stacked-weights-wrong"),
    # a kernel's orthogonal initializer raises for the bias, and the bias's own is never asked
    **_all("bias-as-kernel", "orthogonal-wrong", "odd-argument-accepted"),
    # a graph may make no weights after its first call
    **_all("made-anew-by-symbols", "graph-differs"),
}
