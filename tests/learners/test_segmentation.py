"""Models that tell pixels apart."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

import mixdmt_tf
from mixdmt_tf.errors import ArgumentError, UserError
from tests.learners import made

(IMAGES, LABELS), UNLABELED, HELD_OUT = made.scenes()
CLASSES = 11


@pytest.fixture(scope="module", name="trained")
def fixture_trained():
    keras.utils.set_random_seed(0)
    model = mixdmt_tf.segmentation.CutMix(made.segmenter(), CLASSES, flip=False)
    history = model.fit(
        (IMAGES, LABELS),
        unlabeled=[UNLABELED[0], UNLABELED[1], UNLABELED[2][:40]],
        steps_per_epoch=2,
        batch_size=1,
        validation_data=tf.data.Dataset.from_tensor_slices(HELD_OUT),
        verbose=0,
    )
    return model, history.history


def test_scores_leave_ignored_pixels_out(trained):
    model, history = trained
    images, labels = HELD_OUT
    assert (labels == 255).any()
    probs = model.predict(images, verbose=0)
    assert probs.shape == (*labels.shape, CLASSES)
    guesses, known = probs.argmax(-1), labels != 255
    counts = np.zeros((CLASSES, CLASSES))
    np.add.at(counts, (labels[known], guesses[known]), 1)
    union = counts.sum(0) + counts.sum(1) - counts.diagonal()
    iou = counts.diagonal()[union > 0] / union[union > 0]
    assert history["val_mean_iou"][-1] == pytest.approx(iou.mean(), rel=1e-5)
    right = (guesses == labels)[known].mean()
    assert history["val_accuracy"][-1] == pytest.approx(right, rel=1e-5)


def test_images_of_different_sizes(trained):
    model = trained[0]
    found = model.predict([IMAGES[0], IMAGES[1][:40, :44]], verbose=0)
    assert [each.shape for each in found] == [(48, 48, 11), (40, 44, 11)]
    some = [IMAGES[0], IMAGES[1][:40]], [LABELS[0], LABELS[1][:40]]
    assert len(model.evaluate(some, verbose=0)) == 3


def test_files_of_it(trained, tmp_path):
    model = trained[0]
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    expected = model.evaluate(*HELD_OUT, verbose=0)
    assert loaded.evaluate(*HELD_OUT, verbose=0) == expected
    model.export(tmp_path / "export")
    served = tf.saved_model.load(str(tmp_path / "export")).signatures["serving_default"]
    labels = served(image=tf.constant(HELD_OUT[0]))["label"].numpy()
    answers = model.predict(HELD_OUT[0], verbose=0).argmax(-1)
    np.testing.assert_array_equal(labels, answers)


@pytest.mark.parametrize(
    "labels, words",
    [
        (np.eye(11)[np.minimum(LABELS, 10)], "one-hot"),
        (LABELS[:, :40], r"image 0 is \[48, 48\], its labels are \[40, 48\]"),
        (np.where(LABELS == 255, 254, LABELS), "label 254; expected 0 to 10, or 255"),
    ],
)
def test_wrong_labels_are_refused(labels, words):
    model = mixdmt_tf.segmentation.Supervised(made.segmenter(), CLASSES)
    with pytest.raises(ArgumentError, match=words):
        model.fit(IMAGES, labels)


def test_a_network_of_one_size_is_exported_by_nobody():
    model = mixdmt_tf.segmentation.Supervised(made.segmenter(48), CLASSES, flip=False)
    model.fit(IMAGES, LABELS, steps_per_epoch=1, batch_size=1, verbose=0)
    with pytest.raises(UserError, match=r"keras.Input\(\(None, None, 3\)\)"):
        model.export("anywhere")


def test_a_u_net_takes_images_of_any_size(tmp_path):
    """It takes multiples of four itself: others have their last row repeated."""
    image = keras.Input((None, None, 3))
    half = keras.layers.Conv2D(4, 3, 2, padding="same")(image)
    quarter = keras.layers.Conv2D(4, 3, 2, padding="same")(half)
    x = keras.layers.UpSampling2D(2)(quarter)
    x = keras.layers.Concatenate()([x, half])
    x = keras.layers.Conv2D(CLASSES, 1)(keras.layers.UpSampling2D(2)(x))
    network = keras.Model(image, x)
    model = mixdmt_tf.segmentation.Supervised(network, CLASSES, flip=False)
    assert model.multiple == 4
    images, labels = IMAGES[:, :45, :46], LABELS[:, :45, :46]
    model.fit(images, labels, batch_size=1, steps_per_epoch=1, verbose=0)
    bordered = np.pad(images, ((0, 0), (0, 3), (0, 2), (0, 0)), "edge") / 127.5 - 1
    found = model.predict(images, averaged=False, verbose=0)
    expected = tf.nn.softmax(network.predict(bordered, verbose=0)[:, :45, :46])
    np.testing.assert_allclose(found, expected, atol=1e-5)
    model.export(tmp_path / "export")
    served = tf.saved_model.load(str(tmp_path / "export")).signatures["serving_default"]
    for height, width in ((45, 46), (9, 20)):
        some = images[:, :height, :width]
        answer = served(image=tf.constant(some))["probabilities"]
        np.testing.assert_allclose(answer, model.predict(some, verbose=0), atol=1e-5)
    with pytest.raises(ArgumentError, match="multiples of 4"):
        wrong = mixdmt_tf.segmentation.Supervised(network, CLASSES, crop="42")
        wrong.fit(images, labels)


def test_features_and_softmax():
    features = keras.Sequential(
        [
            keras.Input((None, None, 3)),
            keras.layers.Conv2D(4, 3, 2, padding="same", activation="relu"),
        ]
    )
    model = mixdmt_tf.segmentation.Supervised(features, CLASSES)
    assert model.predict(IMAGES[:1], verbose=0).shape == (1, 48, 48, 11)
    ending = keras.Sequential(
        [
            keras.Input((None, None, 3)),
            keras.layers.Conv2D(CLASSES, 3, padding="same", activation="softmax"),
        ]
    )
    model = mixdmt_tf.segmentation.Supervised(ending, CLASSES)
    expected = ending.predict(IMAGES[:1] / 127.5 - 1, verbose=0)
    found = model.predict(IMAGES[:1], verbose=0)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_auxiliary_decoders_of_a_network_with_a_range_of_its_own():
    """They are copies of its last layer, not of all of it."""
    others = "feature_drop dropout cutout context_masking object_masking vat".split()
    model = mixdmt_tf.segmentation.CCT(
        made.segmenter(), CLASSES, input_range=(0, 255), **dict.fromkeys(others, 0)
    )
    labeled, options = (IMAGES, LABELS), {"batch_size": 1, "steps_per_epoch": 1}
    model.fit(labeled, unlabeled=UNLABELED, verbose=0, **options)
    shapes = [weight.shape for weight in model.algorithm.auxiliary[0].weights]
    assert len(model.algorithm.auxiliary) == 6
    assert [tuple(shape) for shape in shapes] == [(1, 1, 4, CLASSES), (CLASSES,)]


@pytest.mark.parametrize("what", ["x", "validation_data"])
def test_label_maps_of_ignored_pixels_alone(what):
    (images, labels), unlabeled, _ = made.scenes()
    model = mixdmt_tf.segmentation.MeanTeacher(made.segmenter(48), 11)
    ignored = (images, np.full_like(labels, 255))
    given = {"x": (images, labels), "validation_data": None, what: ignored}
    with pytest.raises(ArgumentError, match="every pixel of the 3 label maps is 255"):
        model.fit(**given, unlabeled=unlabeled, verbose=0)
