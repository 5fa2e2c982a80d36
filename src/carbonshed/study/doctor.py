"""What this installation is made of: for a bug report, and for a user who sees boxes instead of Chinese."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from importlib import metadata, util
from pathlib import Path

import carbonshed
from carbonshed.study.manifest import PACKAGES

EXTRAS = {"china": "frykit", "excel": "openpyxl", "docx": "docx", "cluster": "distributed"}


def installation() -> dict[str, str]:
    """Versions, fonts, drivers, memory and disk as one flat table."""
    import rasterio
    from pyproj import proj_version_str

    from carbonshed.present.fonts import families, has_chinese
    from carbonshed.present.pdf import find_browser

    found = {"carbonshed": carbonshed.__version__, "python": sys.version.split()[0], "system": platform.platform()}
    found |= {name: metadata.version(name) for name in PACKAGES}
    found |= {"GDAL": rasterio.__gdal_version__, "PROJ": proj_version_str}
    found["fonts"] = ", ".join(families())
    found["Chinese"] = "drawn" if has_chinese() else 'not drawn: no font found; pip install "carbonshed[china]" brings one'
    found |= {f"extra {name}": "installed" if util.find_spec(module) else "not installed" for name, module in EXTRAS.items()}
    found["report --pdf"] = find_browser() or "no Chromium or Chrome found: print report.html from any browser"
    found["cores"] = str(os.cpu_count())
    found["free disk here"] = f"{shutil.disk_usage(Path.cwd()).free / 2**30:.1f} GB"
    return found
