"""The study as a Python script: its values spelt out, its inputs held to their checksums, its totals compared with the run's."""

from __future__ import annotations

import pprint
import tomllib
from pathlib import Path
from typing import Any

from carbonshed.checks import refuse
from carbonshed.files import write_text
from carbonshed.present.folder import ResultFolder

SCRIPT = "study.py"

TEXT = '''"""{name}

A carbonshed study as a script. Run it where the inputs are:

    python {script} [FOLDER_OF_THE_INPUTS]

Made by carbonshed {version}; it needs the same or a later version: pip install carbonshed
"""

import hashlib
import sys
from pathlib import Path

import carbonshed as cs

# What the study is: the values of study.toml. Change any of them and run again.
SPEC = {spec}

# The inputs of the recorded run: file -> SHA-256. Another file gives other numbers.
INPUTS = {inputs}

# Totals of the recorded run, t CO2 a-1 and yuan a-1, and the checksum of all its tables.
TOTALS = {totals}
DIGEST = "{digest}"


def main(folder: Path) -> None:
    """Check the inputs, run every step into the folder repeated, compare with the recorded run, write the tables as CSV."""
    for name, recorded in INPUTS.items():
        found = hashlib.sha256((folder / name).read_bytes()).hexdigest()
        if found != recorded:
            print(f"{{name}} is not the file of the recorded run: its numbers will differ", file=sys.stderr)
    study = cs.Study.from_values(SPEC, base=folder)
    result = study.run(Path("repeated"))           # a result folder as any other: carbonshed report repeated

    accounts = result.accounts                     # carbon source, sink and net emission of each place, t CO2 a-1
    zones = result.zones                           # payment, balanced or recipient
    print(accounts.groupby("year")[["carbon_source", "carbon_sink", "net_carbon_emission"]].sum())
    print(zones.groupby(["year", "zone"]).size().unstack(fill_value=0))
    if "compensation" in result.tables:
        money = result.compensation                # who pays, who receives, how much, in which order
        print(money.sort_values("priority_rank").groupby("side").head(5)[["name", "side", "net_compensation", "priority_rank"]])
        print(result.flows.nlargest(10, "compensation_flow"))
    for recorded, found in zip(TOTALS, result.manifest["totals"]):
        for quantity, value in recorded.items():
            # carbon and money agree with the recorded run to nine digits
            assert abs(found[quantity] - value) <= 1e-9 * max(1.0, abs(value)), (quantity, value, found[quantity])
    if result.manifest["digest"] == DIGEST:
        print("the same tables as those of the recorded run, byte for byte")
    else:
        print("the totals are those of the recorded run, some table is not: another input, version or processor (carbonshed compare)")
    Path("csv").mkdir(exist_ok=True)
    for name in result.tables:
        result.table(name).drop(columns="geometry", errors="ignore").to_csv(Path("csv", f"{{name}}.csv"))
    print("tables written to", Path("csv").resolve())


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "."))
'''


def script_text(result: ResultFolder) -> str:
    """The script of a result, from its ``study.toml`` and its manifest.

    The paths of the inputs are those of ``study.toml``; they are looked for in the folder that the script is given.

    Raises
    ------
    InputError
        If the folder holds no ``study.toml``.
    """
    file, manifest = result.path / "study.toml", result.manifest
    if not file.is_file():
        fix = "Run the study again: the file is written beside the tables."
        raise refuse("no_study", expected="the study.toml of the run", got="no such file", where=str(file), fix=fix)
    inputs = {str(row["path"]): str(row["sha256"]) for row in manifest.get("inputs") or []}
    return TEXT.format(
        name=result.name.replace('"', "'").replace("\\", "/"),
        script=SCRIPT,
        version=manifest["carbonshed_version"],
        spec=_python(tomllib.loads(file.read_text(encoding="utf-8-sig"))),
        inputs=_python(inputs),
        totals=_python(manifest.get("totals") or []),
        digest=manifest.get("digest", ""),
    )


def write_script(result: ResultFolder, folder: Path) -> list[Path]:
    """Write ``study.py``."""
    return [write_text(folder / SCRIPT, script_text(result))]


def _python(value: Any) -> str:
    """The value as Python source."""
    return pprint.pformat(value, sort_dicts=False, width=120)
