"""Prometheus rules: data, read with importlib.resources."""
