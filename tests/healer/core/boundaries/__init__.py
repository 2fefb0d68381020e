"""Where each guard's line runs exactly: asked one by one, with one fact changed at a time."""
