"""The commented ``study.toml`` that ``carbonshed init`` writes."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from carbonshed.checks import refuse
from carbonshed.study.store import write_text


def write_template(folder: Path, *, lang: str = "en") -> tuple[Path, bool]:
    """Write a ``study.toml`` to fill in, and the policy table beside it to edit; what is already there is kept.

    Returns
    -------
    Path
        The file.
    bool
        Whether it was written now.
    """
    if folder.exists() and not folder.is_dir():
        raise refuse("not_a_folder", expected="a folder", got="a file", where=str(folder), fix="Name another folder.")
    path = folder / "study.toml"
    if path.exists():
        return path, False
    policy = folder / "policy.toml"
    if not policy.exists():
        write_text(policy, resources.files("carbonshed").joinpath("data/policy.toml").read_text(encoding="utf-8"))
    name = f"data/templates/study_{'zh' if lang == 'zh' else 'en'}.toml"
    write_text(path, resources.files("carbonshed").joinpath(name).read_text(encoding="utf-8"))
    return path, True
