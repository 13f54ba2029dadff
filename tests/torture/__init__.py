"""Kills, freezes and cuts off real workers and servers, and counts every job."""
