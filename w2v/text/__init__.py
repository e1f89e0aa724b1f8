"""Where text comes from, and how it becomes ids (Q3.1)."""
