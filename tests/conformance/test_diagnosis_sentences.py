"""What is said of mutants whose defect shows in one way alone: one sentence, which is the defect."""

from __future__ import annotations

import pytest

from conformance.cases import Tier
from conformance.diagnosis.measuring import measure
from conformance.implementations.mutants import MUTANTS
from conformance.recording import oracle_named
from conformance.run import Selection

#: By the name of a mutant its defect, and words of the sentence.
TOLD = {
    # NaN and infinities
    "nan-for-infinity": ("infinity-nan", "infinity becomes NaN"),
    "nan-inputs-zeroed": ("nan-replaced", "NaN in the inputs is taken for 0"),
    "special-weights-zeroed": ("nan-replaced", "NaN among the weights is turned into a number"),
    "zero-weights-skipped": ("zero-times-infinity", "an input that is not finite is skipped where its weight is 0"),
    "half-nan-becomes-infinity": ("nan-replaced", "NaN becomes inf in bfloat16 and float16"),
    "half-infinity-unsigned": ("infinity-unsigned", "what overflows is infinite without its sign in half types"),
    "padded-with-the-next-row": ("nan-spreads", "one NaN spoils the row before it"),
    "softmax-shifted-by-the-batch": ("rows-coupled", "depend on the other rows of its batch with softmax"),
    "softmax-epsilon-1e-7": ("activation-formula", "softmax adds 1e-07 to its denominator"),
    # memory
    "outputs-in-one-buffer": ("outputs-overwritten", "overwritten by later calls"),
    "rows-of-the-first-batch": ("first-batch-decides", "rows beyond the length of the first batch are 0"),
    "strides-ignored": ("strides-ignored", "it reads on in memory"),
    "weights-one-call-late": ("weights-late", "take effect one call late"),
    "mixed-kernel-cast-once": ("stale-weights", "a kernel that is set later is not used"),
    "sums-not-cleared": ("answers-accumulate", "outputs are added to those of the calls before"),
    "gradients-pile-up": ("gradients-accumulate", "the second time those of kernel, bias and inputs are added"),
    "upstream-overwritten": ("upstream-overwritten", "the backward pass overwrites the caller's upstream gradient"),
    # places and numbers
    "kernel-in-panels": ("kernel-misread", "the kernel is read in another order than it lies"),
    "remainder-not-activated": ("activation-missing", "to the units behind the last whole block of 4"),
    "units-padded-to-eights": ("units-padded", "filled up with zeros to a multiple of 8"),
    "rows-numbered-by-a-byte": ("rows-overwritten", "row numbers wrap at 256"),
    "channels-first-from-rank-4": ("inputs-misread", "as channels first"),
    "weights-of-six-digits": ("kernel-rounded", "written with 6 significant digits"),
    "sums-saturated": ("sums-saturated", "partial sums end at -32768 and 32767"),
    "inputs-gradient-by-stepped-kernel": ("gradient-of-stepped-kernel", "after a step of 0.01 times its gradient"),
}


@pytest.mark.parametrize("name", TOLD)
def test_one_sentence_says_it(name: str) -> None:
    defect, words = TOLD[name]
    (measured,) = measure([MUTANTS[name]], Selection(tier=Tier.SMOKE), oracle_named("recorded"))
    (told,) = [each for each in measured.diagnoses if each.defect]
    assert told.defect == defect
    assert words in told.says
