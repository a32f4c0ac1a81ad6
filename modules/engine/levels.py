"""The noise levels of a loaded model: its own table of alphas, or those of flow matching. Knows no schedule."""

from __future__ import annotations

from modules.core.groups.sampling import Spacing
from modules.families.family import Model
from modules.sampling.flow import FlowTable
from modules.sampling.parameterization import Table, table_of


def levels_of(model: Model, spacing: Spacing) -> Table:
    """As the request's `spacing` bends them. Raises InvalidRequest."""
    return FlowTable() if model.flow else table_of(model.alphas_cumprod, spacing.noise_schedule, spacing.downcast_alphas)
