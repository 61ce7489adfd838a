"""Command lines and flagfiles, split into flags with the place where each was given.

absl can also read flagfiles, but does not keep the line that a flag came from, so its
error messages could not name it.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import re
from pathlib import Path
from typing import Callable, Dict, Iterable, List, Mapping, Optional, Sequence, Tuple

from mixdmt_tf import bounds
from mixdmt_tf.cli import flagfiles
from mixdmt_tf.cli.values import shown
from mixdmt_tf.errors import UsageError
from mixdmt_tf.settings import Setting, nearest, to_text

_BOOLS = ("true", "false")
# Dashes that word processors and chat windows write in place of a hyphen.
_TYPOGRAPHIC_DASHES = "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63\uff0d"
_NEGATIVE_NUMBER = re.compile(r"-[0-9.]")
# Flags of every command. Flagfiles may name other flagfiles.
FLAGFILE = Setting("flagfile", "str")
QUESTIONS = ("help", "helpfull", "version")


@dataclasses.dataclass(frozen=True)
class Given:
    """A flag as it was given.

    Attributes:
        name: name of the flag.
        text: its value, not yet converted.
        file: the flagfile, or '' for the command line.
        line: line number in the flagfile.
    """

    name: str
    text: str
    file: str = ""
    line: int = 0

    @property
    def place(self) -> str:
        """The place as a prefix of messages: 'my.flags:3: ' or ''."""
        return f"{self.file}:{self.line}: " if self.file else ""


class Reader:
    """Splits a command line, and the flagfiles it names, into flags."""

    def __init__(
        self,
        settings: Mapping[str, Setting],
        texts: Dict[Path, str],
        strict: bool = True,
        elsewhere: Callable[[str], Optional[str]] = lambda name: None,
    ) -> None:
        """Stores the known flags.

        Args:
            settings: the known flags by name.
            texts: contents of flagfiles read before; those read here are added. A pipe,
                as in --flagfile=<(...), can be read only once.
            strict: whether to refuse unknown flags. Otherwise they are skipped, to find
                the few flags that determine which others there are.
            elsewhere: returns a hint which choice would make an unknown flag known, if
                any.
        """
        self._settings = {**settings, FLAGFILE.name: FLAGFILE}
        self._texts = texts
        self._strict = strict
        self._elsewhere = elsewhere

    def read(self, argv: Sequence[str]) -> Tuple[List[Given], List[str]]:
        """Splits the arguments after the program's name.

        Returns:
            The flags and the arguments that aren't flags. Flags of flagfiles come
            first: the last flag of a name counts, so the command line wins.

        Raises:
            UsageError: for unknown flags, missing values and missing flagfiles.
        """
        on_line: List[Given] = []
        in_files: List[Given] = []
        positional: List[str] = []
        rest = list(argv)
        while rest:
            written = rest.pop(0)
            if written == "--":
                positional += rest
                break
            if written in ("", "-") or written[0] not in "-" + _TYPOGRAPHIC_DASHES:
                positional.append(written)
                continue
            name, text = self._split(written, Given("", ""))
            if name is None:
                continue
            if text is None:
                if not rest or _is_flag(rest[0]):
                    raise self._missing_value(name, "")
                text = rest.pop(0)
            elif written == f"--{name}" and rest and rest[0].lower() in _BOOLS:
                raise UsageError(
                    f"{rest[0]} after {written}: a value of true or false needs a '='\n"
                    f"write {written}={rest[0]}"
                )
            if name == FLAGFILE.name:
                in_files += self._read_file(text, Given(name, text), ())
            else:
                on_line.append(Given(name, text))
        return in_files + on_line, positional

    def _read_file(
        self, name: str, named_by: Given, outer: Tuple[Path, ...]
    ) -> List[Given]:
        """Reads the flags of a flagfile and of the flagfiles that it names."""
        if not name.strip():
            raise self._missing_value(FLAGFILE.name, named_by.place)
        path = flagfiles.find(name.strip(), outer[-1].parent if outer else None)
        try:
            if path not in self._texts:
                content = bounds.read_bytes(path, bounds.FLAGFILE_BYTES)
                self._texts[path] = content.decode("utf-8-sig")
        except UnicodeDecodeError:
            raise UsageError(
                f"{named_by.place}the flagfile {path} is not a text file in UTF-8"
            ) from None
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise UsageError(
                f"{named_by.place}can't read the flagfile {shown(str(path))}: "
                f"{reason}{_similar_file(path)}"
            ) from None
        if any(os.path.realpath(path) == os.path.realpath(each) for each in outer):
            raise UsageError(f"{named_by.place}the flagfile {path} includes itself")
        if len(outer) >= bounds.FLAGFILES_DEEP:
            raise UsageError(
                f"{named_by.place}more than {bounds.FLAGFILES_DEEP} flagfiles within "
                "one another"
            )
        given: List[Given] = []
        for number, line in enumerate(self._texts[path].split("\n"), start=1):
            written = line.strip()
            if not written or written.startswith(("#", "//")):
                continue
            here = Given("", "", str(path), number)
            flag, text = self._split(written, here)
            if flag is None:
                continue
            if text is None:
                raise self._missing_value(flag, here.place)
            here = dataclasses.replace(here, name=flag, text=text)
            if flag == FLAGFILE.name:
                given += self._read_file(text, here, (*outer, path))
            else:
                given.append(here)
        return given

    def _split(self, written: str, at: Given) -> Tuple[Optional[str], Optional[str]]:
        """Splits a flag into name and value.

        The name is None for a flag to skip, the value if it is the next argument.
        """
        bare = written.lstrip("-" + _TYPOGRAPHIC_DASHES)
        dashes = written[: len(written) - len(bare)]
        name, equals, text = bare.partition("=")
        value = text if equals else None
        if dashes == "--":
            setting = self._settings.get(name)
            if setting is not None:
                is_switch = setting.type == "bool" and value is None
                return name, "true" if is_switch else value
            negated = self._settings.get(name[2:]) if name.startswith("no") else None
            if negated is not None and negated.type == "bool":
                if value is None:
                    return negated.name, "false"
                raise UsageError(
                    f"{at.place}--{name} takes no value\n"
                    f"write --{name} or --{negated.name}=false"
                )
        if not self._strict:
            return None, None
        first, _, second = bare.partition(" ")
        correct = self._correct(name, value)
        hint = f"did you mean {correct}?" if correct else "--helpfull lists the flags"
        if dashes == "--" and at.file and first in self._settings and second:
            problem = f"{shown(written)} lacks a '='"
            hint = f"write --{first}={second.strip()}"
        elif dashes == "--":
            problem = f"unknown flag --{shown(name)}"
            hint = self._elsewhere(name) or hint
        elif any(dash in dashes for dash in _TYPOGRAPHIC_DASHES):
            problem = f"{shown(written)} begins with a typographic dash"
        elif dashes:
            problem = f"{shown(written)}: flags begin with two dashes"
        else:
            problem = f"{shown(written)} is not a flag: expected --name=value"
        raise UsageError(f"{at.place}{problem}\n{hint}")

    def _correct(self, name: str, value: Optional[str]) -> Optional[str]:
        """Returns the known flag that is nearest to `name`, with the value."""
        negations = ["no" + s.name for s in self._settings.values() if s.type == "bool"]
        known = [*self._settings, *negations, *QUESTIONS]
        near = name if name in known else nearest(name, known)
        return near and f"--{near}" + ("" if value is None else f"={shown(value)}")

    def _missing_value(self, name: str, place: str) -> UsageError:
        setting = self._settings[name]
        expected, example = setting.expected, to_text(setting.default) or "..."
        if name == FLAGFILE.name:
            expected, example = "the name of a file", "FILE"
        return UsageError(
            f"{place}--{name} lacks a value: expected {expected}\n"
            f"write --{name}={example}"
        )


def require_on_the_line(
    own: Iterable[Setting], argv: Sequence[str], command: str
) -> None:
    """Refuses a command's own flags in flagfiles, which are for the runs it starts.

    Args:
        own: the command's flags that runs do not have.
        argv: arguments for the runs.
        command: name of the command.

    Raises:
        UsageError: naming the first such flag and its line.
    """
    given, _ = Reader({each.name: each for each in own}, {}, strict=False).read(argv)
    for each in given:
        raise UsageError(
            f"{each.place}--{each.name} is a flag of bin/{command} itself, but "
            "flagfiles are for its runs\ngive it on the command line"
        )


def _is_flag(word: str) -> bool:
    return word.startswith("-") and not _NEGATIVE_NUMBER.match(word) and word != "-"


def _similar_file(path: Path) -> str:
    """Suggests a flagfile of a similar name, in the same folder or the package."""
    with contextlib.suppress(OSError):
        near = nearest(path.name, (each.name for each in path.parent.iterdir()))
        if near not in (None, path.name):
            return f"\ndid you mean {path.with_name(str(near))}?"
    named = nearest(str(path), flagfiles.names())
    return f"\ndid you mean {named}?" if named else ""
