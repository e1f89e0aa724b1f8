"""The built-in corpus: docstrings of the installed packages, read from their source."""
