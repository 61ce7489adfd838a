"""Files of PyTorch without PyTorch: by Python's pickle, or put together by hand.

Written from what `torch.save` does: `_legacy_save` before version 1.6, `_save` since.
"""

from __future__ import annotations

import collections
import dataclasses
import io
import pickle
import sys
import types
import zipfile
from typing import Any, Dict, Tuple

import numpy as np

KINDS = {
    "Double": "<f8",
    "Float": "<f4",
    "Half": "<f2",
    "Long": "<i8",
    "Int": "<i4",
    "Short": "<i2",
    "Char": "i1",
    "Byte": "u1",
    "Bool": "?",
}
MAGIC = 0x1950A86A20F9469CFC6C
SYSTEM = {
    "protocol_version": 1001,
    "little_endian": True,
    "type_sizes": {"short": 2, "int": 4, "long": 4},
}


class Storage:
    """Numbers; `torch.FloatStorage` for the kind 'Float'."""

    def __init__(self, key: str, kind: str, values: Any):
        self.key = key
        self.kind = kind
        self.values = np.asarray(values, KINDS[kind]).ravel()


@dataclasses.dataclass(frozen=True)
class Tensor:
    """A view of a storage, pickled as torch pickles it."""

    storage: Storage
    offset: int
    shape: Tuple[int, ...]
    strides: Tuple[int, ...]

    def __reduce_ex__(self, protocol):
        rebuild = sys.modules["torch._utils"]._rebuild_tensor_v2
        hooks = collections.OrderedDict()
        view = (self.storage, self.offset, self.shape, self.strides)
        return rebuild, (*view, False, hooks)


@dataclasses.dataclass(frozen=True)
class Parameter:
    """A tensor that is trained."""

    data: Tensor

    def __reduce_ex__(self, protocol):
        rebuild = sys.modules["torch._utils"]._rebuild_parameter
        return rebuild, (self.data, True, collections.OrderedDict())


def whole(key: str, array: np.ndarray) -> Tensor:
    """A tensor that has a storage to itself."""
    kind = next(kind for kind, dtype in KINDS.items() if np.dtype(dtype) == array.dtype)
    strides = tuple(each // array.itemsize for each in array.strides)
    return Tensor(Storage(key, kind, array), 0, array.shape, strides)


def pretend_torch(monkeypatch) -> None:
    """Modules that Python's pickle looks names up in while it writes."""
    torch, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")
    for kind in KINDS:
        made = type(f"{kind}Storage", (), {"__module__": "torch"})
        setattr(torch, made.__name__, made)
    for name in ("_rebuild_tensor_v2", "_rebuild_parameter"):

        def rebuild():
            raise AssertionError("nothing may call it")

        rebuild.__name__ = rebuild.__qualname__ = name
        rebuild.__module__ = "torch._utils"
        setattr(utils, name, rebuild)
    torch._utils = utils
    monkeypatch.setitem(sys.modules, "torch", torch)
    monkeypatch.setitem(sys.modules, "torch._utils", utils)


def pickled(value: Any, old: bool) -> Tuple[bytes, Dict[str, bytes]]:
    """The program that makes a value, and its storages by their keys."""
    storages: Dict[str, bytes] = {}

    class Pickler(pickle.Pickler):
        def persistent_id(self, obj):
            if not isinstance(obj, Storage):
                return None
            storages[obj.key] = obj.values.tobytes()
            kind = getattr(sys.modules["torch"], f"{obj.kind}Storage")
            identity = ("storage", kind, obj.key, "cpu", obj.values.size)
            return (*identity, None) if old else identity

    file = io.BytesIO()
    Pickler(file, 2).dump(value)
    return file.getvalue(), storages


def old_form(program: bytes, storages: Dict[str, bytes], itemsize: int = 4) -> bytes:
    """Five pickles, then the storages.

    Args:
        program: the fourth.
        storages: bytes by key.
        itemsize: bytes of a number.
    """
    parts = [pickle.dumps(each, 2) for each in (MAGIC, 1001, SYSTEM)]
    parts += [program, pickle.dumps(sorted(storages), 2)]
    for key in sorted(storages):
        count = len(storages[key]) // itemsize
        parts += [count.to_bytes(8, "little"), storages[key]]
    return b"".join(parts)


def archive(program: bytes, storages: Dict[str, bytes], **more: bytes) -> bytes:
    """A zip archive; `more` are other members of its folder."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as made:
        made.writestr("archive/data.pkl", program)
        for key, content in storages.items():
            made.writestr(f"archive/data/{key}", content)
        for name, content in {"version": b"3\n", **more}.items():
            made.writestr(f"archive/{name}", content)
    return file.getvalue()


# Parts of programs. What begins a program, and what calls a function.
PROTOCOL = b"\x80\x02"
CALL = b"R"
NOTHING = b"N"


def text(value: str) -> bytes:
    content = value.encode("utf-8")
    return b"X" + len(content).to_bytes(4, "little") + content


def number(value: int) -> bytes:
    content = pickle.encode_long(value)
    return b"\x8a" + bytes([len(content)]) + content


def items(*parts: bytes) -> bytes:
    """A tuple."""
    return b"(" + b"".join(parts) + b"t"


def name(module: str, function: str) -> bytes:
    return f"c{module}\n{function}\n".encode()


def dictionary(*pairs: bytes) -> bytes:
    return b"}(" + b"".join(pairs) + b"u"


def storage(key: str = "0", count: int = 4, kind: str = "Float") -> bytes:
    kind = name("torch", f"{kind}Storage")
    return items(text("storage"), kind, text(key), text("cpu"), number(count)) + b"Q"


def tensor(of: bytes = storage(), offset=0, shape=(2, 2), strides=(2, 1)) -> bytes:
    sizes = [items(*map(number, each)) for each in (shape, strides)]
    arguments = items(of, number(offset), *sizes, b"\x89", b"}")
    return name("torch._utils", "_rebuild_tensor_v2") + arguments + CALL


def program(value: bytes) -> bytes:
    return PROTOCOL + value + b"."
