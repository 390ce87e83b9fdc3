"""Knowledge bases: documents, the passages they are cut into, and finding them by meaning."""
