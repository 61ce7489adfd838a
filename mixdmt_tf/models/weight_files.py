"""Files of weights, read without running anything: .h5, .npz, .pth and .safetensors.

PyTorch's own .pth files are pickles, programs that run when they are opened. They are
followed by a reader that makes tensors and nothing else (`pytorch_files.py`).
"""

from __future__ import annotations

import itertools
import json
import lzma
import math
import pathlib
import struct
import tokenize
import zipfile
import zlib
from typing import Any, Callable, Dict, List, Tuple

import h5py
import numpy as np

from mixdmt_tf import bounds
from mixdmt_tf.errors import UserError
from mixdmt_tf.models.pytorch_files import read_pth

# Where such files can be had, two lines.
SOURCES = (
    "Layout keras: https://storage.googleapis.com/tensorflow/keras-applications/resnet/"
    " has resnet50_ and resnet101_weights_tf_dim_ordering_tf_kernels_notop.h5.\n"
    "Layout torch: https://huggingface.co/timm/resnet101.tv_in1k (and resnet50) has "
    "model.safetensors."
)
_LARGEST_HEADER = bounds.WEIGHTS_HEADER_BYTES
_LARGEST_FILE = bounds.WEIGHTS_BYTES
_MOST_DIMENSIONS = bounds.TENSOR_DIMENSIONS
_SAFETENSORS_TYPES = {
    "F64": "<f8",
    "F32": "<f4",
    "F16": "<f2",
    "BF16": "<u2",  # the upper half of a float32
    "I64": "<i8",
    "I32": "<i4",
    "I16": "<i2",
    "I8": "i1",
    "U8": "u1",
    "BOOL": "?",
}


def read(path: pathlib.Path) -> Dict[str, np.ndarray]:
    """Reads all tensors of a file of weights; nothing in it is executed.

    Args:
        path: .h5, .npz, .pth, .pt or .safetensors.

    Returns:
        Arrays under the file's own names. Those of .h5 files are
        'LAYER.POSITION (NAME)', where the position counts the weights of the layer.

    Raises:
        UserError: if the file is missing, damaged, of another kind, or a pickle of
            more than tensors.
    """
    readers: Dict[str, Callable[[pathlib.Path], Dict[str, np.ndarray]]] = {
        ".h5": _read_h5,
        ".safetensors": _read_safetensors,
        ".npz": _read_npz,
        ".pth": read_pth,
        ".pt": read_pth,
    }
    suffix = path.suffix.lower()
    if suffix not in readers:
        raise UserError(f"{path}: expected a file .h5, .npz, .pth or .safetensors")
    if not path.is_file():
        raise UserError(
            f"there is no file {path}; nothing is fetched by itself.\n{SOURCES}"
        )
    try:
        if path.stat().st_size > _LARGEST_FILE:
            raise ValueError(f"more than {_LARGEST_FILE} bytes")
        return readers[suffix](path)
    except (
        OSError,
        ValueError,
        LookupError,
        EOFError,
        TypeError,  # of h5py and NumPy, where something is of another kind
        SyntaxError,  # of NumPy, as the next, where it reads a header
        tokenize.TokenError,
        RuntimeError,  # of h5py and zipfile, and of JSON that is too deep
        MemoryError,
        OverflowError,
        struct.error,
        zipfile.BadZipFile,
        zlib.error,
        lzma.LZMAError,
    ) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UserError(
            f"{path} can't be read as {suffix}: {reason}; get it anew.\n{SOURCES}"
        ) from error


def _read_safetensors(path: pathlib.Path) -> Dict[str, np.ndarray]:
    """Eight bytes with the length of a header, JSON, then the tensors end to end."""
    content = bounds.read_bytes(path, _LARGEST_FILE)
    length = int.from_bytes(content[:8], "little")
    if len(content) < 8 or length > min(_LARGEST_HEADER, len(content) - 8):
        raise ValueError("the file ends before its header does")
    header = json.loads(
        content[8 : 8 + length].decode("utf-8"), object_pairs_hook=_once
    )
    if not isinstance(header, dict):
        raise ValueError("the header is no JSON object")
    data = memoryview(content)[8 + length :]
    entries = [_entry(n, e) for n, e in header.items() if n != "__metadata__"]
    tensors: Dict[str, np.ndarray] = {}
    reached = 0
    for begin, end, name, kind, shape in sorted(entries):
        dtype = np.dtype(_SAFETENSORS_TYPES[kind])
        if begin != reached or end - begin != math.prod(shape) * dtype.itemsize:
            raise ValueError(f"{name} overlaps, leaves a gap or has another size")
        if end > len(data):
            raise ValueError(f"{name} is cut off")
        values = np.frombuffer(data[begin:end], dtype).reshape(shape)
        if kind == "BF16":
            values = (values.astype("<u4") << 16).view("<f4")
        tensors[name], reached = values, end
    if reached != len(data):
        raise ValueError("there is more than the header says")
    return tensors


def _once(pairs: List[Tuple[str, Any]]) -> Dict[str, Any]:
    """A JSON object, each of its names there once."""
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("the header has a name twice")
    return result


def _entry(name: str, entry: Any) -> Tuple[int, int, str, str, List[int]]:
    """First byte, last byte + 1, name, type and shape of a tensor in a header."""
    if not isinstance(entry, dict):
        raise ValueError(f"the header's {name} is no JSON object")
    kind, shape, place = (entry.get(k) for k in ("dtype", "shape", "data_offsets"))
    if not isinstance(kind, str) or kind not in _SAFETENSORS_TYPES:
        raise ValueError(f"{name} has the type {kind!r}")
    for numbers in (shape, place):
        if not isinstance(numbers, list) or len(numbers) > _MOST_DIMENSIONS:
            raise ValueError(f"shape or place of {name} is no list, or a long one")
        # JSON's true would count as 1.
        if not all(type(n) is int and 0 <= n <= _LARGEST_FILE for n in numbers):
            raise ValueError(f"shape or place of {name} has other things than sizes")
    begin, end = place
    return begin, end, name, kind, shape


def _read_npz(path: pathlib.Path) -> Dict[str, np.ndarray]:
    """NumPy's archive of arrays, none of them of objects."""
    with zipfile.ZipFile(path) as file:
        if sum(member.file_size for member in file.infolist()) > _LARGEST_FILE:
            raise ValueError(f"more than {_LARGEST_FILE} bytes")
    with np.load(path, allow_pickle=False) as file:
        tensors = {name: file[name] for name in file.files}
    for name, value in tensors.items():
        if not isinstance(value, np.ndarray) or value.dtype.kind not in "fiub":
            raise ValueError(f"{name} does not hold numbers")
    return tensors


def _read_h5(path: pathlib.Path) -> Dict[str, np.ndarray]:
    """Groups of the layers, each with a list of its weights' names in their order."""
    with h5py.File(path, "r") as file:
        items: Dict[str, Any] = {"": file}
        file.visititems(items.__setitem__)  # follows no link out of the file
        # A file of a whole model has its weights one level deeper.
        root = "model_weights/" if "model_weights" in items else ""
        tensors: Dict[str, np.ndarray] = {}
        size = 0  # of all of them: one that is named twice is in memory twice
        for layer in _names(items[root[:-1]], "layer_names"):
            group = items[root + layer]
            for position, name in enumerate(_names(group, "weight_names")):
                dataset = items[f"{root}{layer}/{name}"]
                if not isinstance(dataset, h5py.Dataset) or dataset.is_virtual:
                    raise ValueError(f"{name} is not in this file")
                if dataset.external or dataset.dtype.kind not in "fiub":
                    raise ValueError(f"{name} does not hold numbers")
                size += dataset.nbytes
                if size > _LARGEST_FILE:
                    raise ValueError(f"its weights have over {_LARGEST_FILE} bytes")
                tensors[f"{layer}.{position} ({name})"] = dataset[()]
    return tensors


def _names(group: Any, attribute: str) -> List[str]:
    """A list of names; a long one is spread over attributes NAME0, NAME1, ..."""
    parts = [attribute]
    if attribute not in group.attrs:
        parts = list(
            itertools.takewhile(
                group.attrs.__contains__,
                (f"{attribute}{number}" for number in itertools.count()),
            )
        )
    if not parts:
        raise ValueError(f"it has no {attribute}, as files of keras.applications have")
    names = [name for part in parts for name in group.attrs[part]]
    return [n.decode("utf-8") if isinstance(n, bytes) else str(n) for n in names]
