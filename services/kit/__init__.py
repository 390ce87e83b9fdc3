"""The shared library: one concern per file. It knows no service."""
