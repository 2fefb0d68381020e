"""Helpers that run beside the exporter with more rights than it has, ask the hardware, and write down what came."""
