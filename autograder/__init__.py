"""Everything that builds and grades the course."""
