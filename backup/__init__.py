"""What backs a node up, proves that it can be restored, and restores it. Knows nobody; standard library only."""
