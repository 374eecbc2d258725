"""The notebook runs as it stands."""

from pathlib import Path

import nbformat
from nbclient import NotebookClient

TOUR = Path(__file__).parents[1] / "scripts" / "tour.ipynb"


def test_the_tour_runs(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(TOUR.parents[1]))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    book = nbformat.read(TOUR, as_version=4)
    assert all(not cell.get("outputs") for cell in book.cells)  # a reader's own, not its maker's
    NotebookClient(book, timeout=300, kernel_name="python3", resources={"metadata": {"path": tmp_path}}).execute()
    pictures = [output for cell in book.cells for output in cell.get("outputs", []) if "image/png" in
                output.get("data", {})]
    assert len(pictures) == 6
    said = "".join(output.get("text", "") for cell in book.cells for output in cell.get("outputs", []))
    assert "squared error" in said
    assert "r3gan-mnist" in said
    assert (tmp_path / "stripes" / "model.safetensors").exists()
