"""The page that diagnostics link to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import colearner_ls
from colearner_ls.lsp import links

METADATA = """Metadata-Version: 2.4
Name: colearner-ls
Project-URL: Source, https://example.org/source
Project-URL: documentation, https://example.org/docs/
Summary: x

Project-URL: Documentation, https://example.org/in-the-text
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An installed package's folder, and this module in it."""
    monkeypatch.setattr(colearner_ls, "__file__", str(tmp_path / "colearner_ls" / "__init__.py"))
    (tmp_path / f"colearner_ls-{colearner_ls.__version__}.dist-info").mkdir()
    links.documentation.cache_clear()
    yield tmp_path / f"colearner_ls-{colearner_ls.__version__}.dist-info"
    links.documentation.cache_clear()


def test_the_documentation_that_the_package_names(package: Path) -> None:
    (package / "METADATA").write_text(METADATA, encoding="utf-8")
    assert links.documentation() == "https://example.org/docs/lsp.md#diagnostics"


@pytest.mark.parametrize("metadata", [None, b"", b"Project-URL: Documentation", b"\xff\xfe"])
def test_nothing_is_linked_where_nothing_is_named(package: Path, metadata: bytes | None) -> None:
    if metadata is not None:
        (package / "METADATA").write_bytes(metadata)
    assert links.documentation() is None


def test_a_checkout_links_to_its_own_page() -> None:
    links.documentation.cache_clear()
    page = Path(__file__).resolve().parents[2] / "docs" / "lsp.md"
    assert links.documentation() == f"{page.as_uri()}#diagnostics"
    assert "## Diagnostics" in page.read_text(encoding="utf-8")
