"""The help of the command line in Chinese: the same commands, with the sentences of ``data/help_zh.toml``."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from importlib import resources
from typing import Any

import typer

FILE = "data/help_zh.toml"
TITLES = {
    "ARGUMENTS_PANEL_TITLE": "Arguments", "OPTIONS_PANEL_TITLE": "Options", "COMMANDS_PANEL_TITLE": "Commands",
    "ERRORS_PANEL_TITLE": "Error", "DEFAULT_STRING": "[default: {}]", "REQUIRED_LONG_STRING": "[required]",
}  # fmt: skip


BREAKS = re.compile("(?<=[；，：、）])(?=[^；，：、）。 ])|(?<=[^ ])(?=（)")
"""Where a line may end: a narrow column breaks at spaces only, and cuts what has none."""


def sentences() -> dict[str, str]:
    """Chinese by the English sentence."""
    return dict(tomllib.loads(resources.files("carbonshed").joinpath(FILE).read_text(encoding="utf-8")))


def is_asked(arguments: Sequence[str], lang: str) -> bool:
    """Whether the words of the command line, or else the language of the environment, ask for Chinese.

    >>> is_asked(["run", "--help", "--lang", "zh"], "en"), is_asked(["run", "--lang=en"], "zh"), is_asked(["--help"], "zh")
    (True, False, True)
    """
    for place, word in enumerate(arguments):
        if word.startswith("--lang"):
            given = word.partition("=")[2] or next(iter(arguments[place + 1 :]), "")
            return given == "zh"
    return lang == "zh"


def in_chinese(app: typer.Typer) -> Any:
    """The commands of `app`, told in Chinese; a sentence without Chinese stays as it is."""
    from typer import rich_utils

    known = sentences()
    for name, english in TITLES.items():
        setattr(rich_utils, name, known[english])
    group: Any = typer.main.get_command(app)
    for command in (group, *group.commands.values()):
        command.help = known.get(command.help, command.help)
        for option in (*command.params, command.get_help_option(typer.Context(command))):
            if getattr(option, "help", None):
                option.help = BREAKS.sub(" ", known.get(option.help, option.help))
    return group
