"""Figures of bitjoule's results: what scripts/plot.py and scripts/article.py draw with."""
