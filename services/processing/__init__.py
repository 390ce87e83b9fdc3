"""Conversations, the buffer before the assistant, and the turns in which it answers."""
