"""The report: one file that explains a result to people."""

from insights_workloads.report.content import Provenance, ReportContent, build
from insights_workloads.report.render import render

__all__ = ["Provenance", "ReportContent", "build", "render"]
