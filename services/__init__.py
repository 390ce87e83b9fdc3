"""Malha's services. Each owns its schema, its contracts and its bus subjects."""
