"""The demo tenant: a fictional shop, "Loja Aurora", with an assistant that knows its policies."""
