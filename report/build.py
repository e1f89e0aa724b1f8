"""`make report`: typeset report.typ and the stored results into report.pdf."""

from datetime import datetime, timezone
from pathlib import Path
from typing import cast

import typst

FOLDER = Path(__file__).parent
UNDATED = datetime(2000, 1, 1, tzinfo=timezone.utc)  # the same content gives the same bytes


def make_compiler(folder: Path = FOLDER) -> typst.Compiler:
    """Make a compiler of the report. typst cannot list a folder: it is given the results' names.

    Args:
        folder: holds report.typ, parts.typ and results/.

    Returns:
        The compiler; it uses the fonts inside typst, not those of the machine.
    """
    names = sorted(path.stem for path in (folder / "results").glob("*.json"))
    return typst.Compiler(
        str(folder / "report.typ"),
        root=str(folder),
        ignore_system_fonts=True,
        sys_inputs={"results": " ".join(names)},
    )


def build(folder: Path = FOLDER) -> bytes:
    """Typeset the report.

    Args:
        folder: holds report.typ, parts.typ and results/.

    Returns:
        The content of the PDF file.
    """
    pdf = make_compiler(folder).compile(format="pdf", timestamp=UNDATED)
    return cast(bytes, pdf)  # None or a list only for an output path or for images of pages


if __name__ == "__main__":
    (FOLDER / "report.pdf").write_bytes(build())
