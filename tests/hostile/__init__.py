"""What strangers tried, and what happened. The table is docs/hostile.md."""
