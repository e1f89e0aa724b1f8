"""`make report`: typeset report.typ with the results that are there, into report.pdf."""

from datetime import datetime, timezone
from pathlib import Path

import typst

FOLDER = Path(__file__).parent
UNDATED = datetime(2000, 1, 1, tzinfo=timezone.utc)  # one content, one file, byte for byte


def make_compiler(folder: Path = FOLDER) -> typst.Compiler:
    """Open the report. typst cannot see which files exist, so it is told their names.

    Args:
        folder: holds report.typ, parts.typ and results/.

    Returns:
        What compiles it, with the fonts that typst brings along.

    Source: specification of the report: words from report.typ, numbers from the results files.
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
        The PDF file.

    Source: specification of the report.
    """
    return make_compiler(folder).compile(format="pdf", timestamp=UNDATED)


if __name__ == "__main__":
    (FOLDER / "report.pdf").write_bytes(build())
