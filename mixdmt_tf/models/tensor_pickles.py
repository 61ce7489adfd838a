"""Pickles of tensors as PyTorch writes them, followed without executing anything.

A pickle is a program for a stack machine that may import and call anything of Python.
This machine reads it as text (`pickletools`), knows the two dozen operations that a
dictionary of tensors needs, and the names of a few functions, none of which it imports.
Anything else is an error. What a program can cost is bounded as well.
"""

from __future__ import annotations

import dataclasses
import pickletools
from typing import Any, BinaryIO, Callable, Dict, List, Tuple

from mixdmt_tf import bounds

_MOST_OPERATIONS = bounds.PICKLE_OPERATIONS
_MOST_DIMENSIONS = bounds.TENSOR_DIMENSIONS
_LONGEST_KEY = 200
_LARGEST_SIZE = 2**40  # of a shape, stride or offset; files are far smaller
_STORAGES = {
    "torch DoubleStorage": "<f8",
    "torch FloatStorage": "<f4",
    "torch HalfStorage": "<f2",
    "torch LongStorage": "<i8",
    "torch IntStorage": "<i4",
    "torch ShortStorage": "<i2",
    "torch CharStorage": "i1",
    "torch ByteStorage": "u1",
    "torch BoolStorage": "?",
}
_DICTIONARY = "collections OrderedDict"
# The second before PyTorch 0.4, with the same four arguments first.
_TENSORS = ("torch._utils _rebuild_tensor_v2", "torch._utils _rebuild_tensor")
_PARAMETER = "torch._utils _rebuild_parameter"
_KNOWN = {*_STORAGES, _DICTIONARY, *_TENSORS, _PARAMETER}
_LITERALS = (
    *("BINUNICODE", "BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT"),
    *("SHORT_BINSTRING", "BINSTRING"),  # texts of Python 2
)
_CONSTANTS: Dict[str, Callable[[], Any]] = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_TUPLE": tuple,
    "EMPTY_DICT": dict,
    "EMPTY_LIST": list,
}


@dataclasses.dataclass(frozen=True)
class Storage:
    """Numbers that tensors are made of.

    Attributes:
        key: under which the file has them.
        dtype: as NumPy writes it, such as '<f4'.
        count: how many.
    """

    key: str
    dtype: str
    count: int


@dataclasses.dataclass(frozen=True)
class Tensor:
    """A view of a storage; `offset` and `strides` count numbers, not bytes."""

    storage: Storage
    offset: int
    shape: Tuple[int, ...]
    strides: Tuple[int, ...]


@dataclasses.dataclass(frozen=True)
class _Name:
    """A function or class that a program names; it is not imported."""

    name: str


_MARK = object()


def run(file: BinaryIO) -> Any:
    """What the pickle at the file's position makes; the position moves behind it.

    Args:
        file: opened for reading bytes.

    Returns:
        `Tensor`s, texts, numbers, and dictionaries, lists and tuples of them.

    Raises:
        ValueError: if the program is damaged, asks for anything else, or is too long.
    """
    stack: List[Any] = []
    memo: Dict[int, Any] = {}
    for number, (operation, argument, _) in enumerate(pickletools.genops(file)):
        if number > _MOST_OPERATIONS:
            raise ValueError("its pickle is too long")
        name = operation.name
        try:
            if name == "STOP":
                return stack.pop()
            _step(name, argument, stack, memo)
        except (IndexError, KeyError, TypeError) as error:
            raise ValueError(f"its pickle is damaged, at {name}") from error
    raise ValueError("its pickle has no end")


def _step(name: str, argument: Any, stack: List[Any], memo: Dict[int, Any]) -> None:
    """One operation of the program."""
    if name == "PROTO":
        if argument != 2:
            raise ValueError(f"its pickle has protocol {argument}; PyTorch's have 2")
    elif name in _LITERALS:
        stack.append(argument)
    elif name in _CONSTANTS:
        stack.append(_CONSTANTS[name]())
    elif name == "MARK":
        stack.append(_MARK)
    elif name in ("BINPUT", "LONG_BINPUT"):
        memo[argument] = stack[-1]
    elif name in ("BINGET", "LONG_BINGET"):
        stack.append(memo[argument])
    elif name in ("TUPLE1", "TUPLE2", "TUPLE3"):
        length = int(name[-1])
        stack.append(tuple(_pop(stack) for _ in range(length))[::-1])
    elif name == "TUPLE":
        stack.append(tuple(_to_mark(stack)))
    elif name in ("APPEND", "APPENDS"):
        items = _to_mark(stack) if name == "APPENDS" else [_pop(stack)]
        _expect(stack[-1], list).extend(items)
    elif name in ("SETITEM", "SETITEMS"):
        if name == "SETITEMS":
            items = _to_mark(stack)
        else:
            items = [_pop(stack), _pop(stack)][::-1]
        if len(items) % 2:
            raise TypeError("expected pairs")
        into = _expect(stack[-1], dict)
        for key, value in zip(items[::2], items[1::2]):
            into[_key(key)] = value
    elif name == "GLOBAL":
        if argument not in _KNOWN:
            asked = str(argument)[:80]
            raise ValueError(f"it asks for {asked!r}, which no tensor needs")
        stack.append(_Name(argument))
    elif name == "BINPERSID":
        stack.append(_storage(_pop(stack)))
    elif name == "REDUCE":
        arguments = _expect(_pop(stack), tuple)
        stack.append(_call(_expect(_pop(stack), _Name).name, arguments))
    elif name == "BUILD":
        _pop(stack)  # the versions of a state dictionary's layers
        _expect(stack[-1], dict)
    else:
        raise ValueError(f"its pickle has {name}, which no tensor needs")


def _pop(stack: List[Any]) -> Any:
    value = stack.pop()
    if value is _MARK:
        raise IndexError("a mark is no value")
    return value


def _to_mark(stack: List[Any]) -> List[Any]:
    """Takes everything above the last mark off the stack, and the mark."""
    for place in range(len(stack) - 1, -1, -1):
        if stack[place] is _MARK:
            items = stack[place + 1 :]
            del stack[place:]
            return items
    raise IndexError("there is no mark")


def _expect(value: Any, kind: type) -> Any:
    if not isinstance(value, kind):
        raise TypeError(f"expected {kind.__name__}")
    return value


def _key(value: Any) -> Any:
    """Keys of dictionaries are texts and integers (those of an optimizer's state)."""
    if type(value) not in (str, int):
        raise TypeError("expected a text or an integer")
    if len(str(value)) > _LONGEST_KEY:  # one of a megabyte can be used a thousand times
        raise ValueError("a name in it is too long")
    return value


def _storage(identity: Any) -> Storage:
    """('storage', type, key, device, count), before PyTorch 1.6 with a view, too."""
    kind, storage, key, _, count, *view = _expect(identity, tuple)
    dtype = _STORAGES[_expect(storage, _Name).name]
    if kind != "storage" or view not in ([], [None]) or type(count) is not int:
        raise TypeError("expected a storage that is no view of another one")
    if count < 0:
        raise ValueError("a storage has less than no numbers")
    return Storage(_key(_expect(key, str)), dtype, count)


def _dictionary(pairs: Any = None) -> Dict[Any, Any]:
    """An empty dictionary or, of Python 2, one of a list of lists [key, value].

    The list is emptied: many dictionaries of one long list would cost much.
    """
    made: Dict[Any, Any] = {}
    given = _expect([] if pairs is None else pairs, list)
    for pair in given:
        if len(_expect(pair, list)) != 2:
            raise TypeError("expected pairs")
        made[_key(pair[0])] = pair[1]
    given.clear()
    return made


def _call(function: str, arguments: Tuple[Any, ...]) -> Any:
    """What a known function makes of its arguments."""
    if function == _DICTIONARY:
        return _dictionary(*arguments)
    if function == _PARAMETER:
        return _expect(arguments[0], Tensor)
    if function not in _TENSORS:
        raise TypeError("a storage type is no function")
    storage, offset, shape, strides = arguments[:4]
    for numbers in ((offset,), _expect(shape, tuple), _expect(strides, tuple)):
        if len(numbers) > _MOST_DIMENSIONS:
            raise ValueError("a tensor has too many dimensions")
        # Python's True would count as 1.
        if not all(type(n) is int and 0 <= n <= _LARGEST_SIZE for n in numbers):
            raise TypeError("expected sizes")
    if len(shape) != len(strides):
        raise TypeError("expected as many strides as sizes")
    return Tensor(_expect(storage, Storage), offset, shape, strides)
