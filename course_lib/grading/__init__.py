"""Grading: the check in a student's notebook, and what turns a class of notebooks into grades."""
