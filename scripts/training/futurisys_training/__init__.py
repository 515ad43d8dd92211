"""Trains Futurisys' attrition model and writes it as a model package."""
