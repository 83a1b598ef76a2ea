"""Who may import whom, as docs/architecture.md draws it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
CORE = ROOT / "facecrop_core"
BASE = {
    "errors",
    "files",
    "names",
    "records",
    "settings",
    "geometry",
    "similarity",
    "pixels",
    "models",
    "volumes",
    "crop_plan",
}
STAGES = {"sources", "video", "detect", "embed", "track", "measure", "table", "people", "select", "crop", "export"}
MAY_IMPORT = {
    "errors": set(),
    "files": {"errors"},
    "names": set(),
    "records": {"errors"},
    "settings": {"errors"},
    "geometry": {"records"},
    "volumes": {"errors"},
    "similarity": {"records"},
    "pixels": {"records", "geometry"},
    "crop_plan": {"records"},
    "models": BASE - {"models"},
    **dict.fromkeys(STAGES, BASE),
    "pipeline": BASE | STAGES,
    "cli": {"pipeline", "settings", "records", "errors", "names"},
}
HEAVY = {
    "onnxruntime",
    "onnx",
    "dlib",
    "_dlib_pybind11",
    "pandas",
    "pyarrow",
    "insightface",
    "gradio",
    "av",
    "filelock",
    "scenedetect",
    "sklearn",
}


def imported(path: Path) -> set[str]:
    """Every module that a file imports, wherever in it."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names.add(str(node.module))
            names |= {f"{node.module}.{alias.name}" for alias in node.names if node.module == "facecrop_core"}
    return names


def core_files() -> list[Path]:
    return sorted(path for path in CORE.rglob("*.py") if path != CORE / "__init__.py")


def part_of(path: Path) -> str:
    return path.relative_to(CORE).parts[0].removesuffix(".py")


@pytest.mark.parametrize("path", core_files(), ids=lambda path: str(path.relative_to(CORE)))
def test_core_imports_only_what_its_layer_may(path: Path) -> None:
    part = part_of(path)
    assert part in MAY_IMPORT, f"{part} has no place in the import table"
    for name in imported(path):
        parts = name.split(".")
        if parts[0] == "facecrop_core" and len(parts) > 1 and parts[1] not in (part, "__version__"):
            assert parts[1] in MAY_IMPORT[part], f"{path.relative_to(ROOT)} imports {name}"
        assert parts[0] not in ("gradio", "facecrop_ui"), f"{path.relative_to(ROOT)} imports {name}"


def test_only_the_page_imports_gradio_and_it_knows_only_the_pipeline() -> None:
    for path in [*sorted((ROOT / "facecrop_ui").rglob("*.py")), ROOT / "app.py"]:
        for name in imported(path):
            parts = name.split(".")
            if parts[0] == "facecrop_core" and len(parts) > 1:
                assert parts[1] in ("pipeline", "settings", "records", "errors", "names", "__version__"), (
                    f"{path} imports {name}"
                )


def test_the_order_of_the_flow_stands_in_short_files() -> None:
    for name in ("scan.py", "produce.py"):
        assert len((CORE / "pipeline" / name).read_text().splitlines()) < 300


def test_files_stay_under_300_lines() -> None:
    for path in [*core_files(), *sorted((ROOT / "facecrop_ui").rglob("*.py"))]:
        assert len(path.read_text().splitlines()) <= 300, path
