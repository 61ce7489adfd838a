"""Images in files, and the models of both tasks that answer for them."""

from __future__ import annotations

import base64
import io
import json
import shutil
import struct
import zlib

import numpy as np
import pytest
import tensorflow as tf
from google.protobuf.message import DecodeError
from PIL import Image

from mixdmt_tf.cli import main
from mixdmt_tf.data import band_files, image_files
from mixdmt_tf.data.bands import Bands
from mixdmt_tf.errors import UserError
from mixdmt_tf.models import small_cnn, small_segmenter
from mixdmt_tf.runs import export
from mixdmt_tf.serving.limits import Refused
from mixdmt_tf.serving.served_model import ServedModel
from mixdmt_tf.tasks.classification.scoring import Scorer
from mixdmt_tf.tasks.segmentation.scoring import Scorer as Segmenter
from tests.serving.served import picture, serving

NAMES = ("cat", "<b>dog</b>", "owl")
COLOURS = np.array([[1, 2, 3], [200, 0, 0], [0, 99, 0]], np.uint8)


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """By task: the folder, the scorer and the weights."""
    scorers = {
        "classification": Scorer(small_cnn.SmallCNN(filters=4), (8, 8, 3), 3),
        "grey": Scorer(small_cnn.SmallCNN(filters=4), (8, 8, 1), 3),
        "oblong": Scorer(small_cnn.SmallCNN(filters=4), (8, 16, 3), 3),
        "segmentation": Segmenter(small_segmenter.SmallSegmenter(width=4, depth=1), 3),
        "grey maps": Segmenter(small_segmenter.SmallSegmenter(width=4, depth=1), 3, 1),
    }
    found = {}
    for name, scorer in scorers.items():
        place = tmp_path_factory.mktemp("models") / name
        weights = scorer.network.get_weights()
        weights[-2] = 30 * weights[-2]
        colours = COLOURS if name in ("segmentation", "grey maps") else None
        export.export("saved_model", scorer, weights, NAMES, place, colours)
        found[name] = ServedModel(place), place, scorer, weights
    return found


def test_classification(models, tmp_path):
    """Files of any kind and size are decoded and resized as in training."""
    model, _, scorer, weights = models["classification"]
    exif = Image.Exif()
    exif[image_files.ORIENTATION] = 6
    files = [picture(20, 31, "JPEG", exif=exif), picture(8, 8), picture(5, 6, "BMP")]
    paths = [tmp_path / f"{number}.jpg" for number in range(3)]
    for path, data in zip(paths, files):
        path.write_bytes(data)
    expected = scorer.predict(weights, image_files.read(paths, 8))
    for found, wanted in zip(model.predict(files), expected):
        label = int(wanted.argmax())
        np.testing.assert_allclose(found["probabilities"], wanted, atol=1e-5)
        assert (found["label"], found["class_name"]) == (label, NAMES[label])
        assert found["confidence"] == found["probabilities"][label]


def test_grey(models):
    model, _, scorer, weights = models["grey"]
    data = picture(8, 8)
    rgb = np.asarray(Image.open(io.BytesIO(data)))
    grey = (rgb @ [0.299, 0.587, 0.114]).round().astype(np.uint8)
    expected = scorer.predict(weights, grey[np.newaxis, ..., np.newaxis])
    (found,) = model.predict([data])
    np.testing.assert_allclose(found["probabilities"], expected[0], atol=1e-5)


def test_images_that_are_no_squares(models):
    """Such as a learner of Python exports."""
    model, _, scorer, weights = models["oblong"]
    data = picture(8, 16)
    image = np.asarray(Image.open(io.BytesIO(data)))
    (found,) = model.predict([data])
    expected = scorer.predict(weights, image[np.newaxis])
    np.testing.assert_allclose(found["probabilities"], expected[0], atol=1e-5)


def test_segmentation(models):
    model, _, scorer, weights = models["segmentation"]
    data = picture(20, 31)
    image = np.asarray(Image.open(io.BytesIO(data)))
    expected = scorer.predict(weights, image[np.newaxis])[0].argmax(-1)
    (found,) = model.predict([data])
    assert (found["height"], found["width"]) == (20, 31)
    label_map = Image.open(io.BytesIO(base64.b64decode(found["label_map"])))
    np.testing.assert_array_equal(np.asarray(label_map), expected)
    painted = np.asarray(label_map.convert("RGB"))
    np.testing.assert_array_equal(painted, COLOURS[expected])
    assert sum(each["share"] for each in found["classes"]) == pytest.approx(1.0)
    for each in found["classes"]:
        number = each["label"]
        assert each["share"] == pytest.approx((expected == number).mean())
        assert each["class_name"] == NAMES[number]
        assert each["colour"] == COLOURS[number].tolist()


def test_segmentation_of_grey_images(models):
    model, _, scorer, weights = models["grey maps"]
    grey = np.asarray(Image.open(io.BytesIO(picture(9, 12))).convert("L"))
    content = io.BytesIO()
    Image.fromarray(grey).save(content, "PNG")
    (found,) = model.predict([content.getvalue()])
    expected = scorer.predict(weights, grey[np.newaxis, ..., np.newaxis])[0].argmax(-1)
    label_map = Image.open(io.BytesIO(base64.b64decode(found["label_map"])))
    np.testing.assert_array_equal(np.asarray(label_map), expected)


@pytest.mark.parametrize("bands", [Bands(4), Bands(1, 0.0, 4095.0)])
def test_images_that_files_do_not_hold(bands, tmp_path):
    """What is white in a file of 12 bits is known to the run, and not to a server."""
    scorer = Scorer(small_cnn.SmallCNN(filters=4), (8, 8, bands.number), 3)
    weights, place = scorer.network.get_weights(), tmp_path / "model"
    export.export("saved_model", scorer, weights, NAMES, place, bands=bands)
    with pytest.raises(UserError, match="takes arrays and no files.\nUse bin/predict"):
        ServedModel(place)


@pytest.mark.parametrize("number", [1, 3])
def test_images_of_given_channels_are_read_as_in_training(number, tmp_path):
    """Their EXIF orientation is ignored, and other channels are refused."""
    bands, place = Bands(number), tmp_path / "model"
    scorer = Scorer(small_cnn.SmallCNN(filters=4), (8, 8, number), 3)
    weights = scorer.network.get_weights()
    export.export("saved_model", scorer, weights, NAMES, place, bands=bands)
    pixels = np.asarray(Image.open(io.BytesIO(picture(16, 24))).convert("RGB"))
    image = Image.fromarray(pixels if number == 3 else pixels[..., 0])
    exif, content = Image.Exif(), io.BytesIO()
    exif[image_files.ORIENTATION] = 6
    image.save(tmp_path / "image.jpg", exif=exif, quality=95)
    image.convert("LA" if number == 1 else "RGBA").save(content, "PNG")
    expected = scorer.predict(
        weights, band_files.square(tmp_path / "image.jpg", 8, bands)[np.newaxis]
    )[0]
    model = ServedModel(place)
    data = (tmp_path / "image.jpg").read_bytes()
    found = model.predict([data])[0]["probabilities"]
    np.testing.assert_allclose(found, expected, atol=1e-6)
    served = tf.saved_model.load(str(place)).signatures["serving_bytes"]
    answer = served(image_bytes=tf.constant([data]))["probabilities"][0]
    np.testing.assert_allclose(answer, expected, atol=2e-3)
    with pytest.raises(Refused, match=f"{number + 1} channels; expected {number}"):
        model.predict([content.getvalue()])


def test_a_label_map_over_http(models):
    with serving(models["segmentation"][0]) as client:
        answer = client.predict(picture(9, 12), Accept="image/png")
        assert answer.headers["content-type"] == "image/png"
        assert Image.open(io.BytesIO(answer.body)).size == (12, 9)
        spoken = client.predict(picture(9, 12)).json["predictions"][0]
        assert base64.b64decode(spoken["label_map"]) == answer.body
        assert sum(v for k, v in client.metrics().items() if "images_total" in k) == 2


def bomb(width, height):
    """A PNG of a few bytes that says it is huge."""

    def chunk(kind, data):
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = chunk(b"IDAT", zlib.compress(bytes(1000)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + data + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    "data, status, words",
    [
        (bomb(7072, 7072), 422, "7072 x 7072 pixels; expected at most 50,000,000"),
        (bomb(60_000, 60_000), 422, "more than 50,000,000 pixels"),
        (bomb(500, 500), 422, "damaged"),
        (picture(90, 90, "JPEG")[:700], 422, "damaged"),
        (picture(9, 9, "GIF"), 415, "not a PNG, JPEG or BMP image"),
        (picture(9, 9, "TIFF"), 415, "not a PNG, JPEG or BMP image"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", 415, "not a PNG"),
        (b"", 415, "not a PNG"),
    ],
)
@pytest.mark.parametrize("task", ["classification", "segmentation"])
def test_files_that_are_refused(data, status, words, task, models):
    if task == "segmentation":
        words = words.replace("50,000,000", "4,000,000")
    with pytest.raises(Refused) as refused:
        models[task][0].predict([picture(8, 8), data])
    assert refused.value.status == status and words in refused.value.sentence


def test_a_limit_of_ones_own(models):
    _, place, _, _ = models["classification"]
    model = ServedModel(place, 100)
    assert model.predict([picture(10, 10)])
    with pytest.raises(Refused, match="11 x 10 pixels; expected at most 100"):
        model.predict([picture(10, 11)])


def test_what_is_no_model_of_ours(models, tmp_path):
    with pytest.raises(UserError, match="holds no SavedModel"):
        ServedModel(tmp_path)
    (tmp_path / "saved_model.pb").write_bytes(b"rubbish")
    for text in ("", "{}", "[]", "no json"):
        (tmp_path / "classes.json").write_text(text)
        with pytest.raises(UserError, match="classes.json can't be read: .*\nExport"):
            ServedModel(tmp_path)
    (tmp_path / "classes.json").write_text(json.dumps(NAMES))
    with pytest.raises(UserError, match="shape.json can't be read: No such file"):
        ServedModel(tmp_path)
    (tmp_path / "shape.json").write_text("[8, 8, 3]")
    with pytest.raises(UserError, match="can't be loaded"):
        ServedModel(tmp_path)


@pytest.fixture(name="older")
def fixture_older(models, tmp_path):
    """A model without digests, as older versions wrote them."""
    place = tmp_path / "older"
    shutil.copytree(models["classification"][1], place)
    (place / "digests.json").unlink()
    return place


def test_a_model_of_an_older_version_is_served_without_a_word(older, capsys):
    assert ServedModel(older).class_names == list(NAMES)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("length", [0, 9, 0.3, 0.9, 0.999])
def test_a_file_that_ends_too_early(length, older, capsys):
    path = older / "saved_model.pb"
    content = path.read_bytes()
    length = int(length * len(content)) if isinstance(length, float) else length
    path.write_bytes(content[:length])
    assert main.run(lambda _: ServedModel(older) and 0, []) == 1
    said = capsys.readouterr().err
    assert f"error: {older} can't be loaded: " in said and "Traceback" not in said
    assert said.endswith("\nExport the model again: bin/export_model --workdir=RUN\n")


def test_a_function_that_is_called_otherwise_now(older):
    """As after a changed bit: what TensorFlow raises depends on where it is."""
    path = older / "saved_model.pb"
    content = path.read_bytes()
    assert b"Conv2D" in content
    path.write_bytes(content.replace(b"Conv2D", b"Con{2D"))
    with pytest.raises(UserError, match="can't be loaded: Op type .*Con{2D"):
        ServedModel(older)


@pytest.mark.parametrize(
    "error", [TypeError, AttributeError, IndexError, DecodeError, RuntimeError]
)
@pytest.mark.parametrize("text", ["", "two\nlines"])
def test_whatever_tensorflow_raises(error, text, older, monkeypatch):
    def fail(_):
        raise error(text)

    monkeypatch.setattr(tf.saved_model, "load", fail)
    said = "two" if text else error.__name__
    with pytest.raises(UserError, match=f"can't be loaded: {said}\nExport the"):
        ServedModel(older)


def test_names_of_more_classes_than_there_are(older):
    (older / "classes.json").write_text('["a", "b"]')
    with pytest.raises(UserError, match="answers with 3 classes, and .* names 2.\nExp"):
        ServedModel(older)


def test_colours_that_are_none(models, tmp_path):
    place = tmp_path / "maps"
    shutil.copytree(models["segmentation"][1], place)
    (place / "digests.json").unlink()
    for text in ("[1, 2]", "[[1, 2, 3], [4], [5]]", '["red", "green", "blue"]'):
        (place / "colours.json").write_text(text)
        with pytest.raises(UserError, match="can't be loaded: .*\nExport the model"):
            ServedModel(place)
