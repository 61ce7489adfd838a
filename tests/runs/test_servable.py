"""SavedModels answer in TensorFlow alone, whatever size images have."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from tensorflow.core.protobuf import saved_model_pb2

from mixdmt_tf.data import image_files
from mixdmt_tf.models import small_cnn, small_segmenter
from mixdmt_tf.runs import export
from mixdmt_tf.tasks.classification.scoring import Scorer
from mixdmt_tf.tasks.segmentation.scoring import Scorer as Segmenter

NAMES = ("cat", "dog", "=owl")

# Asks both models where nothing of ours can be imported.
PLAIN_TENSORFLOW = """
import json, sys
import numpy as np, tensorflow as tf
found = {}
for folder in sys.argv[2:]:
    serve = tf.saved_model.load(folder).signatures
    images = np.load(sys.argv[1])
    files = [tf.io.encode_png(image).numpy() for image in images]
    answers = {
        "images": serve["serving_default"](image=tf.constant(images)),
        "files": serve["serving_bytes"](image_bytes=tf.constant(files)),
        "none": serve["serving_default"](image=tf.constant(images[:0])),
        "no files": serve["serving_bytes"](image_bytes=tf.constant([], tf.string)),
    }
    found[folder] = {
        way: {name: value.numpy().tolist() for name, value in answer.items()
              if value.dtype != tf.string}
        | {name: [each.decode() for each in value.numpy()]
           for name, value in answer.items() if value.dtype == tf.string}
        for way, answer in answers.items()
    }
assert not [name for name in sys.modules if name.startswith("mixdmt")]
print(json.dumps(found))
"""


def pixels(*shape):
    return np.random.default_rng(3).integers(0, 256, shape, np.uint8)


def smooth(height, width):
    """An image as photographs are: neighbours are alike."""
    small = Image.fromarray(pixels(4, 5, 3))
    return np.asarray(small.resize((width, height), Image.Resampling.BICUBIC))


def varied(scorer):
    """Weights whose answers depend on what is seen; the last layer's are large."""
    weights = scorer.network.get_weights()
    weights[-2] = 30 * weights[-2]
    return weights


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Folders of a classifier's and a segmenter's SavedModel, and their scorers."""
    folder = tmp_path_factory.mktemp("models")
    classifier = Scorer(small_cnn.SmallCNN(filters=4), (8, 8, 3), 3)
    segmenter = Segmenter(small_segmenter.SmallSegmenter(width=4, depth=1), 3)
    found = {}
    for name, scorer in (("classifier", classifier), ("segmenter", segmenter)):
        weights = varied(scorer)
        place = folder / name
        export.export("saved_model", scorer, weights, NAMES, place)
        found[name] = place, scorer, weights
    return found


@pytest.fixture
def classify(models):
    """The classifier's signatures."""
    return tf.saved_model.load(str(models["classifier"][0])).signatures


def png(image, **options):
    content = io.BytesIO()
    Image.fromarray(image).save(content, "PNG", **options)
    return content.getvalue()


def test_a_saved_model_holds_no_layers(models):
    for place, scorer, _ in models.values():
        content = saved_model_pb2.SavedModel.FromString(
            (place / "saved_model.pb").read_bytes()
        )
        nodes = content.meta_graphs[0].object_graph_def.nodes
        objects = [node for node in nodes if node.WhichOneof("kind") == "user_object"]
        # The module, its two lists, and the table of signatures.
        assert len(objects) == 4
        kept = [node for node in nodes if node.WhichOneof("kind") == "variable"]
        assert len(kept) == len(scorer.network.weights)


def test_both_tasks_where_we_are_not_installed(models, tmp_path):
    images = pixels(2, 17, 22, 3)
    np.save(tmp_path / "images.npy", images)
    folders = [str(place) for place, _, _ in models.values()]
    done = subprocess.run(
        [sys.executable, "-c", PLAIN_TENSORFLOW, str(tmp_path / "images.npy")]
        + folders,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": "", "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    answers = json.loads(done.stdout)

    _, scorer, weights = models["segmenter"]
    expected = scorer.predict(weights, images)
    segmented = answers[folders[1]]
    for way in ("images", "files"):
        np.testing.assert_allclose(segmented[way]["probabilities"], expected, atol=1e-5)
        np.testing.assert_array_equal(segmented[way]["label"], expected.argmax(-1))
        assert segmented[way]["class_names"] == list(NAMES)
    assert segmented["none"]["label"] == segmented["no files"]["label"] == []

    classified = answers[folders[0]]
    assert classified["images"] == classified["files"]
    labels = classified["images"]["label"]
    assert classified["images"]["class_name"] == [NAMES[each] for each in labels]
    nothing = {"label": [], "class_name": [], "probabilities": []}
    assert classified["none"] == classified["no files"] == nothing


@pytest.mark.parametrize("size", [(40, 31), (5, 6), (8, 8), (1, 1)])
def test_images_are_resized_as_in_training(size, models, classify, tmp_path):
    """As Pillow does it in training, up to what rounding twice makes of it."""
    image = smooth(*size)
    (tmp_path / "image.png").write_bytes(png(image))
    seen = image_files.read([tmp_path / "image.png"], 8)
    _, scorer, weights = models["classifier"]
    expected = scorer.predict(weights, seen)
    answer = classify["serving_default"](image=tf.constant(image[np.newaxis]))
    np.testing.assert_allclose(answer["probabilities"], expected, atol=0.03)
    same = classify["serving_default"](image=tf.constant(seen))["probabilities"]
    np.testing.assert_allclose(same, expected, atol=1e-6)


def test_files_of_different_sizes_are_one_batch_of_a_classifier(classify):
    images = [smooth(20, 30), smooth(9, 8)]
    answer = classify["serving_bytes"](image_bytes=tf.constant([*map(png, images)]))
    for row, image in enumerate(images):
        alone = classify["serving_default"](image=tf.constant(image[np.newaxis]))
        found = answer["probabilities"][row : row + 1]
        np.testing.assert_allclose(found, alone["probabilities"], atol=1e-6)


def test_a_network_for_grey_images_gets_luminance(tmp_path):
    scorer = Scorer(small_cnn.SmallCNN(filters=4), (8, 8, 1), 3)
    weights = varied(scorer)
    export.export("saved_model", scorer, weights, NAMES, tmp_path / "grey")
    serve = tf.saved_model.load(str(tmp_path / "grey")).signatures["serving_bytes"]
    image = smooth(8, 8)
    luminance = image @ np.array([0.299, 0.587, 0.114])
    grey = luminance.round().astype(np.uint8)[np.newaxis, ..., np.newaxis]
    answer = serve(image_bytes=tf.constant([png(image)]))["probabilities"]
    np.testing.assert_allclose(answer, scorer.predict(weights, grey), atol=1e-2)


def test_what_cannot_be_answered_is_said(models, classify):
    with pytest.raises(tf.errors.InvalidArgumentError, match="at least one pixel"):
        classify["serving_default"](image=tf.zeros([1, 0, 5, 3], tf.uint8))
    with pytest.raises(tf.errors.InvalidArgumentError, match="Unknown image file"):
        classify["serving_bytes"](image_bytes=tf.constant([b"rubbish"]))
    segment = tf.saved_model.load(str(models["segmenter"][0])).signatures
    files = tf.constant([png(smooth(20, 30)), png(smooth(20, 31))])
    with pytest.raises(tf.errors.InvalidArgumentError, match="have the same size"):
        segment["serving_bytes"](image_bytes=files)
