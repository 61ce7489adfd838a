"""The command: prints what it was given, as JSON."""

from __future__ import annotations

import json
import sys
from typing import Mapping, Sequence, Tuple

from mixdmt_tf.cli import flags, main
from mixdmt_tf.settings import Setting, modules

ZOO = "tests.cli.zoo"
ALGORITHMS = modules(f"{ZOO}.algorithms", "train")
NETWORKS = modules(f"{ZOO}.networks", "Config")


def groups_for(chosen: Mapping[str, str]) -> Sequence[flags.Group]:
    """Four groups, two of which depend on flags."""
    algorithm = chosen.get("algorithm", "realmix")
    network = chosen.get("network", "wide_resnet")
    method = Setting(
        "algorithm", "str", False, "realmix", "what to train", choices=ALGORITHMS
    )
    return [
        flags.Group("method", "method", (method,)),
        flags.group("run", f"{ZOO}.run", choices={"network": NETWORKS}),
        flags.group("network", f"{ZOO}.networks.{network}", f"network {network}"),
        flags.group(
            "algorithm", f"{ZOO}.algorithms.{algorithm}", f"algorithm {algorithm}"
        ),
    ]


def parse(argv: Sequence[str], arguments: Tuple[str, ...] = ()) -> flags.Parsed:
    """Parses as the command does."""
    return flags.parse(
        argv,
        "zoo",
        "Keeps animals.",
        groups_for,
        selectors=("algorithm", "network"),
        arguments=arguments,
    )


def print_values(argv: Sequence[str]) -> None:
    """Parses and prints."""
    parsed = parse(argv)
    print(json.dumps({"values": parsed.values, "given": sorted(parsed.given)}))


if __name__ == "__main__":
    exit_code = main.run(print_values, sys.argv[1:])
    heavy = sorted({"tensorflow", "keras", "numpy"}.intersection(sys.modules))
    sys.exit(f"imported {heavy}" if heavy else exit_code)
