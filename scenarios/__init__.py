"""Reference clusters: a cluster.yml, a lab.yml and drills each."""
