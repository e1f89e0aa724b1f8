"""Write the opening pictures of the pages as PNG files, from the outputs of the notebooks.

Run `python notebooks/pictures.py` after a change to one of these figures.
"""

import base64
import json
from pathlib import Path

HERE = Path(__file__).parent
PICTURES = {"windows.png": "word2vec.ipynb", "attention.png": "classification.ipynb"}


def first_figure(notebook: str) -> bytes:
    """Return the first figure that a notebook shows, as the bytes of a PNG file."""
    cells = json.loads((HERE / notebook).read_text("utf-8"))["cells"]
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    figures = [output["data"]["image/png"] for output in outputs if "image/png" in str(output)]
    return base64.b64decode(figures[0])


if __name__ == "__main__":
    for picture, notebook in PICTURES.items():
        (HERE / picture).write_bytes(first_figure(notebook))
