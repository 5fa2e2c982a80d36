"""RO-Crate 1.1: the metadata file that makes a result folder an archive that can be cited (https://w3id.org/ro/crate/1.1).

It names every file with its checksum, the inputs with licence and citation, the run that made the one from the other, and the
quantities with their units. Nothing is copied: the file stands in the result folder itself.
"""

from __future__ import annotations

import hashlib
import json
import mimetypes
from pathlib import Path
from typing import Any

from carbonshed.files import write_text
from carbonshed.present.folder import ResultFolder
from carbonshed.present.tidy import held
from carbonshed.registry import terms

METADATA = "ro-crate-metadata.json"
CONTEXT = "https://w3id.org/ro/crate/1.1/context"
SOFTWARE = "#carbonshed"
TYPES = {
    ".parquet": "application/vnd.apache.parquet",
    ".tif": "image/tiff; application=geotiff; profile=cloud-optimized",
    ".qml": "application/xml",
    ".qgs": "application/xml",
    ".toml": "application/toml",
    ".gpkg": "application/geopackage+sqlite3",
    ".geojson": "application/geo+json",
}

Entity = dict[str, Any]


def write_ro_crate(result: ResultFolder, folder: Path) -> list[Path]:
    """Write ``ro-crate-metadata.json`` into the result folder (`folder` must be that folder)."""
    path = folder / METADATA
    text = json.dumps({"@context": CONTEXT, "@graph": entities(result)}, ensure_ascii=False, indent=1)
    return [write_text(path, text + "\n")]


def entities(result: ResultFolder) -> list[Entity]:
    """The graph: descriptor, root data set, files, inputs, software, the run, quantities."""
    manifest = result.manifest
    files = [_file(result.path, path) for path in _paths(result.path)]
    inputs = [_input(each) for each in manifest.get("inputs") or []]
    quantities = _quantities(result)
    descriptor = {
        "@id": METADATA,
        "@type": "CreativeWork",
        "conformsTo": {"@id": "https://w3id.org/ro/crate/1.1"},
        "about": {"@id": "./"},
    }
    root: Entity = {
        "@id": "./",
        "@type": "Dataset",
        "name": result.name,
        "description": _description(result),
        "datePublished": str(manifest.get("written", ""))[:10],
        "license": {"@id": "#licence"},
        "temporalCoverage": f"{result.years[0]}/{result.years[-1]}" if result.years else "",
        "hasPart": _links(files),
        "variableMeasured": _links(quantities),
        "mentions": {"@id": "#run"},
        "identifier": f"sha256:{manifest.get('digest', '')}",
    }
    licence = {
        "@id": "#licence",
        "@type": "CreativeWork",
        "name": "Licences of the inputs apply",
        "description": "What may be done with the results follows from the licences of the inputs, which are named with each of them; "
        "whoever publishes the crate replaces this entry with the licence of their choice.",
    }
    software = {
        "@id": SOFTWARE,
        "@type": "SoftwareApplication",
        "name": "carbonshed",
        "version": str(manifest.get("carbonshed_version", "")),
        "softwareRequirements": ", ".join(f"{name} {version}" for name, version in (manifest.get("packages") or {}).items()),
    }
    run = {
        "@id": "#run",
        "@type": "CreateAction",
        "name": "carbonshed run",
        "instrument": {"@id": SOFTWARE},
        "object": _links(inputs),
        "result": _links(files),
        "endTime": str(manifest.get("written", "")),
    }
    return [descriptor, root, licence, software, run, *files, *inputs, *quantities]


def _links(rows: list[Entity]) -> list[Entity]:
    return [{"@id": row["@id"]} for row in rows]


def _description(result: ResultFolder) -> str:
    """What the folder holds, in a sentence of each language."""
    simulated = result.manifest.get("is_simulated")
    years = ", ".join(map(str, result.years))
    note = (" SIMULATED DATA.", "模拟数据。") if simulated else ("", "")
    return (
        f"Land-use carbon accounts, grid scale, compensation zones, amounts and payments of {result.name}, {years}.{note[0]} "
        f"{result.name}：{years}年土地利用碳收支、适宜格网尺度、碳补偿分区、补偿额与补偿流向。{note[1]}"
    )


def _paths(folder: Path) -> list[Path]:
    """Files of the folder in a fixed order, without hidden ones and without the metadata file itself."""
    found = [path for path in folder.rglob("*") if path.is_file()]
    shown = [path for path in found if not any(part.startswith(".") for part in path.relative_to(folder).parts)]
    return sorted(path for path in shown if path.name != METADATA)


def _file(folder: Path, path: Path) -> Entity:
    """A file with its size, kind and checksum."""
    with path.open("rb") as stream:
        checksum = hashlib.file_digest(stream, "sha256").hexdigest()
    return {
        "@id": path.relative_to(folder).as_posix(),
        "@type": "File",
        "name": path.name,
        "contentSize": str(path.stat().st_size),
        "encodingFormat": TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream",
        "sha256": checksum,
    }


def _input(row: dict[str, Any]) -> Entity:
    """An input: it is not part of the crate, so it is named by its checksum."""
    return {
        "@id": f"#input-{row.get('sha256', '')[:16]}-{row.get('role', '')}",
        "@type": "CreativeWork",
        "name": f"{row.get('role', '')}: {Path(str(row.get('path', ''))).name}",
        "citation": str(row.get("citation") or ""),
        "license": str(row.get("licence") or ""),
        "identifier": f"sha256:{row.get('sha256', '')}",
    }


def _quantities(result: ResultFolder) -> list[Entity]:
    """The registered columns of the tables, each once, with unit and definition."""
    known = terms()
    columns = dict.fromkeys(str(column) for name in held(result) for column in result.table(name))
    return [
        {
            "@id": f"#quantity-{column}",
            "@type": "PropertyValue",
            "propertyID": column,
            "name": f"{known[column].en} / {known[column].zh}",
            "unitText": known[column].unit,
            "description": f"{known[column].definition} / {known[column].definition_zh}",
        }
        for column in columns
        if column in known
    ]
