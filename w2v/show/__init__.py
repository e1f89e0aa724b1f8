"""What a notebook shows: figures, source code, shapes, nearest words."""
