"""Reads untrusted JSON: the type of every value is checked; errors give its place."""

from __future__ import annotations

import json
import pathlib
from typing import Any, Dict, List, Mapping, NoReturn, Optional, Sequence, Tuple

from mixdmt_tf import bounds
from mixdmt_tf.data.image_files import printable
from mixdmt_tf.data.segmentation.opening import naming

MAX_BYTES = bounds.JSON_BYTES


class Document:
    """A JSON file. Arguments `where` of methods are places in it, for messages.

    Attributes:
        path: path of the file.
        root: the outermost object.
    """

    def __init__(self, path: pathlib.Path) -> None:
        """Reads the file.

        Raises:
            UserError: if it is missing, too large, not JSON, or not an object.
        """
        self.path = path
        try:
            if not path.is_file():
                raise naming(path, "missing")
            content = bounds.read_bytes(path, MAX_BYTES)
            root = json.loads(content, parse_constant=_refuse_constant)
        except bounds.TooLarge as error:
            raise naming(path, str(error)) from None
        except OSError as error:
            raise naming(path, f"can't be read: {error.strerror}") from error
        except (ValueError, RecursionError) as error:
            raise naming(path, f"is no JSON: {printable(error)[:100]}") from error
        if not isinstance(root, dict):
            raise naming(path, "expected an object, { ... }")
        self.root: Dict[str, Any] = root

    def refuse(self, where: str, problem: str) -> NoReturn:
        """Raises a UserError with the file, the place and the problem."""
        raise naming(self.path, f"{where}: {problem}")

    def objects(
        self, name: str, parent: Optional[Mapping[str, Any]] = None, where: str = ""
    ) -> List[Dict[str, Any]]:
        """Returns a list of objects in the outermost object or in `parent`."""
        found = (self.root if parent is None else parent).get(name)
        place = f"{where}.{name}" if where else name
        if not isinstance(found, list):
            self.refuse(place, "expected a list of objects")
        for number, each in enumerate(found):
            if not isinstance(each, dict):
                self.refuse(f"{place}[{number}]", "expected an object")
        return found

    def field(
        self, each: Mapping[str, Any], name: str, where: str, kinds: Tuple[type, ...]
    ) -> Any:
        """Returns a value of exactly one of these types: True is not a number."""
        value = each.get(name)
        if type(value) not in kinds:
            words = " or ".join(
                {int: "a whole number", str: "a text"}[k] for k in kinds
            )
            self.refuse(where, f"{name}: expected {words}")
        return value

    def file_name(self, each: Mapping[str, Any], where: str) -> str:
        """Returns a relative path that does not leave its folder."""
        name: str = self.field(each, "file_name", where, (str,)).replace("\\", "/")
        path = pathlib.PurePosixPath(name)
        if not path.name or path.is_absolute() or ".." in path.parts or "\0" in name:
            self.refuse(where, f"file_name {name!a:.80} leads out of the folder")
        return str(path)

    def numbers(self, values: Any, where: str, count: int = 0) -> Sequence[float]:
        """Returns finite numbers, exactly `count` of them if it is given."""
        if not isinstance(values, list) or (count and len(values) != count):
            many = f"{count} numbers" if count else "numbers"
            self.refuse(where, f"expected a list of {many}")
        # All at once, as there are tens of millions; one by one only for the message.
        if set(map(type, values)) <= {int, float} and (
            not values or max(max(values), -min(values)) <= bounds.JSON_PIXELS
        ):
            return values
        for value in values:
            if type(value) not in (int, float) or not abs(value) <= bounds.JSON_PIXELS:
                self.refuse(where, f"{value!a:.40}: expected a number of pixels")
        return values


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")
