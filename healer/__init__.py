"""Turns alerts into guarded, verified repairs, and never does a thing twice."""
