"""Functions of an exported network: images in, probabilities and labels out.

The functions are traced into a SavedModel or a TensorFlow Lite file, so they need
nothing but TensorFlow (Lite) to run.
"""

from __future__ import annotations

from typing import Callable, Dict, Optional, Sequence

import tensorflow as tf

from mixdmt_tf import compat
from mixdmt_tf.data.bands import Bands
from mixdmt_tf.runs import image_bytes
from mixdmt_tf.runs.task import Scorer

Answer = Dict[str, tf.Tensor]
IMAGES, FILES = "serving_default", "serving_bytes"  # names of the signatures


class Servable(tf.Module):
    """The exported functions, including their preprocessing.

    Classification takes n images of any size, resizes them as in training, and returns
    `probabilities` float32 [n, C], `label` int32 [n] and `class_name` string [n].
    Segmentation takes images at their own size and returns for every pixel
    `probabilities` float32 [n, H, W, C] and `label` int32 [n, H, W], and the names of
    all classes, `class_names` string [C]. For several labels per image, `probabilities`
    and `label` (zeros and ones) are [n, L], and `class_names` [L] names all labels. An
    empty batch, n = 0, gives empty outputs.
    """

    def __init__(
        self,
        scorer: Scorer,
        class_names: Sequence[str],
        bands: Optional[Bands] = None,
    ):
        """Wraps a network for export.

        Args:
            scorer: the network, with the weights to export.
            class_names: names of the classes.
            bands: kind of images that it was trained on; None for photographs.
        """
        super().__init__()
        # Only the variables are attached: for a Keras model as an attribute, a
        # SavedModel gets functions of each layer, which are never called and take most
        # of the time. They are TensorFlow's variables, since newer converters to
        # TensorFlow Lite lose the values of variables wrapped by Keras 3.
        self.variables_held = [compat.tf_variable(w) for w in scorer.network.weights]
        self._scorer, self._names = scorer, list(class_names)
        height, width, self._channels = scorer.network.input_shape[1:]
        self._size = (height, width) if height else None
        # JPEG and PNG files have 1 or 3 channels here, and no range of values.
        self._rotates = bands is None
        plain = bands is None or bands.low is None
        self._takes_files = plain and self._channels in (1, 3)

    def signatures(self) -> Dict[str, Callable[..., Answer]]:
        """Returns the functions of a SavedModel by name.

        `serving_default` takes `image`, uint8 [n, H, W, channels]. `serving_bytes`
        takes `image_bytes`, string [n], the content of JPEG or PNG files. It exists if
        images have one or three channels and no custom range of values. For
        segmentation, all files of a call must have the same size.
        """
        shape = (None, None, None, self._channels)

        @tf.function(
            input_signature=[tf.TensorSpec(shape, tf.uint8, name="image")],
            autograph=False,
        )
        def serve(image):
            return self._answer(image)

        @tf.function(
            input_signature=[tf.TensorSpec([None], tf.string, name="image_bytes")],
            autograph=False,
        )
        def serve_bytes(image_bytes):
            return serve(self._read(image_bytes))

        if not self._takes_files:
            return {IMAGES: serve}
        return {IMAGES: serve, FILES: serve_bytes}

    def lite(self) -> Callable[..., Answer]:
        """Returns the TensorFlow Lite function: no resizing, no names, n > 0."""
        shape = (None, *self._scorer.network.input_shape[1:])

        @tf.function(
            input_signature=[tf.TensorSpec(shape, tf.uint8, name="image")],
            autograph=False,
        )
        def serve(image):
            return self._guess(image)

        return serve

    def _guess(self, images: tf.Tensor) -> Answer:
        probabilities = self._scorer.probabilities(images)
        label = self._scorer.decide(probabilities)
        return {"probabilities": probabilities, "label": label}

    def _answer(self, images: tf.Tensor) -> Answer:
        number, height, width = tf.unstack(tf.shape(images)[:3])
        sizes = [1, tf.maximum(height, 1), tf.maximum(width, 1), self._channels]
        # Some layers refuse an empty batch, so it gets a blank image.
        images = tf.cond(
            number > 0, lambda: images, lambda: tf.zeros(sizes, images.dtype)
        )
        pixels = tf.reduce_prod(tf.shape(images))
        message = "image: expected at least one pixel"
        with tf.control_dependencies([tf.debugging.assert_positive(pixels, message)]):
            images = tf.ensure_shape(images, [None, None, None, self._channels])
        if self._size is not None:
            images = image_bytes.resized(images, *self._size)
        answer = {name: each[:number] for name, each in self._guess(images).items()}
        names = tf.constant(self._names)
        if answer["label"].shape.rank > 1:  # segmentation, or several labels
            return {**answer, "class_names": names}
        return {**answer, "class_name": tf.gather(names, answer["label"])}

    def _decoded(self, data: tf.Tensor) -> tf.Tensor:
        return image_bytes.decoded(data, self._rotates)

    def _read(self, files: tf.Tensor) -> tf.Tensor:
        """Decodes files, string [n], to images of one size, uint8 [n, H, W, C]."""
        number = tf.size(files)
        blank = tf.io.encode_png(tf.zeros([1, 1, 3], tf.uint8))
        # An empty list of images would have no size.
        files = tf.cond(number > 0, lambda: files, lambda: blank[tf.newaxis])
        size = self._size or tf.shape(self._decoded(files[0]))[:2]

        def read(data: tf.Tensor) -> tf.Tensor:
            image = self._decoded(data)
            if self._size is not None:
                image = image_bytes.resized(image[tf.newaxis], *self._size)[0]
            if self._channels == 1:
                image = image_bytes.grey(image)
            if self._size is not None:
                return image
            same = tf.debugging.assert_equal(
                tf.shape(image)[:2],
                size,
                "image_bytes: all images of one call must have the same size",
            )
            with tf.control_dependencies([same]):
                return tf.identity(image)

        spec = tf.TensorSpec([*(self._size or (None, None)), self._channels], tf.uint8)
        return tf.map_fn(read, files, fn_output_signature=spec)[:number]
