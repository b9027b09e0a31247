"""Figures: each function takes result tables and gives a drawing with the numbers behind it."""
