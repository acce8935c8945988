"""Submissions made when the tests run: good, wrong, damaged and hostile ones."""
