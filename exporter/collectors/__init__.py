"""One file for each collector; they do not know each other."""
