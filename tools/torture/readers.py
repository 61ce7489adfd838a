"""Readers of files from strangers and of caches, with sound files to begin with.

`parsers.py` mutates these files at random, `coverage.py` as coverage says, and the
tests by Hypothesis.
"""

from __future__ import annotations

import hashlib
import io
import json
import pathlib
import shutil
import zipfile
from typing import Any, Callable, Dict, List, Tuple

import h5py
import numpy as np
from PIL import Image

Reader = Callable[[pathlib.Path], Any]


def read(reader: Reader, path: pathlib.Path, content: bytes) -> bool:
    """Has a reader read a file; whether it was not refused.

    Args:
        reader: from `readers`.
        path: where the file is written.
        content: of the file.

    Raises:
        Exception: if anything else comes of it than an error in words.
    """
    from mixdmt_tf.errors import UserError

    path.write_bytes(content)
    try:
        reader(path)
    except (UserError, SystemExit, FileNotFoundError):
        return False
    return True


def _npz(**arrays: Any) -> bytes:
    content = io.BytesIO()
    np.savez_compressed(content, **arrays)
    return content.getvalue()


def _safetensors() -> bytes:
    tensor = {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}
    header = json.dumps({"conv.weight": tensor}).encode()
    return len(header).to_bytes(8, "little") + header + bytes(24)


def _coco() -> bytes:
    polygon = {"segmentation": [[0, 0, 5, 0, 5, 5]], "category_id": 3, "iscrowd": 0}
    runs = {"size": [9, 8], "counts": [10, 20, 42]}
    crowd = {"segmentation": runs, "category_id": 5, "iscrowd": 1}
    return json.dumps(
        {
            "images": [{"id": 1, "file_name": "a.png", "height": 9, "width": 8}],
            "categories": [{"id": 3, "name": "cat"}, {"id": 5, "name": "dog"}],
            "annotations": [{"image_id": 1, **each} for each in (polygon, crowd)],
        }
    ).encode()


def _h5() -> bytes:
    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        file.attrs["layer_names"] = [b"conv"]
        group = file.create_group("conv")
        group.attrs["weight_names"] = [b"conv/kernel:0"]
        group["conv/kernel:0"] = np.ones((2, 3), "f4")
    return content.getvalue()


def _text(text: bytes) -> bytes:  # in a pickle
    return b"X" + len(text).to_bytes(4, "little") + text


def _number(number: int) -> bytes:  # in a pickle
    size = number.bit_length() // 8 + 1
    return bytes([0x8A, size]) + number.to_bytes(size, "little")


def _tensor(*more: bytes) -> bytes:
    """The pickle of {'w': a tensor [2, 3]}, as PyTorch writes it."""
    storage = (_text(b"storage"), b"ctorch\nFloatStorage\n", _text(b"0"), _text(b"cpu"))
    view = b"K\0K\2K\3\x86K\3K\1\x86\x89ccollections\nOrderedDict\n)R"
    begin = (b"\x80\2}", _text(b"w"), b"ctorch._utils\n_rebuild_tensor_v2\n((")
    return b"".join([*begin, *storage, b"K\6", *more, b"tQ", view, b"tRs."])


def _pth_archive() -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as file:
        file.writestr("archive/data.pkl", _tensor())
        file.writestr("archive/data/0", bytes(24))
    return content.getvalue()


def _pth_old() -> bytes:
    system = (_text(b"protocol_version"), _number(1001), _text(b"little_endian"))
    parts = [
        *(b"\x80\2", _number(0x1950A86A20F9469CFC6C), b".\x80\2", _number(1001), b"."),
        *(b"\x80\2}(", *system, b"\x88u.", _tensor(b"N")),
        *(b"\x80\2](", _text(b"0"), b"e.", (6).to_bytes(8, "little"), bytes(24)),
    ]
    return b"".join(parts)


class Cache:
    """A cache of decoded images, in which one file is replaced."""

    def __init__(self, place: pathlib.Path):
        """Makes images in a folder, one of which can't be used, and the cache."""
        self.place, self.root = place, place / "pictures"
        self.root.mkdir()
        for number in range(3):
            picture = Image.new("RGB", (5, 4), (number, 50, 90))
            picture.save(self.root / f"{number}.png")
        (self.root / "9.png").write_bytes(b"no image")
        self._expected = self._decoded()
        self._folder = next(place.glob("cache/decoded-*"))
        self._files = {each: each.read_bytes() for each in self._folder.iterdir()}

    def sound(self, pattern: str) -> List[bytes]:
        """The file with such a name."""
        return [self._files[path] for path in self._folder.glob(pattern)]

    def reader(self, pattern: str) -> Reader:
        """Reads the cache with another file; the images must be the same."""
        name = next(self._folder.glob(pattern)).name

        def reads(path: pathlib.Path) -> None:
            for each in self._folder.iterdir():
                each.unlink()
            for each, content in self._files.items():
                each.write_bytes(path.read_bytes() if each.name == name else content)
            if self._decoded() != self._expected:
                raise AssertionError("other images, or other problems")

        return reads

    def _decoded(self) -> Any:
        from mixdmt_tf.data import decoded

        paths = sorted(self.root.iterdir())
        found = decoded.decode(paths, self.root, 4, "disk", self.place / "cache")
        return np.asarray(found.images).tobytes(), sorted(found.problems)


def _copies(place: pathlib.Path) -> Tuple[Reader, List[bytes]]:
    """Reads augmented copies of which a file is replaced: they must be the same."""
    from mixdmt_tf.data import shards

    words = shards.Words("copies", "none")
    sound = np.arange(48, dtype=np.uint8)
    digest = hashlib.sha256(sound.tobytes()).hexdigest()

    def fill(first: int, out: np.ndarray) -> None:
        out[:] = sound.reshape(out.shape)

    def reads(path: pathlib.Path) -> None:
        folder = place / "copies"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        path.rename(folder / f"shard-00000-{digest}.u8")
        found = shards.Shards(folder, (4, 2, 2, 3), fill, words, threads=1)
        if found.read(np.arange(4)).tobytes() != sound.tobytes():
            raise AssertionError("other copies")

    return reads, [sound.tobytes()]


def _checkpoint(place: pathlib.Path) -> Tuple[Reader, List[bytes]]:
    """Reads the manifest of a checkpoint."""
    from mixdmt_tf.errors import UserError
    from mixdmt_tf.runs import manifests

    folder = place / "step-00000004"
    folder.mkdir()
    (folder / "state.index").write_bytes(b"state")
    manifests.write(folder, 4, "f" * 64, {"means": {}}, 2)
    sound = (folder / manifests.NAME).read_bytes()

    def reads(path: pathlib.Path) -> None:
        path.replace(folder / manifests.NAME)
        if manifests.read(folder) is None:
            raise UserError("damaged")

    return reads, [sound]


def readers(place: pathlib.Path) -> Dict[str, Tuple[Reader, List[bytes]]]:
    """Every reader, with sound files to begin with.

    Args:
        place: an empty folder for what they need besides.
    """
    from mixdmt_tf import digests
    from mixdmt_tf.cli import experiments
    from mixdmt_tf.data.classification import label_weights, labels_csv, pseudo_labels
    from mixdmt_tf.data.segmentation import class_files, coco_files
    from mixdmt_tf.data.segmentation import pseudo_labels as pixel_labels
    from mixdmt_tf.data.splits import Split, read_fitting
    from mixdmt_tf.models import weight_files
    from mixdmt_tf.runs.rows import read_rows

    ids = np.arange(6)
    split = Split("made up", 1, "f" * 64, ids[:2], ids[2:4], ids[4:])

    class Source:
        name = "made up"

        def fingerprint(self) -> str:
            return "f" * 64

    note = {"version": 1, "split": split.digest(), "facts": {}}
    labels = _npz(
        note=np.array(json.dumps(note)),
        ids=split.unlabeled,
        labels=np.zeros(2, np.int32),
        confidence=np.ones(2, np.float32),
        kept=np.ones(2, bool),
    )
    guess = _npz(classes=np.zeros((4, 5), np.uint8), doubt=np.zeros((4, 5), np.float16))

    cache = Cache(place)

    def named(function: Callable[[pathlib.Path], Any], name: str) -> Reader:
        """For readers of a file of a certain name in a folder."""

        def read(path: pathlib.Path) -> Any:
            place = path.with_name(name)
            path.rename(place)
            return function(place.parent)

        return read

    return {
        "flags": (
            lambda path: experiments.parse([f"--flagfile={path}"], "train", ""),
            [b"--dataset=digits\n--labels=20\n# a comment\n--noexport\n--steps=10\n"],
        ),
        "split": (
            lambda path: read_fitting(path, Source(), lambda *_: None),
            [split.to_json().encode()],
        ),
        "pseudo labels": (lambda path: pseudo_labels.read(path, split, 10), [labels]),
        "pixel labels": (
            named(lambda folder: pixel_labels.read_guess(folder, 3), "000003.npz"),
            [guess],
        ),
        "coco": (coco_files.read, [_coco()]),
        "npz weights": (weight_files.read, [_npz(**{"a/b": np.ones((2, 3), "f4")})]),
        "safetensors": (weight_files.read, [_safetensors()]),
        "h5 weights": (weight_files.read, [_h5()]),
        "pth weights": (weight_files.read, [_pth_archive(), _pth_old()]),
        "labels": (
            lambda path: labels_csv.read(str(path)),
            [b"file,label,guess\ntrain/a.png,cat,dog\ntrain/b.png,,\n"],
        ),
        "weights of labels": (
            lambda path: label_weights.read(path, cache.root),
            [b"file;weight\n0.png;0.5\n./1.png;2\n"],
        ),
        "decoded files": (cache.reader("files.npz"), cache.sound("files.npz")),
        "decoded problems": (cache.reader("problems-*"), cache.sound("problems-*")),
        "decoded shard": (cache.reader("shard-*"), cache.sound("shard-*")),
        "copies": _copies(place),
        "checkpoint": _checkpoint(place),
        "colours": (
            named(
                lambda folder: class_files.read_classes(folder, "error"), "colours.txt"
            ),
            [b"background 0 0 0\na cat 255, 0, 0\nignored #ffffff\n"],
        ),
        "digests": (
            named(digests.known, digests.NAME),
            [digests.seal({"results.json": ["a" * 64]}).encode()],
        ),
        "metrics": (
            named(read_rows, "metrics.csv"),
            [b"step,seconds,test_error\n4,1.5,85.6\n8,3.0,80.1\n"],
        ),
    }


SUFFIXES = {
    "safetensors": ".safetensors",
    "npz weights": ".npz",
    "h5 weights": ".h5",
    "pth weights": ".pth",
    "coco": ".json",
}
