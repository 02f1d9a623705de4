"""Recipes: how the bundled models and their training data are made."""
