"""The one door to a foreign file: is it one, can it be unpacked, and what its reader said, in the one shape of a message."""

from __future__ import annotations

import gzip
import os
import re
import stat
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from zipfile import ZipFile, is_zipfile

from carbonshed.checks import CarbonshedError, in_file, refuse

MAX_TOML_BYTES = 2_000_000
MAX_DOTS = 100
MAX_UNPACKED_BYTES = 2**31
"""An archive may hold at most this, and more than `FREE_BYTES` only if it is packed less than `MAX_PACKING`-fold."""

FREE_BYTES = 2**26
MAX_PACKING = 200

WINDOWS_PATH = re.compile(r'"[^"]*[A-Za-z.]:?\\[^"]*"')
"""A path with backslashes in double quotes, in which TOML takes them for signs of its own."""

KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def missing_file(path: str | Path) -> str | None:
    """What stands at a path instead of a file that can be read, or None where there is one.

    Examples
    --------
    >>> missing_file("no such file")
    'no file'
    >>> missing_file("/")
    'a folder'
    """
    try:
        found = os.stat(path)  # noqa: PTH116
    except FileNotFoundError:
        return "a link to nothing" if os.path.islink(path) else "no file"  # noqa: PTH114
    except (OSError, ValueError) as error:
        return _first_line(error)
    if not stat.S_ISREG(found.st_mode):
        return KINDS.get(stat.S_IFMT(found.st_mode), "no file")
    if found.st_size == 0:
        return "an empty file (0 bytes)"
    return None if os.access(path, os.R_OK) else "a file that may not be read"


def check_file(path: str | Path, *, expected: str, fix: str = "Check the path.") -> Path:
    """The path, if a file with content stands there; a folder, pipe, device, loop of links or empty file is refused by name.

    Raises
    ------
    InputError
        ``no_file``, saying what stands there.
    """
    file = Path(path)
    got = missing_file(file)
    if got is not None:
        raise refuse("no_file", expected=expected, got=got, where=str(file), fix=fix)
    return file


@contextmanager
def reading(path: str | Path, *, expected: str, fix: str, code: str = "unreadable") -> Iterator[None]:
    """Whatever a foreign reader raises on a damaged file becomes one message that names the file.

    Parameters
    ----------
    path : str or Path
    expected : str
        What the file should have been, e.g. ``"an Excel workbook"``.
    fix : str
        The way to mend it.
    code : str
        Of the problem.

    Raises
    ------
    InputError
        For any error inside the block. Our own errors pass, with the name of the file where they do not give it.
    """
    file = Path(path)
    try:
        with in_file(file.name):
            yield
    except (CarbonshedError, Warning):
        raise
    except MemoryError as error:
        raise refuse(
            "too_large", expected=f"{expected} that fits into memory", got="one that does not", where=str(file), fix=fix
        ) from error
    except RecursionError as error:
        raise refuse(code, expected=expected, got="one nested too deeply", where=str(file), fix=fix) from error
    except Exception as error:  # a foreign reader raises what it likes: the file is named, the cause kept
        raise refuse(code, expected=expected, got=_first_line(error), where=str(file), fix=fix) from error


def check_unpacked_size(path: str | Path) -> None:
    """Refuse an archive (zip, xlsx, gzip) that would unpack to more than memory holds: by its records, and gzip by counting.

    Raises
    ------
    InputError
        ``zip_bomb``.
    """
    file = Path(path)
    packed = file.stat().st_size
    limit = min(MAX_UNPACKED_BYTES, max(FREE_BYTES, MAX_PACKING * packed))
    if is_zipfile(file):
        with reading(file, expected="a zip archive", fix="Pack it again."), ZipFile(file) as archive:
            # the reader of a member never gives more than its record says, so the records bound what is unpacked
            size = sum(member.file_size for member in archive.infolist())
    elif file.suffix.lower() in (".gz", ".tgz"):
        size = 0
        with reading(file, expected="a gzip file", fix="Pack it again."), gzip.open(file) as stream:
            while size <= limit and (block := stream.read(2**20)):
                size += len(block)
    else:
        return
    if size > limit:
        got = f"{size:,} bytes or more from {packed:,}"
        fix = "Unpack it and look at what it holds."
        raise refuse("zip_bomb", expected=f"at most {limit:,} bytes unpacked", got=got, where=str(file), fix=fix)


def read_toml(path: str | Path, *, expected: str = "a TOML file in UTF-8") -> dict[str, Any]:
    """The content of a TOML file.

    Raises
    ------
    InputError
        No such file; larger than 2 MB; not UTF-8 (with the byte), not TOML (with line and column), nested too deeply.
    """
    file = check_file(path, expected=expected)
    size = file.stat().st_size
    if size > MAX_TOML_BYTES:
        got = f"{size:,} bytes"
        raise refuse(
            "too_large", expected=f"{expected} of at most {MAX_TOML_BYTES:,} bytes", got=got, where=str(file), fix="Check the path."
        )
    data = file.read_bytes()
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        got = f"byte 0x{data[error.start]:02x}, which is none of UTF-8, in line {data.count(bytes([10]), 0, error.start) + 1}"
        raise refuse("not_utf8", expected=expected, got=got, where=str(file), fix="Save the file as UTF-8.") from error
    with reading(file, expected=expected, fix=_toml_fix(text), code="not_toml"):
        for number, line in enumerate(text.splitlines(), start=1):
            if line.partition("=")[0].count(".") > MAX_DOTS:  # the parser takes the square of their number
                got = f"a key of more than {MAX_DOTS} parts in line {number}"
                raise refuse("not_toml", expected=expected, got=got, where=str(file), fix="Mend the line named.")
        return tomllib.loads(text)


def _toml_fix(text: str) -> str:
    """The way to mend a file that is not TOML; of what editors and Windows put into it, by line."""
    for number, line in enumerate(text.splitlines(), start=1):
        if any(quote in line.partition("#")[0] for quote in "“”‘’") and '"' not in line.partition("#")[0]:
            return f'Mend the line named: quotes must be straight, as in "..." (line {number}).'
        if WINDOWS_PATH.search(line):
            return f"Mend the line named: a path is written with / or in single quotes (line {number})."
    return "Mend the line named."


def _first_line(error: BaseException) -> str:
    """What an error says in its first line (or what its cause says, where it points there), with its kind where it says nothing."""
    while error.__cause__ is not None and "previous exception" in str(error):
        error = error.__cause__
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0].rstrip(".") if lines else type(error).__name__
