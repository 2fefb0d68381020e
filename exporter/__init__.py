"""What a node's hardware and services are doing, in Prometheus' text format."""
