"""Tensors of PyTorch's .pth files, read without executing anything.

Two forms are understood: five pickles with the numbers behind them (PyTorch before 1.6,
of Python 2 as well; not the tar archives of its first months), and a zip archive of one
pickle and a file for each storage (since then). The pickles are followed by
`tensor_pickles`, which makes tensors and nothing else.
"""

from __future__ import annotations

import io
import math
import pathlib
import zipfile
from typing import Any, Callable, Dict, List, Set, Tuple

import numpy as np

from mixdmt_tf import bounds
from mixdmt_tf.models.tensor_pickles import Storage, Tensor, run

_LARGEST = bounds.WEIGHTS_BYTES
# So many times as large as the file: layers with shared weights share their storage,
# but a shape costs nothing to write, and a stride of 0 makes much of one number.
_MOST_SHARED = 64
_MOST_VALUES = bounds.PICKLE_VALUES  # those that are there twice counted twice
_DEEPEST = bounds.PICKLE_DEPTH
_ZIP = b"PK\3\4"
_MAGIC = 0x1950A86A20F9469CFC6C
_VERSION = 1001

Numbers = Callable[[Storage], np.ndarray]


def read_pth(path: pathlib.Path) -> Dict[str, np.ndarray]:
    """Reads the tensors of a state dictionary or a checkpoint.

    Args:
        path: .pth or .pt.

    Returns:
        Arrays by name. Names in a dictionary within the dictionary, such as
        'state_dict' in checkpoints, begin with its own and a dot; what is no tensor is
        left out.

    Raises:
        ValueError: if the file is damaged, is no file of PyTorch, or holds anything but
            tensors, texts, numbers and collections of them.
    """
    # In memory: a file on disk sets aside what a damaged length asks for.
    content = bounds.read_bytes(path, _LARGEST)
    read_form = _read_archive if content.startswith(_ZIP) else _read_old
    found, numbers = read_form(io.BytesIO(content))
    tensors = _named_tensors(found)
    if not tensors:
        raise ValueError("it holds no tensors")
    numbers_in_all = sum(math.prod(each.shape) for each in tensors.values())
    if numbers_in_all * 8 > min(_LARGEST, _MOST_SHARED * len(content)):
        raise ValueError("its tensors are far larger than the file")
    return {name: _array(each, numbers(each.storage)) for name, each in tensors.items()}


def _read_old(file: io.BytesIO) -> Tuple[Any, Numbers]:
    """Magic number, version, system, object and keys as pickles, then storages."""
    if run(file) != _MAGIC or run(file) != _VERSION:
        raise ValueError("it does not begin as PyTorch's files do")
    system = run(file)
    if not isinstance(system, dict) or system.get("little_endian") is not True:
        raise ValueError("its numbers are not little-endian")
    found, keys = run(file), run(file)
    storages = _storages(found)
    listed = isinstance(keys, list) and all(isinstance(key, str) for key in keys)
    if not listed or sorted(keys) != sorted(storages):
        raise ValueError("its list of storages does not fit its tensors")
    content: Dict[str, np.ndarray] = {}
    for key in keys:
        storage = storages[key]
        count = int.from_bytes(_exactly(file, 8), "little")
        if count != storage.count:
            raise ValueError(f"storage {key} has {count} numbers, not {storage.count}")
        numbers = _exactly(file, count * np.dtype(storage.dtype).itemsize)
        content[key] = np.frombuffer(numbers, storage.dtype)
    if file.read(1):
        raise ValueError("there is more than its list of storages says")
    return found, lambda storage: content[storage.key]


def _read_archive(file: io.BytesIO) -> Tuple[Any, Numbers]:
    """NAME/data.pkl, and a member NAME/data/KEY for each storage."""
    archive = zipfile.ZipFile(file)
    members = {each.filename: each for each in archive.infolist()}
    programs = [name for name in members if name.endswith("/data.pkl")]
    if len(programs) != 1 or len(members) != len(archive.infolist()):
        raise ValueError("it is an archive without a data.pkl, or has a member twice")
    # PyTorch compresses nothing.
    if sum(each.file_size for each in members.values()) > len(file.getbuffer()):
        raise ValueError("its members are larger than the file")
    folder = programs[0][: -len("data.pkl")]
    order = f"{folder}byteorder"
    if order in members and archive.read(order).strip() != b"little":
        raise ValueError("its numbers are not little-endian")
    found = run(io.BytesIO(archive.read(programs[0])))
    content: Dict[str, np.ndarray] = {}
    for key, storage in _storages(found).items():
        numbers = archive.read(f"{folder}data/{key}")
        if len(numbers) != storage.count * np.dtype(storage.dtype).itemsize:
            raise ValueError(f"storage {key} has another size than its tensors say")
        content[key] = np.frombuffer(numbers, storage.dtype)
    return found, lambda storage: content[storage.key]


def _exactly(file: io.BytesIO, number: int) -> bytes:
    found = file.read(number) if number <= len(file.getbuffer()) else b""
    if len(found) != number:
        raise ValueError("the file ends before its numbers do")
    return found


def _storages(found: Any) -> Dict[str, Storage]:
    """The storages of all tensors in what a program made, by their keys."""
    storages: Dict[str, Storage] = {}
    seen: Set[int] = set()
    waiting: List[Any] = [found]
    while waiting:
        value = waiting.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, Tensor):
            if storages.setdefault(value.storage.key, value.storage) != value.storage:
                raise ValueError(f"storage {value.storage.key} is there in two sizes")
        elif isinstance(value, dict):
            waiting += value.values()
        elif isinstance(value, (list, tuple)):
            waiting += value
    return storages


def _named_tensors(found: Any) -> Dict[str, Tensor]:
    """Tensors in dictionaries by their path."""
    tensors: Dict[str, Tensor] = {}
    waiting: List[Tuple[str, Any, int]] = [("", found, 0)]
    for name, value, depth in waiting:  # grows on the way
        if isinstance(value, Tensor):
            if name in tensors:
                raise ValueError(f"{name} is there twice")
            tensors[name] = value
        elif isinstance(value, dict) and depth < _DEEPEST:
            if len(waiting) + len(value) > _MOST_VALUES:
                raise ValueError("its dictionaries have too many values")
            prefix = f"{name}." if name else ""
            waiting += [(f"{prefix}{k}", each, depth + 1) for k, each in value.items()]
    return tensors


def _array(tensor: Tensor, numbers: np.ndarray) -> np.ndarray:
    """A copy of the tensor, which must lie within its storage."""
    if 0 in tensor.shape:
        return np.zeros(tensor.shape, numbers.dtype)
    spans = ((n - 1) * stride for n, stride in zip(tensor.shape, tensor.strides))
    if tensor.offset + sum(spans) >= len(numbers):
        raise ValueError("a tensor reaches beyond its storage")
    strides = [stride * numbers.itemsize for stride in tensor.strides]
    begin = numbers[tensor.offset :]
    return np.lib.stride_tricks.as_strided(begin, tensor.shape, strides).copy()
