"""One page for each alert: data, read with importlib.resources."""
