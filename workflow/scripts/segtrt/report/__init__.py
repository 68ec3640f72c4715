"""The report: one HTML file drawn from the summary and its pictures alone."""

from segtrt.report.page import write_report

__all__ = ["write_report"]
