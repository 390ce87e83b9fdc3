"""Starts the mesh from installed programs, for `make dev` and `make up` and for tests alike."""
