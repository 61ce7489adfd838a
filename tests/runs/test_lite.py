"""TensorFlow Lite files of both tasks, in float and in 8-bit numbers."""

from __future__ import annotations

import os
import sys

import numpy as np
import pytest
import tensorflow as tf

from mixdmt_tf.errors import UserError
from mixdmt_tf.models import small_cnn, small_segmenter, wide_resnet
from mixdmt_tf.runs import agreement, export, lite
from mixdmt_tf.runs.servable import Servable
from mixdmt_tf.tasks.classification.scoring import Scorer
from mixdmt_tf.tasks.segmentation.scoring import Scorer as Segmenter

NAMES = ("cat", "dog", "owl")


def images(rows, *size):
    size = size or (8, 8)
    return np.random.default_rng(1).integers(0, 256, (rows, *size, 3), np.uint8)


def classifier(network=None):
    return Scorer(network or small_cnn.SmallCNN(filters=4), (8, 8, 3), 3)


def segmenter():
    return Segmenter(small_segmenter.SmallSegmenter(width=4, depth=1), 3)


def runner(path):
    return tf.lite.Interpreter(model_path=str(path)).get_signature_runner()


def test_any_number_of_images(tmp_path):
    scorer = classifier(wide_resnet.WideResNet(depth=10, width=1))
    weights = scorer.network.get_weights()
    weights[-2] = 30 * weights[-2]
    export.export("tflite", scorer, weights, NAMES, tmp_path / "model.tflite")
    serve = runner(tmp_path / "model.tflite")
    for rows in (1, 3, 65):
        pixels = images(rows)
        answer, expected = serve(image=pixels), scorer.predict(weights, pixels)
        np.testing.assert_allclose(answer["probabilities"], expected, atol=1e-4)
        np.testing.assert_array_equal(answer["label"], expected.argmax(-1))


def test_images_of_any_size_with_a_label_for_each_pixel(tmp_path, capfd):
    scorer = segmenter()
    weights = scorer.network.get_weights()
    found = export.export("tflite", scorer, weights, NAMES, tmp_path / "model.tflite")
    assert (found.images, found.kind) == (2, "random")
    assert capfd.readouterr() == ("", "")
    serve = runner(tmp_path / "model.tflite")
    for pixels in (images(1, 20, 31), images(2, 9, 8)):
        answer, expected = serve(image=pixels), scorer.predict(weights, pixels)
        np.testing.assert_allclose(answer["probabilities"], expected, atol=1e-4)
        assert answer["label"].shape == pixels.shape[:3]


@pytest.mark.parametrize("make", [classifier, segmenter])
def test_eight_bits(make, tmp_path, capfd):
    scorer = make()
    weights = scorer.network.get_weights()
    shown = images(8) if make is classifier else images(4, 20, 31)
    samples = agreement.Samples([shown], "test", [shown])
    place = tmp_path / "model.tflite"
    found = export.export("tflite_int8", scorer, weights, NAMES, place, None, samples)
    assert capfd.readouterr() == ("", "")
    assert 0 < found.largest < 0.2
    details = tf.lite.Interpreter(model_path=str(place)).get_tensor_details()
    assert np.int8 in {each["dtype"] for each in details}
    content = lite.converted(Servable(scorer, NAMES))
    assert place.stat().st_size < len(content)
    answer = runner(place)(image=shown)
    assert answer["probabilities"].dtype == np.float32
    expected = scorer.predict(weights, shown)
    assert np.abs(answer["probabilities"] - expected).max() == pytest.approx(
        found.largest, abs=1e-6
    )


def test_eight_bits_that_say_something_else_are_refused(tmp_path, monkeypatch):
    scorer = classifier()
    samples = agreement.Samples([images(8)], "test", [images(8)])
    monkeypatch.setattr(agreement, "MOVED", 0.0)
    with pytest.raises(UserError, match="moved to other classes"):
        export.export(
            "tflite_int8",
            scorer,
            scorer.network.get_weights(),
            NAMES,
            tmp_path / "model.tflite",
            None,
            samples,
        )
    assert not list(tmp_path.iterdir())


def test_there_has_to_be_something_to_calibrate_with(tmp_path):
    scorer = classifier()
    weights = scorer.network.get_weights()
    with pytest.raises(ValueError, match="calibrate"):
        export.export("tflite_int8", scorer, weights, NAMES, tmp_path / "model.tflite")


def test_a_network_that_cannot_be_converted(monkeypatch):
    def fail(self):
        print("endless words", file=sys.stderr)
        raise RuntimeError("op FooBar is missing\nmore\nand more")

    monkeypatch.setattr(tf.lite.TFLiteConverter, "convert", fail)
    with pytest.raises(UserError, match="can't be converted.*FooBar is missing\nUse"):
        lite.converted(Servable(classifier(), NAMES))


def test_quiet_holds_back_what_c_writes_and_lets_go_afterwards(capfd):
    with lite.quiet():
        os.write(1, b"of C")
        os.write(2, b"of C")
    os.write(1, b"later")
    with pytest.raises(KeyError):
        with lite.quiet():
            raise KeyError
    os.write(2, b"after an error")
    assert capfd.readouterr() == ("later", "after an error")
