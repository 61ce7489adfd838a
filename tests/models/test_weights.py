"""Weights from files into networks: what fits, what does not, and all of it listed."""

import h5py
import keras
import numpy as np
import pytest

from mixdmt_tf.errors import UserError
from mixdmt_tf.models import deeplab_v2, small_segmenter, weight_files
from mixdmt_tf.models.deeplab_v2 import DeepLabV2
from mixdmt_tf.models.weights import load
from tests.models.test_weight_files import header_of, safetensors, write_h5
from tests.oracles import resnet as oracle

SHAPE, CLASSES = (None, None, 3), 4
TORCH = DeepLabV2(14, 2, rates="1,2")
KERAS = DeepLabV2(14, 2, "keras", rates="1,2")


def build(config):
    return config.build_segmenter(SHAPE, CLASSES)


def made():
    return oracle.weights(14, 2, CLASSES, [1, 2])


def image():
    return np.random.RandomState(0).uniform(-1, 1, (1, 33, 33, 3)).astype(np.float32)


def write(path, tensors):
    if path.suffix == ".npz":
        np.savez(path, **tensors)
    else:
        path.write_bytes(safetensors(*header_of(tensors)))
    return path


def assert_unchanged(model, before):
    for one, other in zip(model.get_weights(), before):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
@pytest.mark.parametrize("prefix", ["", "backbone.", "module.backbone.", "Scale."])
def test_all_of_a_torch_file_is_loaded(suffix, prefix, tmp_path):
    """The same values under all prefixes, the head under either of its names."""
    tensors = {}
    for name, value in made().items():
        if prefix == "Scale." and "classifier" in name:
            name = name.replace("classifier.0.convs", "layer5.conv2d_list")
        tensors[name if "classifier" in name else prefix + name] = value
    tensors[f"{prefix}bn1.num_batches_tracked"] = np.array(3, np.int64)
    model = build(TORCH)

    report = load(model, write(tmp_path / f"w{suffix}", tensors))

    assert len(report.loaded) == len(model.weights) == len(made())
    assert report.missing == report.unused == report.mismatched == ()
    assert str(report) == f"{len(made())} weights loaded"
    conv = model.get_layer("layer1_0_conv2").get_weights()[0]
    expected = made()["layer1.0.conv2.weight"]
    for row in range(3):
        for column in range(3):
            np.testing.assert_array_equal(
                conv[row, column], expected[:, :, row, column].T
            )
    norm = model.get_layer("layer2_0_downsample_1").get_weights()
    for value, part in zip(norm, ("weight", "bias", "running_mean", "running_var")):
        np.testing.assert_array_equal(value, made()[f"layer2.0.downsample.1.{part}"])
    head = model.get_layer("aspp_1").get_weights()
    np.testing.assert_array_equal(head[1], made()["classifier.0.convs.1.bias"])


def test_what_does_not_match_is_listed(tmp_path):
    """A classifier, a head of other classes, and one norm that is not there."""
    tensors = oracle.weights(14, 2, CLASSES + 1, [1, 2, 3])
    del tensors["bn1.running_var"]
    tensors["fc.weight"] = np.zeros((1000, 64), np.float32)
    model = build(TORCH)
    before = [v.numpy() for v in deeplab_v2.head_variables(model)]

    report = load(model, write(tmp_path / "w.npz", tensors))

    assert report.missing == ("bn1/moving_variance",)
    extra = ("classifier.0.convs.2.weight", "classifier.0.convs.2.bias", "fc.weight")
    assert sorted(report.unused) == sorted(extra)
    assert report.mismatched == (
        "aspp_0/kernel: (3, 3, 64, 5), not (3, 3, 64, 4)",
        "aspp_0/bias: (5,), not (4,)",
        "aspp_1/kernel: (3, 3, 64, 5), not (3, 3, 64, 4)",
        "aspp_1/bias: (5,), not (4,)",
    )
    assert len(report.loaded) == len(model.weights) - 5
    for old, new in zip(before, deeplab_v2.head_variables(model)):
        np.testing.assert_array_equal(old, new)
    lines = str(report).splitlines()
    assert lines[1] == "1 not in the file: bn1/moving_variance"
    assert lines[2].startswith("3 not in the network: ") and "fc.weight" in lines[2]
    assert lines[3].startswith("4 of another shape: aspp_0/kernel")


def test_files_of_keras_are_loaded_by_layer_and_position(tmp_path):
    """Names of weights within a layer differ between versions and don't count."""
    donor, model = build(KERAS), build(KERAS)
    layers = {"predictions": [("kernel:0", np.zeros((64, 10), np.float32))]}
    for layer in reversed(donor.layers):
        random = np.random.RandomState(len(layers))
        values = [random.uniform(0.5, 1, w.shape) for w in layer.get_weights()]
        layer.set_weights(values)
        names = [f"other_name/{number}:0" for number in range(len(values))]
        values = [value.astype(np.float32) for value in values]
        if not layer.name.startswith("aspp"):
            layers[layer.name] = list(zip(names, values))
    write_h5(tmp_path / "w.h5", layers)

    report = load(model, tmp_path / "w.h5")

    assert report.unused == ("predictions.0 (kernel:0)",)
    assert report.missing == tuple(
        f"aspp_{index}/{part}" for index in (0, 1) for part in ("kernel", "bias")
    )
    assert report.mismatched == ()
    for layer in model.layers:
        if not layer.name.startswith("aspp"):
            for value, expected in zip(layer.get_weights(), dict(layers)[layer.name]):
                np.testing.assert_array_equal(value, expected[1])


def test_layers_that_keras_named_are_matched_by_their_order(tmp_path):
    """The same network has other numbers if another one was built before."""

    def network():
        x = images = keras.Input((4, 4, 2))
        for _ in range(12):  # conv2d_9 comes before conv2d_10
            x = keras.layers.Conv2D(2, 1)(x)
        x = keras.layers.BatchNormalization()(x)
        return keras.Model(images, keras.layers.Conv2D(2, 1, name="conv2d_last")(x))

    keras.backend.clear_session()
    donor = network()
    rng = np.random.default_rng(3)
    donor.set_weights([rng.uniform(0.5, 1, w.shape) for w in donor.get_weights()])
    layers = {
        layer.name: [(str(i), value) for i, value in enumerate(layer.get_weights())]
        for layer in donor.layers
    }
    write_h5(tmp_path / "w.h5", layers)
    model = network()
    assert not {e.name for e in model.layers[1:-1]} & set(layers)

    report = load(model, tmp_path / "w.h5")

    assert report.unused == report.missing == report.mismatched == ()
    for value, expected in zip(model.get_weights(), donor.get_weights()):
        np.testing.assert_array_equal(value, expected)


@pytest.mark.long
def test_weights_that_keras_applications_saved(tmp_path):
    """Its own names of layers: all of ResNet-50's backbone, and the same features."""
    theirs = keras.applications.ResNet50(False, None, input_shape=(None, None, 3))
    layers = {}
    for layer in theirs.layers:
        values = [
            value + np.float32(0.01 * (index + 1))
            for index, value in enumerate(layer.get_weights())
        ]
        layer.set_weights(values)
        layers[layer.name] = [(str(index), v) for index, v in enumerate(values)]
    write_h5(tmp_path / "w.h5", layers)
    config = DeepLabV2(
        50, layout="keras", output_stride=32, rates="1", normalization="none"
    )
    model = build(config)

    report = load(model, tmp_path / "w.h5")

    assert len(report.loaded) == 318 and report.unused == report.mismatched == ()
    assert report.missing == ("aspp_0/kernel", "aspp_0/bias")
    ours = keras.Model(model.input, model.get_layer("conv5_block3_out").output)
    expected = theirs(image())
    np.testing.assert_allclose(ours(image()), expected, rtol=1e-3, atol=1e-4)


def test_means_that_pixels_are_normalized_by(tmp_path):
    """EfficientNet of keras.applications has them, and a counter beside them."""
    means = np.array([10.0, 20.0, 30.0], np.float32)
    weights = [("mean", means), ("variance", means**2), ("count", np.int64(7))]
    write_h5(tmp_path / "w.h5", {"normalization": weights})
    layer = keras.layers.Normalization(name="normalization")
    images = keras.Input((4, 4, 3))

    report = load(keras.Model(images, layer(images)), tmp_path / "w.h5")

    assert len(report.loaded) == 3
    ones = np.ones((1, 4, 4, 3), np.float32)
    np.testing.assert_allclose(layer(ones * 3 * means), 2 * ones, rtol=1e-5)


@pytest.mark.parametrize(
    ("config", "suffix"), [(KERAS, ".npz"), (TORCH, ".h5"), (None, ".npz")]
)
def test_a_file_of_another_network_is_refused(config, suffix, tmp_path):
    path = tmp_path / f"w{suffix}"
    if suffix == ".h5":
        kernel = np.zeros((7, 7, 3, 2), np.float32)
        write_h5(path, {"conv1_conv": [("conv1_conv/kernel:0", kernel)]})
    else:
        write(path, {"conv1.weight": made()["conv1.weight"]})
    if config is None:
        model = small_segmenter.SmallSegmenter(2, 1).build_segmenter(SHAPE, CLASSES)
    else:
        model = build(config)
    before = model.get_weights()

    with pytest.raises(UserError, match="none of its 1 tensors fits") as caught:
        load(model, path)

    text = str(caught.value)
    assert "conv1" in text and "Layout torch: https://" in text
    assert len(text.splitlines()) == 3
    assert_unchanged(model, before)


def test_a_file_of_another_size_is_refused(tmp_path):
    path = write(tmp_path / "w.npz", {"conv1.weight": np.zeros((64, 3, 7, 7))})

    with pytest.raises(UserError, match=r"\(7, 7, 3, 64\), not \(7, 7, 3, 2\)"):
        load(build(TORCH), path)


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e300])
def test_values_that_are_not_finite_change_nothing(value, tmp_path):
    tensors = {name: array.astype(np.float64) for name, array in made().items()}
    tensors["layer4.0.bn3.bias"][5] = value
    model = build(TORCH)
    before = model.get_weights()

    with pytest.raises(UserError, match="layer4.0.bn3.bias has values"):
        load(model, write(tmp_path / "w.npz", tensors))
    assert_unchanged(model, before)


def test_two_networks_in_one_file_are_refused(tmp_path):
    tensors = {"model.conv1.weight": made()["conv1.weight"], **made()}
    model = build(TORCH)
    before = model.get_weights()

    with pytest.raises(UserError, match="model.conv1.weight and conv1.weight are for"):
        load(model, write(tmp_path / "w.npz", tensors))
    assert_unchanged(model, before)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_under_mixed_precision_weights_stay_float32(policy, tmp_path):
    keras.mixed_precision.set_global_policy(policy)
    model = build(TORCH)

    load(model, write(tmp_path / "w.npz", made()))

    value = model.get_layer("conv1").get_weights()[0]
    expected = made()["conv1.weight"].transpose(2, 3, 1, 0)
    assert value.dtype == "float32"
    np.testing.assert_array_equal(value, expected)


def test_half_precision_files(tmp_path):
    tensors = {name: array.astype(np.float16) for name, array in made().items()}
    model = build(TORCH)

    report = load(model, write(tmp_path / "w.safetensors", tensors))

    assert len(report.loaded) == len(model.weights)
    np.testing.assert_array_equal(
        model.get_layer("bn1").get_weights()[3], tensors["bn1.running_var"]
    )


def test_h5_weights_that_are_too_large_together_are_refused(tmp_path, monkeypatch):
    """A small file can have large arrays, and name one of them many times."""
    with h5py.File(tmp_path / "w.h5", "w") as file:
        file.attrs["layer_names"] = [b"conv1"]
        layer = file.create_group("conv1")
        layer.attrs["weight_names"] = [b"kernel"] * 3
        layer.create_dataset("kernel", data=np.zeros(10_000), compression="gzip")
    monkeypatch.setattr(weight_files, "_LARGEST_FILE", 200_000)
    assert (tmp_path / "w.h5").stat().st_size < 80_000

    with pytest.raises(UserError, match="its weights have over 200000 bytes"):
        weight_files.read(tmp_path / "w.h5")
