"""Version of the result folder: which folders this package reads, and what it says of the others.

The number rises when a table or a key of the manifest comes to mean something else. Nothing is converted: the numbers of another schema
are never read as if they were of this one. A folder that cannot be read still holds its ``study.toml``, from which it can be made again.
"""

from __future__ import annotations

from typing import Any

from carbonshed.checks import refuse

SCHEMA_VERSION = 1


def check_schema(manifest: Any, *, where: str) -> dict[str, Any]:
    """The manifest, where it is of this schema.

    Parameters
    ----------
    manifest : object
        What ``manifest.json`` holds.
    where : str
        Path of that file, for the message.

    Raises
    ------
    InputError
        If it is no object, states no version, or another than ours: an older one is made again from its ``study.toml`` or read by the
        version that wrote it, a newer one needs a newer version of this package. Neither is converted.

    Examples
    --------
    >>> check_schema({"schema_version": 1, "steps": []}, where="manifest.json")["steps"]
    []
    >>> check_schema({"schema_version": 0, "carbonshed_version": "0.0.9"}, where="old/manifest.json")
    Traceback (most recent call last):
    ...
    carbonshed.checks.InputError: old/manifest.json: expected schema_version 1; got 0, older, written by carbonshed 0.0.9. ...
    """
    stated = manifest.get("schema_version") if isinstance(manifest, dict) else None
    if isinstance(manifest, dict) and type(stated) is int and stated == SCHEMA_VERSION:
        return manifest
    if type(stated) is not int:
        got, fix = f"{stated!r}: not a manifest of carbonshed", "Give the folder that `carbonshed run` wrote, or run the study again."
    else:
        writer = str(manifest.get("carbonshed_version") or "an unnamed version of carbonshed")
        writer = writer if writer.startswith("an ") else f"carbonshed {writer}"
        again = "Make it again: copy its study.toml to where the inputs are, and run that"
        if stated > SCHEMA_VERSION:
            got, fix = f"{stated}, newer, written by {writer}", f"Update carbonshed. Or: {again}."
        else:
            got, fix = f"{stated}, older, written by {writer}", f"{again}. Or open it with the version that wrote it; it is not converted."
    raise refuse("schema_version", expected=f"schema_version {SCHEMA_VERSION}", got=got, where=where, fix=fix)
