"""Dashboards for Grafana: each is written by a module here into a JSON file beside it."""
