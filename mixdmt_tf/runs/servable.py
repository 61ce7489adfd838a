"""What a trained network is to other programs: images in, probabilities and labels out.

The functions are traced into a SavedModel or a TensorFlow Lite file, so that they need
nothing but TensorFlow where they run.
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
    """The exported functions, with their preprocessing inside.

    Classification takes images of any size, resized as in training, and says of n of
    them: `probabilities` float32 [n, C], `label` int32 [n], `class_name` string [n].
    Segmentation takes them as they are, and says of every pixel: `probabilities`
    float32 [n, H, W, C], `label` int32 [n, H, W]; `class_names` string [C] are those of
    all classes. Of several labels an image `probabilities` and `label`, of zeros and
    ones, are [n, L], and `class_names` [L] are those of all labels. No images, n = 0,
    have no answers.
    """

    def __init__(
        self,
        scorer: Scorer,
        class_names: Sequence[str],
        bands: Optional[Bands] = None,
    ):
        """Holds the network whose weights are exported.

        Args:
            scorer: the network.
            class_names: of the classes.
            bands: what images it was trained on; None: photographs.
        """
        super().__init__()
        # The variables alone: of a Keras model that a module holds, a SavedModel gets
        # functions of each layer, which nobody calls and which take most of the time.
        # TensorFlow's own, since the converter of newer TensorFlow to TensorFlow Lite
        # loses the values of variables that it finds behind Keras 3's.
        self.variables_held = [compat.tf_variable(w) for w in scorer.network.weights]
        self._scorer, self._names = scorer, list(class_names)
        height, width, self._channels = scorer.network.input_shape[1:]
        self._size = (height, width) if height else None
        # JPEG and PNG hold no other images, and nobody says here what is black in them.
        plain = bands is None or bands.low is None
        self._takes_files = plain and self._channels in (1, 3)

    def signatures(self) -> Dict[str, Callable[..., Answer]]:
        """The functions of a SavedModel by name.

        `serving_default` takes `image`, uint8 [n, H, W, channels]; `serving_bytes`
        takes `image_bytes`, string [n], the content of JPEG or PNG files, if images
        have one channel or three and no range of values of their own; files of one call
        that are labelled pixel by pixel have to be of one size.
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
        """The function of a TensorFlow Lite file: no resizing, no names, n > 0."""
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
        # Some layers refuse an empty batch: it gets an image that nobody asked for.
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
        if answer["label"].shape.rank > 1:  # of pixels, or several of an image
            return {**answer, "class_names": names}
        return {**answer, "class_name": tf.gather(names, answer["label"])}

    def _read(self, files: tf.Tensor) -> tf.Tensor:
        """Images of one size, uint8 [n, H, W, channels], from string [n]."""
        number = tf.size(files)
        blank = tf.io.encode_png(tf.zeros([1, 1, 3], tf.uint8))
        # A list of no images would have no size.
        files = tf.cond(number > 0, lambda: files, lambda: blank[tf.newaxis])
        size = self._size or tf.shape(image_bytes.decoded(files[0]))[:2]

        def read(data: tf.Tensor) -> tf.Tensor:
            image = image_bytes.decoded(data)
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
