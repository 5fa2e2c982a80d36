"""Plain data as TOML text: what a scenario's own ``study.toml`` is written with."""

from __future__ import annotations

import json
from typing import Any


def to_toml(data: dict[str, Any]) -> str:
    """Sections of scalars, lists and small tables as TOML; None is left out.

    >>> print(to_toml({"study": {"name": "x", "years": [2000, 2005], "crs": None}}), end="")
    [study]
    name = "x"
    years = [2000, 2005]
    """
    blocks = []
    for name, section in data.items():
        if section is None:
            continue
        if isinstance(section, list):
            blocks += ["\n".join([f"[[{name}]]", *_lines(row)]) for row in section]
        elif section and all(isinstance(value, dict) for value in section.values()):
            blocks += ["\n".join([f"[{name}.{_key(key)}]", *_lines(row)]) for key, row in section.items()]
        else:
            blocks.append("\n".join([f"[{name}]", *_lines(section)]))
    return "\n\n".join(blocks) + "\n"


def _lines(section: dict[str, Any]) -> list[str]:
    return [f"{_key(key)} = {_value(value)}" for key, value in section.items() if value is not None]


def _key(key: object) -> str:
    text = str(key)
    return text if text.replace("_", "").replace("-", "").isalnum() and text.isascii() else json.dumps(text, ensure_ascii=False)


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_key(k)} = {_value(v)}" for k, v in value.items() if v is not None) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_value(item) for item in value) + "]"
    if isinstance(value, int | float):
        return repr(value)
    return json.dumps(str(value), ensure_ascii=False)
