"""cluster.yml: the model, its checks, and what is rendered from it."""
