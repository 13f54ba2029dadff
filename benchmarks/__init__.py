"""Benchmarks. They measure; they do not judge."""
