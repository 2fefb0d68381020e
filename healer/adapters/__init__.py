"""Everything that talks to the outside: one file per port. Siblings share only small, pure pieces."""
