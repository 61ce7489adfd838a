"""Features of a run's images for TensorBoard's embedding projector.

RUN/projector_config.pbtxt       configuration that TensorBoard reads
RUN/projector/features.tsv       inputs of the last layer, a row for each image
RUN/projector/metadata.tsv       id, true class and predicted class of each image
RUN/projector/sprite.png         the images
"""

from __future__ import annotations

import io
import math
import pathlib
from typing import List, Tuple

import numpy as np
from PIL import Image

from mixdmt_tf.data.band_files import seen
from mixdmt_tf.data.lazy_images import take
from mixdmt_tf.data.splits import Split
from mixdmt_tf.files import cell, write_atomically, write_png_atomically
from mixdmt_tf.runs.trained import Trained
from mixdmt_tf.tasks.classification.findings import Findings, evenly

CONFIG, FOLDER = "projector_config.pbtxt", "projector"
LABELED, UNLABELED, MISTAKEN = 500, 1000, 500  # images of each kind at most
_SPRITE = 8192  # pixels: the largest that TensorBoard shows

_TEXT = f"""\
embeddings {{
  tensor_name: "features of images"
  tensor_path: "{FOLDER}/features.tsv"
  metadata_path: "{FOLDER}/metadata.tsv"
  sprite {{
    image_path: "{FOLDER}/sprite.png"
    single_image_dim: SIDE
    single_image_dim: SIDE
  }}
}}
"""
Kind = Tuple[str, np.ndarray, np.ndarray]  # name, images, true labels


def write(
    folder: pathlib.Path, model: Trained, split: Split, found: Findings
) -> pathlib.Path:
    """Writes the files.

    Args:
        folder: of the run.
        model: its network; the EMA weights are used.
        split: of the run.
        found: its predictions, for misclassified images.

    Returns:
        The configuration file that TensorBoard reads.
    """
    kinds = _kinds(split, found)
    images = np.concatenate([each for _, each, _ in kinds])
    labels = np.concatenate([each for _, _, each in kinds])
    features = model.scorer.features(model.averaged, images)
    probs = model.scorer.predict(model.averaged, images)
    place = folder / FOLDER
    place.mkdir(exist_ok=True)
    text = io.StringIO()
    np.savetxt(text, features, fmt="%.5g", delimiter="\t")
    write_atomically(place / "features.tsv", text.getvalue())
    lines = ["image\tshows\tguess\tconfidence\tright"]
    names = [name for name, each, _ in kinds for _ in range(len(each))]
    for name, label, row in zip(names, labels, probs):
        guess = int(row.argmax())
        shows, says = (cell(found.name(int(c))) for c in (label, guess))
        right = "unknown" if label == -1 else str(guess == label).lower()
        lines.append(f"{name}\t{shows}\t{says}\t{row[guess]:.3f}\t{right}")
    write_atomically(place / "metadata.tsv", "\n".join(lines) + "\n")
    pixels, side = sprite(images)
    write_png_atomically(place / "sprite.png", pixels)
    write_atomically(folder / CONFIG, _TEXT.replace("SIDE", str(side)))
    return folder / CONFIG


def _kinds(split: Split, found: Findings) -> List[Kind]:
    """Selects some images of each kind."""
    train = found.source.train
    kinds: List[Kind] = []
    for name, ids, limit in (
        ("labelled", split.labeled, LABELED),
        ("unlabelled", split.unlabeled, UNLABELED),
    ):
        some = evenly(ids, limit)
        kinds.append((name, take(train.images, some), train.labels[some]))
    judged = found.judged
    if judged is not None:
        wrong = np.flatnonzero(judged.predicted != judged.images.labels)
        surest = wrong[np.argsort(-judged.confidence[wrong], kind="stable")][:MISTAKEN]
        images = judged.images.take(surest)
        name = f"mistake on a {judged.name} image"
        kinds.append((name, np.asarray(images.images), images.labels))
    return kinds


def sprite(images: np.ndarray) -> Tuple[np.ndarray, int]:
    """Arranges all images in a square, row by row.

    Args:
        images: uint8 [n, H, W, C].

    Returns:
        uint8 [side, side, 3], and height and width of an image within it.
    """
    across = math.ceil(math.sqrt(len(images)))
    size = min(max(images.shape[1:3]), 64, _SPRITE // across)
    whole = Image.new("RGB", (across * size, across * size), "white")
    for place, pixels in enumerate(seen(images)):
        corner = (place % across * size, place // across * size)
        whole.paste(Image.fromarray(pixels).resize((size, size)), corner)
    return np.asarray(whole), size
