"""The schedule types by which sigmas are spaced: names as A1111 has them, and two more at the end. No torch; the formulas are in `sampling.schedules`."""

from __future__ import annotations

from dataclasses import dataclass

from modules.core.registry import Registry


@dataclass(frozen=True, kw_only=True)
class ScheduleRecord:
    """key: A1111's API name. rho: default exponent, -1 where there is none. needs_model: computed from the model's own sigma table."""

    name: str
    key: str
    aliases: tuple[str, ...] = ()
    rho: float = -1.0
    needs_model: bool = False


SCHEDULES: Registry[ScheduleRecord] = Registry(
    "schedule type",
    "schedule",
    [
        ScheduleRecord(name="Automatic", key="automatic"),
        ScheduleRecord(name="Uniform", key="uniform", needs_model=True),
        ScheduleRecord(name="Karras", key="karras", rho=7.0),
        ScheduleRecord(name="Exponential", key="exponential"),
        ScheduleRecord(name="Polyexponential", key="polyexponential", rho=1.0),
        ScheduleRecord(name="SGM Uniform", key="sgm_uniform", aliases=("sgm_uniform", "SGMUniform"), needs_model=True),
        ScheduleRecord(name="KL Optimal", key="kl_optimal", aliases=("kl_optimal",)),
        ScheduleRecord(name="Align Your Steps", key="align_your_steps", aliases=("align_your_steps",)),
        ScheduleRecord(name="Simple", key="simple", needs_model=True),
        ScheduleRecord(name="Normal", key="normal", needs_model=True),
        ScheduleRecord(name="DDIM", key="ddim", needs_model=True),
        ScheduleRecord(name="Beta", key="beta", needs_model=True),
        ScheduleRecord(name="Linear", key="linear"),
        ScheduleRecord(name="Cosine", key="cosine"),
    ],
)
