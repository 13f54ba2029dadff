"""The reference: what of it is made, and that all of it is true."""
