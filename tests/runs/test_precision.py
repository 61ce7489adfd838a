"""Which precision is fastest: measured once, kept, and only where it pays."""

import itertools
import json

import keras
import pytest

from mixdmt_tf.files import cache_folder
from mixdmt_tf.models.small_cnn import SmallCNN
from mixdmt_tf.runs import precision

NETWORK = SmallCNN(filters=2)
HALF = "mixed_bfloat16"


@pytest.fixture(autouse=True)
def two_precisions(monkeypatch, tmp_path):
    """A machine that computes in bfloat16 too, where nothing was measured yet."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(precision, "candidates", lambda: [HALF, "float32"])


@pytest.fixture
def builds():
    """The policies under which a network was built."""
    return []


@pytest.fixture
def measured(builds):
    """What is chosen for a network."""

    def build():
        builds.append(keras.mixed_precision.global_policy().name)
        return NETWORK.build((8, 8, 3), 4)

    def choose(network="small"):
        return precision.measured(network, build)

    return choose


@pytest.fixture
def clock(monkeypatch):
    """Has passes take these seconds, in turns."""

    def set_to(half, single):
        ticks = itertools.cycle([0.0, half, 0.0, single])
        monkeypatch.setattr(precision.time, "perf_counter", lambda: next(ticks))

    return set_to


@pytest.mark.parametrize(
    "half, single, choice",
    [(1.0, 2.0, HALF), (2.0, 1.0, "float32"), (0.99, 1.0, "float32")],
)
def test_the_faster_one_is_chosen(measured, clock, half, single, choice):
    clock(half, single)
    assert measured() == choice


def test_a_second_run_asks_the_file(measured, builds, clock):
    clock(1.0, 2.0)
    measured()
    number = len(builds)
    clock(2.0, 1.0)  # a measurement would find another answer
    assert measured() == HALF
    assert len(builds) == number

    assert measured(network="another") == "float32"


def test_seconds_are_of_the_networks_own_passes(measured, builds):
    measured()
    (seconds,) = json.loads((cache_folder() / precision.FILE).read_text()).values()
    assert set(seconds) == {HALF, "float32"} and min(seconds.values()) > 0
    assert builds == [HALF, "float32"]


def test_one_candidate_is_not_measured(measured, builds, monkeypatch):
    monkeypatch.setattr(precision, "candidates", lambda: ["float32"])
    assert measured() == "float32" and not builds


@pytest.mark.parametrize("content", ["", "[]", '{"a": 1}', '{"a": {"float32": "x"}}'])
def test_a_damaged_file_is_made_anew(measured, clock, content):
    file = cache_folder() / precision.FILE
    file.parent.mkdir()
    file.write_text(content)
    clock(1.0, 2.0)
    assert measured() == HALF
    assert len(json.loads(file.read_text())) == 1


def test_a_cache_that_cannot_be_written_is_no_obstacle(measured, clock, tmp_path):
    (tmp_path / "mixdmt_tf").write_text("a file where the folder would be")
    clock(1.0, 2.0)
    assert measured() == HALF


def test_the_policy_stays_as_it_was(measured):
    keras.mixed_precision.set_global_policy("float32")
    measured()
    assert keras.mixed_precision.global_policy().name == "float32"


def test_of_another_processor_it_is_measured_anew(measured, clock, monkeypatch):
    """A GPU that is hidden at first, say; older ones do not know bfloat16."""
    clock(1.0, 2.0)
    assert measured() == HALF
    monkeypatch.setattr(precision, "candidates", lambda: ["mixed_float16", "float32"])
    monkeypatch.setattr(precision, "_gpu", lambda: {"device_name": "V100"})
    assert measured() == "mixed_float16"
