"""Where the inputs of a run are found again: by the place that its manifest recorded and by their SHA-256."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from carbonshed.checks import InputError, Problem
from carbonshed.study.store import Store, file_digest


def places(row: Mapping[str, Any], manifest: Mapping[str, Any]) -> list[Path]:
    """Where an input of a manifest may stand: where it was read, and at its path from the folder of the study."""
    found = [Path(row["found"])] if row.get("found") else []
    return list(dict.fromkeys([*found, Path(manifest["base"]) / row["path"]]))


def file_state(path: Path) -> tuple[int, ...]:
    """Size, time of change and place on the disk of a file: another one where its bytes may be others."""
    about = path.stat()
    return (about.st_size, about.st_mtime_ns, about.st_ino)


@dataclass
class Finder:
    """Turns a path of ``study.toml`` into a file.

    Parameters
    ----------
    base : Path
        Folder that relative paths are relative to.
    inputs : Path, optional
        Folder in which inputs are looked for: those of a repeated run by SHA-256, others by name.
    manifest : mapping
        Of the run that is repeated, where ``study.toml`` stands in its result folder; else empty.
    """

    base: Path
    inputs: Path | None = None
    manifest: Mapping[str, Any] = field(default_factory=dict)
    digests: dict[Path, tuple[tuple[int, ...], str]] = field(default_factory=dict)
    """State and SHA-256 of each file that was looked at; a file in another state is read again."""

    @classmethod
    def beside(cls, base: Path, inputs: Path | None = None) -> Finder:
        """For a ``study.toml`` in `base`, which may be a result folder."""
        return cls(base, inputs, Store(base).read_manifest())

    @property
    def recorded(self) -> dict[str, dict[str, Any]]:
        """Rows of the recorded inputs by their path."""
        return {row["path"]: row for row in self.manifest.get("inputs", [])}

    def find(self, name: str) -> Path:
        """The file of that path; of a repeated run the very bytes that were read then.

        Raises
        ------
        InputError
            If a file is where it was, but with other bytes, and those of the run are nowhere.
        """
        own, row = self.base / name, self.recorded.get(name)
        if row is None:
            return own if self.inputs is None or own.is_file() else self._by_name(name)
        tried = list(dict.fromkeys([own, *places(row, self.manifest), *self._like(name)]))
        there = [path for path in tried if path.is_file()]
        for path in there:
            if self.digest(path) == row["sha256"]:
                return path
        if not there or there[0] not in (own, *places(row, self.manifest)):
            return own
        expected = f"the file of the run, SHA-256 {row['sha256'][:12]}..."
        got = f"another one at {there[0]}, SHA-256 {self.digest(there[0])[:12]}..."
        fix = "Give the folder that holds the old one, --inputs DIR; or run the study.toml of the study itself to use the new one."
        raise InputError(Problem("input_changed", expected, got, name, fix))

    def digest(self, path: Path) -> str:
        """SHA-256 of a file, taken once as long as the file is not touched."""
        state = file_state(path)
        if path not in self.digests or self.digests[path][0] != state:
            self.digests[path] = (state, file_digest(path))
        return self.digests[path][1]

    def _by_name(self, name: str) -> Path:
        assert self.inputs is not None
        tried = (self.inputs / name, self.inputs / Path(name).name)
        return next((path for path in tried if path.is_file()), self.base / name)

    def _like(self, name: str) -> list[Path]:
        """Files of the folder of inputs that might be the one: of its kind, and those of its name first."""
        if self.inputs is None:
            return []
        wanted = Path(name)
        files = [path for path in sorted(self.inputs.rglob("*")) if path.suffix == wanted.suffix and path.is_file()]
        return sorted(files, key=lambda path: path.name != wanted.name)


def differences(before: Mapping[str, Any], now: Mapping[str, Any], names: Mapping[str, str]) -> list[str]:
    """What differs between two sets of things that a step was made from, in words.

    Parameters
    ----------
    before, now : mapping
        As `carbonshed.study.pipeline.step_parts` gives them for a step.
    names : mapping
        Path of each SHA-256 that is known.
    """
    found = []
    if before["version"] != now["version"]:
        found.append(f"carbonshed {before['version']} -> {now['version']}")
    one, two = _flat(before["spec"]), _flat(now["spec"])
    found += [f"{key}: {_shown(one.get(key))} -> {_shown(two.get(key))}" for key in sorted({*one, *two}) if one.get(key) != two.get(key)]
    for role in sorted({*before["files"], *now["files"]}):
        old, new = before["files"].get(role, []), now["files"].get(role, [])
        if old != new:
            other = [each for each in new if each not in old] or [each for each in old if each not in new]
            changed = ", ".join(dict.fromkeys(names.get(each, role) for each in other)) or "order of files"
            found.append(f"file {changed} changed ({role})" if old and new else f"file {changed} {'is new' if new else 'is gone'} ({role})")
    steps = [name for name in now["needs"] if now["needs"][name] != before["needs"].get(name)]
    gone = [name for name in before["needs"] if name not in now["needs"]]
    return found + [f"step {name} runs before it" for name in steps] + [f"step {name} is gone" for name in gone]


def _flat(data: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in data.items():
        name = f"{prefix}{key}"
        flat |= _flat(value, f"{name}.") if isinstance(value, Mapping) else {name: value}
    return flat


def _shown(value: Any, longest: int = 60) -> str:
    text = "default" if value is None else repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= longest else text[: longest - 3] + "..."
