"""Which methods have a training step of their own."""

from __future__ import annotations

import sys
from typing import Tuple

from mixdmt_tf import algorithms
from mixdmt_tf.settings import modules
from tests.algorithms import stateful

# A method for tests alone, as if it were a file in algorithms/.
sys.modules.setdefault("mixdmt_tf.algorithms.stateful", stateful)


def of_their_own() -> Tuple[str, ...]:
    """All methods but those that differ from another one in settings alone.

    DST and two networks that teach each other take the steps of DMT; what is theirs is
    the loop. One with variables of its own is in none of the files.
    """
    return tuple(
        name
        for name in (*modules("mixdmt_tf.algorithms", "Method"), "stateful")
        if any(
            not member.startswith("__")
            for member in vars(algorithms.algorithm(name).Method)
        )
    )
