"""kill -9 of everything under load: nothing lost, nothing doubled, nothing crossed."""
