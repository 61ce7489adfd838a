"""Small folders of images for tests."""

import numpy as np
from PIL import Image

from mixdmt_tf.data.segmentation.source import Sample, Source, voc_colours

PALETTE = voc_colours().ravel().tolist()


def save(path, pixels, palette=None):
    """Writes an image; with a palette, its numbers as a palette PNG."""
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = Image.fromarray(np.asarray(pixels, np.uint8))
    if palette is not None:
        picture = picture.convert("L")
        picture.putpalette(palette)
    picture.save(path)
    return path


def numbers(height=5, width=7, classes=3, seed=0):
    """A label map with all classes and some pixels to be ignored."""
    values = np.random.RandomState(seed).randint(0, classes + 1, (height, width))
    return np.where(values == classes, 255, values).astype(np.uint8)


def photo(height=5, width=7, seed=0):
    """Noise."""
    pixels = np.random.RandomState(seed).randint(0, 256, (height, width, 3))
    return pixels.astype(np.uint8)


def voc(root, train=("c", "a", "b"), val=("v",), classes=3, masks="SegmentationClass"):
    """A folder in VOC's layout; the image that comes n-th has the seed n."""
    lists = {"train": train, "val": val}
    for name, members in lists.items():
        path = root / "ImageSets" / "Segmentation" / f"{name}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(f"{member}\n" for member in members))
    for seed, name in enumerate([*train, *val]):
        save(root / "JPEGImages" / f"{name}.png", photo(seed=seed))
        save(root / masks / f"{name}.png", numbers(5, 7, classes, seed), PALETTE)
    (root / "classes.txt").write_text("".join(f"class {c}\n" for c in range(classes)))
    return root


class MemorySample(Sample):
    """An image of noise."""

    def size(self):
        return 5, 7

    def image(self):
        return photo()

    def labels(self):
        return numbers() if self.known else None


def in_memory(count, unknown=(), names=None, **fields):
    """`count` training images named n000000, n000001, ..., and one for validation."""
    names = names or [f"n{i:06}" for i in range(count)]
    return Source(
        **{
            "name": "made_up",
            "class_names": ("a", "b", "c"),
            "train": [MemorySample(n, i not in unknown) for i, n in enumerate(names)],
            "validation": [MemorySample("v")],
            **fields,
        }
    )
