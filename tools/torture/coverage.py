"""Readers of files from strangers, fed with files that coverage steers (atheris).

    .venv/bin/python -m tools.torture.coverage [--trials=1000000] [--seed=N]

atheris is libFuzzer for Python: what reaches new branches of the readers is kept and
mutated further. A trial is a file, for one of the readers of `readers.py`, which its
first byte chooses. A fault ends the run with the file in a folder that is printed.
Without atheris this only says how to get it, and fails nothing.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import os
import pathlib
import shutil
import sys
import tempfile

from tools.torture import commands, readers

HOW = (
    "atheris is not installed: pip install atheris (CPython 3.11), in an environment "
    "that no training uses; nothing was tried"
)
# Whose branches count: readers, and what they stand on.
WATCHED = (
    *("mixdmt_tf.bounds", "mixdmt_tf.digests", "mixdmt_tf.cli.flags"),
    *("mixdmt_tf.cli.values", "mixdmt_tf.data", "mixdmt_tf.models.weight_files"),
    *("mixdmt_tf.models.pytorch_files", "mixdmt_tf.models.tensor_pickles"),
    *("mixdmt_tf.runs.log", "mixdmt_tf.runs.manifests", "json", "zipfile", "csv"),
)


def main(trials: int, seed: int) -> int:
    """Runs the trials; returns the exit code."""
    if importlib.util.find_spec("atheris") is None:
        print(HOW)
        return 0
    place = pathlib.Path(tempfile.mkdtemp(prefix="torture-coverage-"))
    pid = os.fork()  # libFuzzer ends the process itself
    if not pid:
        _fuzz(place, trials, seed)
        os._exit(0)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if code:
        print(f"the file, and all that were tried: {place}", flush=True)
    else:
        shutil.rmtree(place)
    return commands.finish("coverage", trials, {}, [f"code {code}"] if code else [])


def _fuzz(place: pathlib.Path, trials: int, seed: int) -> None:
    import atheris

    corpus, other = place / "corpus", place / "other"
    for folder in (corpus, other):
        folder.mkdir()
    with atheris.instrument_imports(include=[*WATCHED]):
        every = [*readers.readers(other).items()]
    for number, (name, (_, sound)) in enumerate(every):
        for content in sound:
            path = corpus / f"{name.replace(' ', '_')}-{len(content)}"
            path.write_bytes(bytes([number]) + content)

    def one(data: bytes) -> None:
        if not data:
            return
        name, (reader, _) = every[data[0] % len(every)]
        path = place / f"file{readers.SUFFIXES.get(name, '')}"
        with contextlib.redirect_stdout(io.StringIO()):
            readers.read(reader, path, data[1:])

    options = (f"-runs={trials}", f"-seed={seed}", f"-artifact_prefix={place}/")
    bounds = ("-max_len=4096", "-timeout=60", "-rss_limit_mb=4096", "-verbosity=0")
    atheris.Setup([sys.argv[0], *options, *bounds, str(corpus)], one)
    atheris.Fuzz()


if __name__ == "__main__":
    found = commands.trials("coverage", 1_000_000, __doc__)
    sys.exit(main(found.trials, found.seed))
