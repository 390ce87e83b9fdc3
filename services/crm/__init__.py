"""Tenants and identity: the business side."""
