"""Figures of bitjoule's results: what bitjoule.plot, scripts/plot.py and scripts/article.py draw with.

Stands alone: it needs matplotlib and the files of results, not the compiled part of the package."""
