"""What 'auto' means, and TensorFlow's global switches."""

from __future__ import annotations

import io
import signal

import keras
import pytest
import tensorflow as tf

from mixdmt_tf.errors import UsageError, UserError
from mixdmt_tf.models.base import Network
from mixdmt_tf.models.efficientnet_lite0 import EfficientNetLite0
from mixdmt_tf.runs import cluster, environment, runtime
from mixdmt_tf.runs.config import Config


@pytest.fixture
def hardware(monkeypatch):
    """Pretends that there are so many GPUs, or a CPU with such abilities."""

    def pretend(gpus=0, capability=(8, 0), cpu="fpu avx2"):
        monkeypatch.setattr(
            tf.config, "list_physical_devices", lambda kind: [f"{kind}:0"] * gpus
        )
        monkeypatch.setattr(
            tf.config.experimental,
            "get_device_details",
            lambda _: {"compute_capability": capability},
        )
        text = f"processor : 0\nflags\t\t: {cpu}\nprocessor : 1\n"
        monkeypatch.setattr(
            environment, "open", lambda *_, **__: io.StringIO(text), raising=False
        )

    return pretend


@pytest.mark.parametrize(
    "machine, precision",
    [
        ({"cpu": "fpu avx2"}, "float32"),
        ({"cpu": "fpu avx512_bf16 avx2"}, "mixed_bfloat16"),
        ({"cpu": "fpu avx512_bf16x"}, "float32"),
        ({"gpus": 1, "capability": (9, 0)}, "mixed_bfloat16"),
        ({"gpus": 1, "capability": (8, 0)}, "mixed_bfloat16"),
        ({"gpus": 1, "capability": (7, 5)}, "mixed_float16"),
        ({"gpus": 1, "capability": (6, 1)}, "float32"),
    ],
)
def test_auto_precision_is_what_the_hardware_computes_in(hardware, machine, precision):
    hardware(**machine)
    assert runtime.resolve(Config(), Network()).precision == precision


@pytest.mark.parametrize("gpus, precision", [(0, "float32"), (1, "mixed_bfloat16")])
def test_depthwise_convolutions_are_slow_in_bfloat16_on_cpus(hardware, gpus, precision):
    hardware(gpus=gpus, cpu="avx512_bf16")
    resolved = runtime.resolve(Config(), EfficientNetLite0())
    assert resolved.precision == precision


def test_an_unknown_cpu_computes_in_float32(hardware, monkeypatch):
    hardware()

    def missing(*_, **__):
        raise FileNotFoundError(2, "no /proc here")

    monkeypatch.setattr(environment, "open", missing, raising=False)
    assert runtime.resolve(Config(), Network()).precision == "float32"


@pytest.mark.parametrize(
    "gpus, strategy, expected",
    [
        (0, "auto", ("none", "off")),
        (1, "auto", ("none", "on")),
        (2, "auto", ("mirrored", "off")),
        (1, "mirrored", ("mirrored", "off")),
        (2, "none", ("none", "off")),
    ],
)
def test_auto_strategy_and_xla(hardware, gpus, strategy, expected):
    hardware(gpus=gpus)
    resolved = runtime.resolve(Config(strategy=strategy), Network())
    assert (resolved.strategy, resolved.jit_compile) == expected


def test_what_was_asked_for_stays(hardware):
    hardware(gpus=2)
    wanted = Config(
        precision="mixed_float16",
        strategy="none",
        jit_compile="on",
        deterministic=False,
        seed=9,
    )
    assert runtime.resolve(wanted, Network()) == wanted


def test_xla_asked_for_on_a_machine_with_several_gpus_is_refused(hardware):
    hardware(gpus=2)
    with pytest.raises(UsageError, match="--jit_compile=on cannot be used"):
        runtime.resolve(Config(jit_compile="on"), Network())


class Calls:
    """Settings of a method whose steps call Python."""

    calls_python = True


def test_steps_that_call_python_are_not_compiled_by_xla(hardware):
    hardware(gpus=1)
    resolved = runtime.resolve(Config(algorithm="cct"), Network(), Calls())
    assert (resolved.strategy, resolved.jit_compile) == ("none", "off")
    with pytest.raises(UsageError, match="--algorithm=cct .* call Python"):
        runtime.resolve(Config(jit_compile="on", algorithm="cct"), Network(), Calls())


def resolved(**settings):
    """Settings without any 'auto'."""
    given = {"precision": "float32", "strategy": "none", "jit_compile": "off"}
    return Config(**{**given, **settings})


def test_start_sets_precision_and_strategy():
    strategy = runtime.start(resolved(precision="mixed_bfloat16"))
    assert keras.mixed_precision.global_policy().name == "mixed_bfloat16"
    assert strategy.num_replicas_in_sync == 1
    mirrored = runtime.start(resolved(strategy="mirrored"))
    assert mirrored.num_replicas_in_sync == len(tf.config.list_logical_devices("CPU"))
    assert keras.mixed_precision.global_policy().name == "float32"


def test_the_seed_decides_the_first_weights():
    def weights(seed):
        runtime.start(resolved(seed=seed))
        layer = keras.layers.Dense(3)
        layer.build((None, 2))
        return layer.kernel.numpy().tolist()

    assert weights(1) == weights(1) != weights(2)


def test_a_batch_that_replicas_cannot_share_is_refused():
    with pytest.raises(UsageError) as refused:
        runtime.start(resolved(strategy="mirrored", batch=7))
    assert str(refused.value) == (
        "--batch=7 cannot be shared by 2 devices; expected a multiple of 2."
    )
    assert refused.value.exit_code == 2


def test_auto_is_all_machines_that_tf_config_names(hardware, monkeypatch):
    hardware(gpus=1)
    monkeypatch.setenv("TF_CONFIG", cluster.text(("a:1", "b:2"), 0))
    found = runtime.resolve(Config(), Network())
    assert (found.strategy, found.jit_compile) == ("multi_worker", "off")
    assert runtime.resolve(Config(strategy="none"), Network()).strategy == "none"
    monkeypatch.setenv("TF_CONFIG", cluster.text(("a:1",), 0))
    assert runtime.resolve(Config(), Network()).strategy == "none"


def test_without_other_machines_there_is_nobody_to_join(monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    workers = runtime.join(Config())
    assert (workers.number, workers.chief) == (1, True)


def test_several_machines_come_first_in_a_process(monkeypatch):
    """Here an operation has run, and it does not wait for anybody."""
    tf.zeros([])
    monkeypatch.setenv("TF_CONFIG", cluster.text(("127.0.0.1:1",), 0))
    with pytest.raises(UserError, match="has to be first in a process"):
        runtime.join(Config(strategy="multi_worker"))


def test_a_port_that_is_in_use_and_ctrl_c_meanwhile(monkeypatch):
    def begin():
        assert signal.getsignal(signal.SIGINT) == signal.SIG_DFL
        raise tf.errors.UnknownError(None, None, "Could not start gRPC server")

    before = signal.getsignal(signal.SIGINT)
    monkeypatch.setattr(tf.distribute, "MultiWorkerMirroredStrategy", begin)
    monkeypatch.setenv("TF_CONFIG", cluster.text(("127.0.0.1:7", "b:1"), 0))
    with pytest.raises(UserError, match="at 127.0.0.1:7: Could not start gRPC server"):
        runtime._of_workers()
    assert signal.getsignal(signal.SIGINT) == before


def test_a_tpu_that_is_not_there():
    with pytest.raises(UsageError, match="There is no TPU here"):
        runtime.start(resolved(strategy="tpu"))
