"""What a page shows: figures, sources, shapes, nearest words."""
