"""Tensors of PyTorch's .pth files, read without executing anything.

Both forms are understood: five pickles with the numbers behind them (PyTorch before
1.6), and a zip archive of one pickle and a file for each storage (since then). The
pickles are followed by `tensor_pickles`, which makes tensors and nothing else.
"""

from __future__ import annotations

import io
import math
import pathlib
import zipfile
from typing import Any, BinaryIO, Callable, Dict, List, Set, Tuple

import numpy as np

from mixdmt_tf.models.tensor_pickles import Storage, Tensor, run

_LARGEST = 2**32  # bytes, of a file and of all tensors in it
_MOST_VALUES = 10**6  # in all dictionaries, those that are there twice counted twice
_DEEPEST = 8
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
    with path.open("rb") as file:
        archive = zipfile.is_zipfile(file)
        file.seek(0)
        found, numbers = _read_archive(file) if archive else _read_old(file)
    tensors = _named_tensors(found)
    if not tensors:
        raise ValueError("it holds no tensors")
    sizes = (math.prod(each.shape) * 8 for each in tensors.values())
    if sum(sizes) > _LARGEST:
        raise ValueError(f"more than {_LARGEST} bytes")
    return {name: _array(each, numbers(each.storage)) for name, each in tensors.items()}


def _read_old(file: BinaryIO) -> Tuple[Any, Numbers]:
    """Magic number, version, system, object and keys as pickles, then storages."""
    if run(file) != _MAGIC or run(file) != _VERSION:
        raise ValueError("it does not begin as PyTorch's files do")
    system = run(file)
    if not isinstance(system, dict) or system.get("little_endian") is not True:
        raise ValueError("its numbers are not little-endian")
    found, keys = run(file), run(file)
    storages = _storages(found)
    if not isinstance(keys, list) or set(map(str, keys)) != set(storages):
        raise ValueError("its list of storages does not fit its tensors")
    content: Dict[str, np.ndarray] = {}
    for key in map(str, keys):
        storage = storages[key]
        count = int.from_bytes(_exactly(file, 8), "little")
        if count != storage.count:
            raise ValueError(f"storage {key} has {count} numbers, not {storage.count}")
        numbers = _exactly(file, count * np.dtype(storage.dtype).itemsize)
        content[key] = np.frombuffer(numbers, storage.dtype)
    if file.read(1):
        raise ValueError("there is more than its list of storages says")
    return found, lambda storage: content[storage.key]


def _read_archive(file: BinaryIO) -> Tuple[Any, Numbers]:
    """NAME/data.pkl, and a member NAME/data/KEY for each storage."""
    archive = zipfile.ZipFile(file)
    members = {each.filename: each for each in archive.infolist()}
    programs = [name for name in members if name.endswith("/data.pkl")]
    if len(programs) != 1:
        raise ValueError("it is an archive without a data.pkl, or with several")
    if sum(each.file_size for each in members.values()) > _LARGEST:
        raise ValueError(f"more than {_LARGEST} bytes")
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


def _exactly(file: BinaryIO, number: int) -> bytes:
    here = file.tell()
    if number > file.seek(0, io.SEEK_END) - here:
        raise ValueError("the file ends before its numbers do")
    file.seek(here)
    return file.read(number)


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
    for number, (name, value, depth) in enumerate(waiting):  # grows on the way
        if number > _MOST_VALUES:
            raise ValueError("its dictionaries have too many values")
        if isinstance(value, Tensor):
            if name in tensors:
                raise ValueError(f"{name} is there twice")
            tensors[name] = value
        elif isinstance(value, dict) and depth < _DEEPEST:
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
