"""Keeps worker processes running: starts, restarts, replaces and stops them."""
