"""Which precision is fastest: measured once, kept, and only where it pays."""

import itertools
import json

import keras
import pytest

from mixdmt_tf.files import cache_folder
from mixdmt_tf.models.base import Network
from mixdmt_tf.models.layers import sums
from mixdmt_tf.models.small_cnn import SmallCNN
from mixdmt_tf.runs import precision
from mixdmt_tf.runs.config import Config
from tests.tasks.classification import tiny

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


class Sharing(Network):
    """A network of Keras's layers that adds up convolutions with biases."""

    shares_gradients = True

    def build(self, *_):
        images = x = keras.Input((4, 4, 2))
        for name in ("one", "other"):
            terms = [keras.layers.Conv2D(2, 1)(x) for _ in range(2)]
            x = keras.layers.ReLU()(keras.layers.Add(name=name)(terms))
        return keras.Model(images, x)


def test_of_such_sums_float32_is_exact():
    assert precision.suggested(Network(), deterministic=True) == HALF
    assert precision.suggested(Sharing(), deterministic=True) == "float32"
    assert precision.suggested(Sharing(), deterministic=False) == HALF


def test_on_a_gpu_it_does_not_matter(monkeypatch):
    monkeypatch.setattr(
        precision.tf.config, "list_physical_devices", lambda kind: [kind]
    )
    assert precision.suggested(Sharing(), deterministic=True) == HALF
    assert not precision.note(Config(precision=HALF), Sharing().build())


def test_a_note_names_such_sums():
    network = Sharing().build()
    assert sorted(sums.shared(network)) == ["one", "other"]
    said = precision.note(Config(precision=HALF), network)
    assert " and 1 more add up convolutions with biases" in said
    assert "--precision=float32 is exact" in said and "\n" not in said
    assert not precision.note(Config(precision="float32"), network)
    assert not precision.note(Config(precision=HALF, deterministic=False), network)
    assert not precision.note(Config(precision=HALF), NETWORK.build((8, 8, 3), 4))


def test_a_run_begins_with_the_note(tmp_path, monkeypatch):
    monkeypatch.setattr(sums, "shared", lambda network: ["one"])
    flags = (tiny.SUPERVISED, "--steps=2", "--eval_every=2", f"--precision={HALF}")
    done = tiny.session(tmp_path, *flags)
    assert done.code == 0, done.err
    assert done.out.count("note: one add up convolutions with biases") == 1
