from __future__ import annotations

import ast
import sys
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))

import robustness  # noqa: E402


@cache
def names_in(path: Path) -> set[str]:
    return {node.name for node in ast.parse(path.read_text()).body if isinstance(node, ast.FunctionDef)}


def test_every_fault_names_tests_that_exist() -> None:
    for faults in robustness.SECTIONS.values():
        for fault in faults:
            assert fault.tests, fault.fault
            for test in fault.tests:
                path, name = test.split("::")
                assert name in names_in(ROOT / "tests" / path), test


def test_the_page_is_up_to_date() -> None:
    assert (ROOT / "docs" / "robustness.md").read_text() == robustness.page(), "run make docs"
