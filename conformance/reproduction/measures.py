"""What a clause's comparisons look at, as expressions over the `answer` of a script."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from conformance.answers import Trial
from conformance.cases import Question
from conformance.procedures import GRADIENTS, PROCEDURES
from reference.config import DenseConfig
from reference.initializers import INITIALIZERS, Spread

#: Reads arrays that are written in hexadecimal.
FROMHEX = "fromhex = np.vectorize(float.fromhex, otypes=[float])  # every bit as it was"
#: Functions of a script that expressions use, by name.
HELPERS: Mapping[str, str] = {
    "told": """
def told(value):
    return f"{float(value)!r}  {float(value).hex()}"
""",
    "outside": '''
def outside(name, got, lower, upper, real=None):
    """The element that is farthest out of [lower, upper], if any is; of the whole line nothing is claimed."""
    got = None if got is None else np.asarray(got).astype(np.float64)
    if got is None or got.shape != lower.shape:
        yield f"{name}: got {'nothing' if got is None else f'shape {got.shape}'}, allowed shape {lower.shape}"
        return
    with np.errstate(all="ignore"):
        wrong = ~((lower <= got) & (got <= upper)) & ~(np.isneginf(lower) & np.isposinf(upper))
        off = np.where(wrong, np.nan_to_num(np.maximum(lower - got, got - upper), nan=np.inf), -1)
    if wrong.any():
        at = np.unravel_index(np.argmax(off), off.shape)
        yield f"{name} at {[int(each) for each in at]}: {wrong.sum()} of {wrong.size} elements are outside"
        yield f"  got         {told(got[at])}"
        yield f"  allowed     {told(lower[at])}" + ("" if lower[at] == upper[at] else f" .. {told(upper[at])}")
        if real is not None:
            yield f"  real layer  {told(real[at])}"
''',
    "other": """
def other(name, got, expected):
    if got != expected or type(got) is not type(expected):
        yield f"{name}: got {got!r}, allowed {expected!r}, as the real layer has it"
""",
    "beside": '''
def beside(baseline, lower, upper):
    """What is allowed beside another answer: where that is wrong itself, as much as two right ones may differ."""
    baseline, width = np.asarray(baseline).astype(np.float64), upper - lower
    if ((lower <= baseline) & (baseline <= upper)).all():
        return lower, upper
    less, more = np.where(width > 0, -np.inf, baseline), np.where(width > 0, np.inf, baseline)
    return np.nextafter(baseline - width, less), np.nextafter(baseline + width, more)
''',
    "shape_of": '''
def shape_of(weights, name, place):
    """By its name, or else by its place."""
    named = [each for each in weights if each["name"] == name] or weights[place : place + 1]
    return named[0]["shape"] if named else None
''',
    "products": '''
def products(kernel):
    """Of rows or columns with each other, whichever are fewer."""
    wide = np.asarray(kernel).astype(np.float64)
    return wide.T @ wide if wide.shape[0] >= wide.shape[1] else wide @ wide.T
''',
    "below": '''
def below(values):
    """The probability of a standard normal number that is no more."""
    return 0.5 * (1 + np.vectorize(math.erf, otypes=[float])(values / math.sqrt(2)))
''',
    "distance": '''
def distance(weight, distribution):
    """Kolmogorov's: the greatest one between the distribution and the share of numbers that are no more."""
    values = np.sort(np.asarray(weight).astype(np.float64).ravel())
    steps, expected = np.arange(values.size + 1) / values.size, distribution(values)
    return max(np.abs(expected - steps[1:]).max(), np.abs(expected - steps[:-1]).max())
''',
    "mostly_nearer": '''
def mostly_nearer(outputs, true, rival):
    """Where the two differ by more than a quarter of an ulp, and inputs lie between 1/4 and 4."""
    got, z = np.asarray(outputs).astype(np.float64)[..., 0], inputs.astype(np.float64)[..., 0]
    apart = np.abs(true(z) - rival(z)) > 2.0 ** (np.frexp(true(z))[1] - $precision) / 4
    decided = (np.abs(z) >= 0.25) & (np.abs(z) <= 4) & apart
    return bool((np.abs(got - true(z)) < np.abs(got - rival(z)))[decided].mean() > 0.5)
''',
    "gelu": """
def gelu(z):
    return 0.5 * z * (1 + np.vectorize(math.erf, otypes=[float])(z / math.sqrt(2)))
""",
    "gelu_by_tanh": """
def gelu_by_tanh(z):
    return 0.5 * z * (1 + np.tanh(np.sqrt(2 / np.pi) * (z + 0.044715 * z**3)))
""",
    "gelu_by_sigmoid": """
def gelu_by_sigmoid(z):
    return z / (1 + np.exp(-1.702 * z))
""",
    "selu": """
def selu(z):
    return 1.0507009873554805 * np.where(z > 0, z, 1.6732632423543772 * np.expm1(np.minimum(z, 0)))
""",
    "selu_of_three_digits": """
def selu_of_three_digits(z):
    return 1.05 * np.where(z > 0, z, 1.67 * np.expm1(np.minimum(z, 0)))
""",
}


def expression(name: str, trial: Trial) -> str:
    """What the comparison of this name looks at in an answer."""
    procedure = PROCEDURES[trial.question.procedure]
    if name not in (*procedure.tensors, *procedure.facts):
        for prefix, measure in _MEASURES.items():
            if name == prefix or (prefix.endswith(" ") and name.startswith(prefix)):
                return measure(name.removeprefix(prefix), trial)
    return f'answer["{name}"]'


def _outputs(of: str) -> Callable[[str, Trial], str]:
    return lambda _, __: of.replace("outputs", 'np.asarray(answer["outputs"])')


def _weights(of: str) -> Callable[[str, Trial], str]:
    return lambda _, __: of.replace("weights", 'answer["weights"]')


def _nan_at(_: str, trial: Trial) -> str:
    question = trial.question
    if question.procedure != "differentiate":
        return 'np.flatnonzero(np.isnan(np.asarray(answer["outputs"]))).tolist()'
    names = [name for name in GRADIENTS if question.config.use_bias or name != "bias_gradient"]
    places = "np.flatnonzero(np.isnan(np.asarray(answer[name])))"
    return f"[[name, int(place)] for name in {names} for place in {places}]"


def _distance(rest: str, trial: Trial) -> str:
    name = rest.partition(" ")[0]
    return f'np.array(distance(answer["{name}"], lambda values: {_distribution(_spread(name, trial.question))}))'


def _distribution(spread: Spread) -> str:
    if spread.shape == "uniform":
        return f"np.clip((values / {spread.limit!r} + 1) / 2, 0, 1)"
    normal = f"below(values / {spread.deviation!r})"
    return normal if spread.shape == "normal" else f"np.clip(({normal} - below(-2)) / (below(2) - below(-2)), 0, 1)"


def _second_moment(rest: str, trial: Trial) -> str:
    values = f'np.asarray(answer["{rest}"]).astype(np.float64)'
    return f"({values} ** 2).mean() - {_spread(rest, trial.question).second_moment!r}"


def _spread(name: str, question: Question) -> Spread:
    config, width = question.config, question.known_shape[-1]
    initializer, shape = {
        "kernel": (config.kernel_initializer, (width, config.units)),
        "bias": (config.bias_initializer, (config.units,)),
    }[name]
    spread = INITIALIZERS[initializer].spread
    assert spread is not None, f"{initializer} draws nothing"
    return spread(shape)


#: The functions of a script for each comparison with a rival formula.
_RIVALS: Mapping[str, tuple[str, str]] = {
    "gelu than to that by tanh": ("gelu", "gelu_by_tanh"),
    "gelu than to that by z sigmoid(1.702 z)": ("gelu", "gelu_by_sigmoid"),
    "selu than to that by three-digit constants": ("selu", "selu_of_three_digits"),
}


def _nearer(rest: str, _: Trial) -> str:
    true, rival = _RIVALS[rest]
    return f'mostly_nearer(answer["outputs"], {true}, {rival})'


#: By a comparison's name, or by the beginning of it, which ends in a blank. What is not here an answer holds by name.
_MEASURES: Mapping[str, Callable[[str, Trial], str]] = {
    "dtype": _outputs("outputs.dtype.name"),
    "output_shape": _outputs("list(outputs.shape)"),
    "NaNs": _outputs("int(np.isnan(outputs).sum())"),
    "nan_at": _nan_at,
    "outputs of rows without specials": _outputs("outputs[np.isfinite(inputs).all(axis=-1)]"),
    "outputs of rows with NaN are NaN": _outputs("bool(np.isnan(outputs[np.isnan(inputs).any(axis=-1)]).all())"),
    "outputs of infinity": lambda _, trial: f'np.ravel(answer["outputs"])[{trial.facts["infinite_at"]}]',
    "most outputs are nearer to ": _nearer,
    "dtype of the weights": _weights('[each["dtype"] for each in weights]'),
    "shape of the weights": _weights('[each["shape"] for each in weights]'),
    "dtype of the ": lambda name, _: f'np.asarray(answer["{name}"]).dtype.name',
    "shape of the kernel": _weights('shape_of(weights, "kernel", 0)'),
    "shape of the bias": _weights('shape_of(weights, "bias", 1)'),
    "names": _weights('sorted(each["name"] for each in weights)'),
    "order": _weights('[len(each["shape"]) for each in weights]'),
    "number of weights": _weights("len(weights)"),
    "distance of the ": _distance,
    "values of the ": lambda name, _: f'np.sort(np.asarray(answer["{name}"]).astype(np.float64).ravel())',
    "second moment of the ": _second_moment,
    "products of rows or columns": lambda _, __: 'products(answer["kernel"])',
    "two layers begin with one ": lambda name, _: f'np.array_equal(answer["{name}"], answer["second_{name}"])',
    "the same program with the same seed begins alike": lambda _, __: 'answer["same again"]',
    "with another seed it differs": lambda _, __: 'answer["other seed differs"]',
    "losses of a layer that is built, not called": lambda _, __: 'answer["built"]',
}


def fields(config: DenseConfig) -> Mapping[str, str]:
    """What stands for the $names in the helpers of this file."""
    return {"precision": str(config.format.precision)}
