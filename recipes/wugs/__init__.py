"""Wugs: a word that no model knows, and 200 captioned pictures to learn it from."""
