"""Settings that are allowed and hardly ever meant: one line before a run starts."""

from __future__ import annotations

from typing import Any

from mixdmt_tf.equations import initial_share

FORGOTTEN = 0.01  # of the initial weights in an average that is all but free of them


def average_warning(method: Any, steps: int) -> str:
    """One line if the run is too short for its average of the weights, '' if not.

    Args:
        method: the method's `Config`.
        steps: length of the run.
    """
    share = initial_share(method.ema_decay, method.ema_warmup, steps)
    if share <= FORGOTTEN or method.ema_warmup:  # which forgets in three steps
        return ""
    return (
        f"warning: after {steps:,} steps {100 * share:.1f} % of the averaged weights "
        f"are still the initial ones (--ema_decay={method.ema_decay:g}): set "
        "--ema_warmup, or a smaller --ema_decay"
    )
