"""Real nodes on one machine, faults and drills: the proof of every claim."""
