"""The one door on a node through which a healer acts. Standard library only."""
