"""The web edge: webhooks of providers in, and what a person finds at the public address.

It holds nothing and decides nothing: every webhook goes to `ingestion` before it is acknowledged.
"""
