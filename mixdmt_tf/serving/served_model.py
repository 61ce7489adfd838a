"""Loads a SavedModel written by `bin/export_model` and predicts for image files.

Loading a SavedModel runs code that it contains. Serve only your own models, or models
from people whose programs you would run.
"""

from __future__ import annotations

import base64
import io
import pathlib
from typing import Any, Dict, List, Optional, Sequence

import numpy as np
import tensorflow as tf
from PIL import Image, UnidentifiedImageError

from mixdmt_tf import bounds
from mixdmt_tf.data import band_files, image_files
from mixdmt_tf.data.bands import Bands
from mixdmt_tf.data.pixels import LUMINANCE
from mixdmt_tf.data.segmentation import opening
from mixdmt_tf.errors import UserError
from mixdmt_tf.runs import model_files
from mixdmt_tf.runs.servable import FILES, IMAGES
from mixdmt_tf.serving.limits import Refused

Prediction = Dict[str, Any]


class ServedModel:
    """A loaded SavedModel and its properties.

    Attributes:
        task: 'classification' or 'segmentation'.
        class_names: names of the classes.
        image_shape: (H, W, C) of the network's input; H and W are None if any size is
            accepted.
        pixels: most pixels of an image.
    """

    def __init__(self, folder: pathlib.Path, pixels: Optional[int] = None):
        """Loads the model and calls it once, so that the first request is not slow.

        Args:
            folder: folder of a SavedModel.
            pixels: most pixels of an image; None: `bounds.SERVED_PIXELS` of the task.

        Raises:
            UserError: if the folder has no SavedModel of `bin/export_model`, or the
                model does not accept image files.
        """
        model_files.require_model(folder)
        self.class_names: List[str] = model_files.read(folder, model_files.CLASSES)
        self.image_shape: List[Any] = model_files.read(folder, model_files.SHAPE)
        self.task = "classification" if self.image_shape[0] else "segmentation"
        self._bands: Optional[Bands] = None
        if (folder / model_files.BANDS).exists():
            self._bands = Bands(model_files.read(folder, model_files.BANDS)[0])
        self.pixels = pixels or bounds.SERVED_PIXELS[self.task]
        try:
            self._load(folder)
        except UserError:
            raise
        # Damaged files can raise any exception, depending on where the damage is.
        except Exception as error:
            reason = next(iter(str(error).splitlines()), "") or type(error).__name__
            raise UserError(
                f"{folder} can't be loaded: {reason:.200}\n{model_files.AGAIN}"
            ) from error

    def _load(self, folder: pathlib.Path) -> None:
        if self.task == "segmentation":
            colours = model_files.read(folder, model_files.COLOURS)
            shape = (len(self.class_names), 3)
            self._colours = np.array(colours, np.uint8).reshape(shape)
        self._loaded = tf.saved_model.load(str(folder))
        self._serve = self._loaded.signatures[IMAGES]
        if FILES not in self._loaded.signatures:
            raise UserError(
                f"{folder}: images of this model are not photographs; it takes arrays "
                "and no files.\nUse bin/predict, or the SavedModel itself."
            )
        sides = (side or 64 for side in self.image_shape)
        answer = self._ask(np.zeros([1, *sides], np.uint8))
        if self.task == "classification" and answer["label"].ndim > 1:
            raise UserError(
                f"{folder}: images of this model have several labels; expected one "
                "class per image.\nUse bin/predict, or the SavedModel itself."
            )
        number = answer["probabilities"].shape[-1]
        if number != len(self.class_names):
            raise UserError(
                f"{folder} answers with {number} classes, and {model_files.CLASSES} "
                f"names {len(self.class_names)}.\n{model_files.AGAIN}"
            )

    def predict(self, files: Sequence[bytes]) -> List[Prediction]:
        """Predicts for images. Thread-safe.

        Args:
            files: contents of PNG, JPEG or BMP files.

        Returns:
            A dictionary for each image. Classification: `label`, `class_name`,
            `confidence` and `probabilities`, in the order of the classes.
            Segmentation: `height`, `width`, `label_map` and `classes`. The label map
            is a PNG in base64 whose pixels are class numbers and whose palette has
            the colours of the classes. `classes` lists the classes that occur, with
            their shares of the pixels.

        Raises:
            Refused: if a file is no such image, or has too many pixels.
        """
        if self.task == "segmentation":
            return [self._segmented(self._decoded(data)) for data in files]
        answer = self._ask(np.stack([self._decoded(data) for data in files]))
        return [
            {
                "label": int(label),
                "class_name": self.class_names[label],
                "confidence": float(row[label]),
                "probabilities": [float(each) for each in row],
            }
            for label, row in zip(answer["label"], answer["probabilities"])
        ]

    def _ask(self, images: np.ndarray) -> Dict[str, np.ndarray]:
        try:
            answer = self._serve(image=tf.constant(images))
        except tf.errors.ResourceExhaustedError:
            raise Refused(
                422, "the image needs more memory than there is; make it smaller."
            ) from None
        return {name: value.numpy() for name, value in answer.items()}

    def _decoded(self, data: bytes) -> np.ndarray:
        """Decodes an image for the network: uint8 [H, W, C]."""
        try:
            with Image.open(io.BytesIO(data), formats=image_files.FORMATS) as picture:
                width, height = picture.size  # from the header: nothing is decoded yet
                if width * height > self.pixels:
                    raise Refused(
                        422,
                        f"the image has {width} x {height} pixels; expected at most "
                        f"{self.pixels:,}.",
                    )
                return self._fitted(picture)
        except Image.DecompressionBombError:
            raise Refused(
                422, f"the image has more than {self.pixels:,} pixels."
            ) from None
        except UnidentifiedImageError:
            raise Refused(
                415, "not a PNG, JPEG or BMP image, or its beginning is damaged."
            ) from None
        except Refused:
            raise
        except UserError as error:
            raise Refused(422, f"the image has {error}.") from error
        # Decoders can raise almost any exception for damaged files.
        except Exception as error:
            words = image_files.printable(error)[:200] or type(error).__name__
            raise Refused(422, f"the image is damaged: {words}.") from error

    def _fitted(self, picture: Image.Image) -> np.ndarray:
        height, width, channels = self.image_shape
        if self._bands:
            size = (height, width) if height else None
            return band_files.of_picture(picture, self._bands, size)
        if height:
            image = image_files.resized_rgb(picture, height, width)
        else:
            image = np.array(opening.rgb(picture))
        if channels == 1:
            image = (image @ LUMINANCE).round().astype(np.uint8)[..., np.newaxis]
        return image

    def _segmented(self, image: np.ndarray) -> Prediction:
        labels = self._ask(image[np.newaxis])["label"][0].astype(np.uint8)
        picture = Image.fromarray(labels)
        picture.putpalette(self._colours.tobytes())
        content = io.BytesIO()
        picture.save(content, "PNG")
        numbers, counts = np.unique(labels, return_counts=True)
        return {
            "height": labels.shape[0],
            "width": labels.shape[1],
            "label_map": base64.b64encode(content.getvalue()).decode(),
            "classes": [
                {
                    "label": int(number),
                    "class_name": self.class_names[number],
                    "colour": self._colours[number].tolist(),
                    "share": float(count / labels.size),
                }
                for number, count in zip(numbers, counts)
            ],
        }
