"""Tools for hierarchical linear models."""
