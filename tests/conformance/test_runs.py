"""A whole run of every method that is trained in one go and keeps something.

What the base keeps (weights, averages, the optimizer's state, sums of metrics) is the
same for all of them, so that of those that keep nothing else one is enough.
"""

from __future__ import annotations

import pytest

from mixdmt_tf import algorithms
from mixdmt_tf.algorithms import base
from tests.conformance.whole_runs import COPIES, NAMES, check, in_rounds

SINGLE = [name for name in NAMES if not in_rounds(name)]
PLAIN = "mixmatch"


def keeps_something(name):
    """Whether a method has a second network, a teacher, or makes anything itself."""
    method = algorithms.method("classification", name)
    own = method.__mro__[: method.__mro__.index(base.Algorithm)]
    makes = any({"__init__", "begin"} & vars(each).keys() for each in own)
    return makes or method.has_teacher or method.has_peer


METHODS = [name for name in SINGLE if keeps_something(name) or name == PLAIN]
# Tracing eight strong views takes as long as five other methods.
FASTER = {"remixmatch": ("--strong_views=1",)}
# One that keeps nothing, one with a teacher, one with a peer, one with own layers: what
# is exported is the network with averaged weights, whatever the method.
EXPORTED = (PLAIN, "mean_teacher", "dual_student", "remixmatch")


def test_methods_that_keep_something_are_found():
    assert {"realmix", "mean_teacher", "dual_student"} < set(METHODS) < set(SINGLE)
    assert {"temporal_ensembling", "freematch", "remixmatch"} < set(METHODS)
    assert not keeps_something(PLAIN) and set(EXPORTED) < set(METHODS)


@pytest.mark.parametrize("name", METHODS)
def test_resumed_equals_uninterrupted_and_export_equals_model(name, tmp_path):
    chosen = f"--algorithm={name}", "--steps=6", "--eval_every=3", *COPIES
    check(tmp_path, *chosen, *FASTER.get(name, ()), exported=name in EXPORTED)
