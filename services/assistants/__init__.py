"""How assistants behave: their configuration, and every version it has had."""
