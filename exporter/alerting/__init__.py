"""The short way: alerts that the exporter posts straight to every Alertmanager, the same that a rule will make."""
