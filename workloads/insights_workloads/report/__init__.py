"""The report: one file that explains a result to people; one for each kind of reader."""

from insights_workloads.provenance import Provenance
from insights_workloads.report.content import OwnerContent, owner_content
from insights_workloads.report.content_for import content_for
from insights_workloads.report.render import render

__all__ = ["OwnerContent", "Provenance", "content_for", "owner_content", "render"]
