"""Delete everything under results/."""

from pathlib import Path

from segtrt.plan.upkeep import clean_results

print("\n".join(clean_results(Path())))
