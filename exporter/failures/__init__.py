"""What kind of failure a log line tells of: lines in, one of the types of `kinds` out, with the entry that says so."""
