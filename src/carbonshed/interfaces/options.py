"""Options and arguments that several commands take."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout; progress as NDJSON on stderr.")]
Lang = Annotated[str, typer.Option("--lang", help="zh or en.", envvar="CARBONSHED_LANG")]
StudyPath = Annotated[Path, typer.Argument(help="A study.toml or its folder.")]
ResultPath = Annotated[Path, typer.Argument(help="A result folder.")]
Inputs = Annotated[Path | None, typer.Option("--inputs", help="Folder to look for inputs in: by SHA-256 for a result's study.toml.")]
Out = Annotated[Path | None, typer.Option("--out", help="Result folder; default: results beside study.toml.")]
