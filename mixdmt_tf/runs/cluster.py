"""Reads `TF_CONFIG`, which lists the machines that train together.

This module does not import TensorFlow. `TF_CONFIG` is TensorFlow's own environment
variable: JSON with the addresses of all workers and the index of this process among
them.

    {"cluster": {"worker": ["a:2222", "b:2222"]},
     "task": {"type": "worker", "index": 0}}
"""

from __future__ import annotations

import dataclasses
import json
import os
import re
from typing import Any, Mapping, Tuple

from mixdmt_tf.errors import UsageError

NAME = "TF_CONFIG"
JOBS = ("chief", "worker")  # in the order in which TensorFlow counts them
_ADDRESS = re.compile(r"\S+:[0-9]{1,5}")


@dataclasses.dataclass(frozen=True)
class Cluster:
    """The workers of one training.

    Attributes:
        addresses: addresses of all workers, 'host:port', the chief's first; empty for a
            single process.
        index: index of this process among them.
    """

    addresses: Tuple[str, ...] = ()
    index: int = 0

    @property
    def several(self) -> bool:
        """Whether there is more than one worker."""
        return len(self.addresses) > 1


def read(environment: Mapping[str, str] = os.environ) -> Cluster:
    """Parses `TF_CONFIG`.

    Args:
        environment: environment variables of the process.

    Raises:
        UsageError: if it is set but malformed.
    """
    text = environment.get(NAME, "")
    if not text.strip():
        return Cluster()
    try:
        found = json.loads(text)
    except ValueError as error:
        raise _refused(f"it is not JSON ({error})") from None
    jobs = _part(found, "cluster")
    unknown = sorted(set(jobs) - set(JOBS))
    if unknown:
        raise _refused(f"cluster has {', '.join(unknown)}; expected worker, or chief")
    if len(jobs.get("chief", ())) > 1:
        raise _refused("cluster has several chiefs")
    task = _part(found, "task") if jobs else {}
    for job in jobs:
        named = isinstance(jobs[job], list) and all(map(_is_address, jobs[job]))
        if not named:
            raise _refused(f"cluster, {job}: expected a list of 'host:port'")
    addresses = [each for job in JOBS for each in jobs.get(job, ())]
    if len(set(addresses)) < len(addresses):
        raise _refused("an address is given twice")
    if not addresses:
        return Cluster()
    job, index = task.get("type"), task.get("index")
    if job not in jobs:
        raise _refused(f"task, type: expected {' or '.join(jobs)}, got {job!r}")
    if type(index) is not int or not 0 <= index < len(jobs[job]):
        most = len(jobs[job]) - 1
        raise _refused(f"task, index: expected 0 to {most} of {job}, got {index!r}")
    return Cluster(tuple(addresses), addresses.index(jobs[job][index]))


def of_run(strategy: str) -> Cluster:
    """Returns the cluster that a run with this `--strategy` is trained on.

    Raises:
        UsageError: if `TF_CONFIG` is missing or wrong.
    """
    if strategy not in ("auto", "multi_worker"):
        return Cluster()
    found = read()
    if strategy == "multi_worker" and not found.addresses:
        raise UsageError(
            f"--strategy=multi_worker: {NAME} is not set, so the workers are unknown.\n"
            "Set it on each machine, or try it on this one with bin/launch."
        )
    return found if strategy == "multi_worker" or found.several else Cluster()


def text(addresses: Tuple[str, ...], index: int) -> str:
    """Returns the text of `TF_CONFIG` for one of several workers."""
    task = {"type": "worker", "index": index}
    return json.dumps({"cluster": {"worker": list(addresses)}, "task": task})


def _is_address(value: Any) -> bool:
    return isinstance(value, str) and bool(_ADDRESS.fullmatch(value))


def _part(found: Any, name: str) -> Any:
    part = found.get(name, {}) if isinstance(found, dict) else None
    if not isinstance(part, dict):
        raise _refused(f"expected a JSON object with '{name}', an object")
    return part


def _refused(what: str) -> UsageError:
    return UsageError(
        f"{NAME}: {what}.\nExpected "
        '{"cluster": {"worker": ["host:port", ...]}, '
        '"task": {"type": "worker", "index": 0}}; unset it to train alone.'
    )
