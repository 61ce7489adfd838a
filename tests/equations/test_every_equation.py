"""What holds for every equation that TensorFlow computes."""

import ast
import inspect

import numpy as np
import pytest
import tensorflow as tf

from mixdmt_tf import equations
from mixdmt_tf.equations import index
from tests.equations.cases import CASES, PER_CLASS

NUMPY_ONLY = {
    name
    for name in equations.__all__
    if getattr(equations, name).__module__.endswith(
        (
            ".metrics",
            ".label_metrics",
            ".selection",
            ".deviations",
            ".graph",
            ".calibration",
            ".known_share",
            ".acquisition",
            ".whitening",
        )
    )
} | {"initial_share", "object_boxes"}


def ids(cases):
    """Number the cases of one equation, so that a failing one can be run alone."""
    return [f"{case.name}-{i}" for i, case in enumerate(cases)]


def run(function, arrays):
    """Return a list of NumPy results, also for an equation with a single one."""
    return [np.asarray(result) for result in tf.nest.flatten(function(*arrays))]


def assert_close(results, expected, **tolerance):
    """Compare as many results as are expected, shape and numbers."""
    assert len(results) == len(expected)
    for i, wanted in enumerate(expected):
        assert results[i].shape == np.shape(wanted)
        np.testing.assert_allclose(results[i], wanted, **tolerance)


def unknown_sizes(array):
    """Know the rank and, beyond a vector, the last axis, as of logits."""
    last = [array.shape[-1]] if array.ndim > 1 else [None] * array.ndim
    return tf.TensorSpec([None] * (array.ndim - 1) + last, array.dtype)


@pytest.fixture
def rng():
    """Draw the same inputs in every run."""
    return np.random.default_rng(20)


@pytest.mark.parametrize("case", CASES, ids=ids(CASES))
def test_equals_its_oracle(case, rng):
    """Random inputs of several shapes, up to [B, H, W, C]."""
    for shape in case.shapes:
        for _ in range(3):
            arrays = case.inputs(rng, shape)
            expected = case.oracle(*arrays)
            expected = expected if isinstance(expected, list) else [expected]
            assert_close(run(case.equation, arrays), expected, rtol=2e-5, atol=1e-6)


@pytest.mark.parametrize("compiled", [False, True], ids=["graph", "xla"])
@pytest.mark.parametrize("case", CASES, ids=ids(CASES))
def test_equals_itself_in_a_graph(case, compiled, rng):
    """Traced once with unknown sizes, then run with two different ones."""
    first = case.inputs(rng, case.shapes[0])
    again = case.inputs(rng, [3] + list(case.shapes[0])[1:] if case.shapes[0] else [])
    traced = tf.function(
        case.equation,
        input_signature=[unknown_sizes(array) for array in first],
        jit_compile=compiled,
    )
    for arrays in [first] if compiled else [first, again]:
        expected = run(case.equation, arrays)
        assert_close(run(traced, arrays), expected, rtol=2e-6, atol=1e-6)


@pytest.mark.parametrize(
    "dtype", [tf.float16, tf.bfloat16], ids=["float16", "bfloat16"]
)
@pytest.mark.parametrize(
    "case", [c for c in CASES if c.half], ids=ids([c for c in CASES if c.half])
)
def test_computes_half_precision_input_in_float32(case, dtype, rng):
    """The same as if the caller had cast first; near what full precision gives."""
    arrays = case.inputs(rng, case.shapes[0])
    half = [tf.cast(array, dtype) for array in arrays]
    results = run(case.equation, half)
    # Interleaving moves rows and computes nothing, so it keeps the dtype.
    kept = dtype.as_numpy_dtype if case.name == "interleave" else np.float32
    assert all(result.dtype == kept for result in results)

    results = [result.astype(np.float32) for result in results]
    cast_first = run(case.equation, [tf.cast(x, tf.float32) for x in half])
    assert_close(results, cast_first, rtol=0)
    if "mask" not in case.name:  # 0 is not near 1
        assert_close(results, run(case.equation, arrays), rtol=0.05, atol=0.05)


@pytest.mark.parametrize("case", CASES, ids=ids(CASES))
def test_returns_float32_from_float64(case, rng):
    """NumPy's default dtype must not spread into the model."""
    arrays = [np.asarray(x, np.float64) for x in case.inputs(rng, case.shapes[0])]
    if case.name != "interleave":
        assert {result.dtype for result in run(case.equation, arrays)} == {
            np.dtype(np.float32)
        }


@pytest.mark.parametrize("case", PER_CLASS, ids=ids(PER_CLASS))
def test_a_pixel_is_an_example(case, rng):
    """[B, H, W, C] gives what [B * H * W, C] gives."""
    arrays = case.inputs(rng, [2, 3, 4, 5])
    flat = [array.reshape(24, *array.shape[3:]) for array in arrays]
    (result,), (wanted,) = run(case.equation, arrays), run(case.equation, flat)
    np.testing.assert_allclose(result.reshape(wanted.shape), wanted, rtol=2e-6)


@pytest.mark.parametrize("case", PER_CLASS, ids=ids(PER_CLASS))
def test_examples_do_not_see_each_other(case, rng):
    """A batch in another order gives the results in that order."""
    arrays, order = case.inputs(rng, [9, 4]), rng.permutation(9)
    (result,), (wanted,) = (
        run(case.equation, [array[order] for array in arrays]),
        run(case.equation, arrays),
    )
    np.testing.assert_allclose(result, wanted[order], rtol=2e-6)


def test_every_equation_is_a_case():
    """A function that the package exports can't escape this file."""
    assert {case.name for case in CASES} == set(equations.__all__) - NUMPY_ONLY


def test_the_index_names_every_equation():
    """The index and `__all__` must agree."""
    for name in equations.__all__:
        module = getattr(equations, name).__module__.rsplit(".", 1)[-1]
        assert f"`{module}.{name}`" in index.__doc__


@pytest.mark.parametrize("name", equations.__all__)
def test_an_equation_is_short_and_says_what_it_does(name):
    """At most 12 lines of body; shapes and, if it has any, errors in the docstring."""
    function = getattr(equations, name)
    (definition,) = ast.parse(inspect.getsource(function)).body
    first, last = definition.body[1], definition.body[-1]
    assert last.end_lineno - first.lineno + 1 <= 12
    assert "Args:" in function.__doc__ and "Returns:" in function.__doc__
    if any(isinstance(node, ast.Raise) for node in ast.walk(definition)):
        assert "Raises:" in function.__doc__
