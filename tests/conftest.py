"""What all tests share: two logical CPU devices, and a clean global state."""

from __future__ import annotations

import functools
import gc
import inspect
import os
import runpy
import sys
import textwrap
import zlib
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# Tests run side by side, with tensors so small that handing them to threads costs more
# than it saves. Commands that they start inherit this.
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")

import pytest

from mixdmt_tf import plots, source_text
from tests import long

ROOT = Path(__file__).resolve().parents[1]


def pytest_configure(config):
    """Starts TensorFlow, unless this process only hands out tests to others.

    Replicas are tested on logical devices, which must exist before TensorFlow starts.
    """
    if config.getoption("dist", "no") != "no":
        return
    import tensorflow as tf  # which takes seconds, as all that imports it

    tf.config.set_logical_device_configuration(
        tf.config.list_physical_devices("CPU")[0],
        [tf.config.LogicalDeviceConfiguration()] * 2,
    )


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Marks what is left out unless it is asked for; before any are."""
    for item in items:
        if long.is_long(item):
            item.add_marker(pytest.mark.long)


def pytest_collection_finish():
    """Garbage is looked for less often, and not in the modules that were imported."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(5000, 10, 10)


@functools.lru_cache(maxsize=None)
def _clear_session():
    """Keras's own, which in Keras 3 would look for garbage after each test."""
    import keras

    clear = keras.backend.clear_session
    if "free_memory" in inspect.signature(clear).parameters:
        return functools.partial(clear, free_memory=False)
    return clear


@pytest.fixture(autouse=True)
def clean_state(request):
    """Tests neither inherit nor leave a precision policy, a seed or layer names."""
    import keras
    import tensorflow as tf

    from tests.kernels import kept_kernels

    with kept_kernels():
        keras.utils.set_random_seed(0)
        # TensorFlow's kernels of random numbers have a state, and belong to a seed:
        # with one of its own, a test has kernels that no other one has used.
        tf.random.set_seed(zlib.crc32(request.node.nodeid.encode()))
    keras.mixed_precision.set_global_policy("float32")
    yield
    keras.mixed_precision.set_global_policy("float32")
    with kept_kernels():
        _clear_session()()


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory):
    """Decoded images and copies of tests do not land among the user's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session", autouse=True)
def small_charts():
    """Charts of runs have a twentieth of the pixels."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plots, "DPI", 40)
        yield


@pytest.fixture(name="setup_arguments", scope="session")
def fixture_setup_arguments():
    """What setup.py hands to setuptools."""
    import setuptools

    arguments = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(setuptools, "setup", arguments.update)
        patch.chdir(ROOT)
        runpy.run_path(str(ROOT / "setup.py"))
    return arguments


@pytest.fixture(name="package")
def fixture_package(tmp_path, monkeypatch):
    """Writes modules of a package called `made`, and forgets them afterwards."""
    folder = tmp_path / "made"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(tmp_path))

    def write(**sources):
        for name, source in sources.items():
            (folder / f"{name}.py").write_text(textwrap.dedent(source), "utf-8")
        source_text.forget()
        return folder

    write(__init__="raise AssertionError('imported')")
    yield write
    source_text.forget()
    for name in [name for name in sys.modules if name.split(".")[0] == "made"]:
        del sys.modules[name]


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """A finished run of RealMix with its supervised comparison; read only."""
    from tests.tasks.classification import tiny

    return tiny.finished(tmp_path_factory)


@pytest.fixture(scope="session")
def finished_rounds(tmp_path_factory):
    """A finished run of DMT in two rounds; read only."""
    from tests.tasks.classification import tiny

    return tiny.finished_rounds(tmp_path_factory)
