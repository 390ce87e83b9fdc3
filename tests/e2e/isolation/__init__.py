"""Two tenants: one that has everything, and one that wants it."""
