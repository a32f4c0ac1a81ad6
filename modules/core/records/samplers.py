"""What is known of each sampler without running it: names, aliases and habits. No torch.

A1111's samplers have the habits that it gives them (parity rules 7.4, 7.5). Those that it lacks are diffusers' classes, and their names say so.
"""

from __future__ import annotations

from dataclasses import dataclass

from modules.core.records.schedules import SCHEDULES
from modules.core.registry import Registry


@dataclass(frozen=True, kw_only=True)
class SamplerRecord:
    """schedule: what "Automatic" means for it. second_order: two denoiser calls a step, so prompt schedules count double.
    brownian: draws from a Brownian tree. uses_ensd: A1111 writes ENSD for it. discard_penultimate: n+1 sigmas, next-to-last dropped.
    timesteps: walks integer timesteps of the model instead of sigmas, so schedule types do not act.
    alone: chooses its steps by the error over all pictures evaluated together, so it is run on one at a time.
    eta: infotext key under which its eta is written; "" when eta does not act on it.
    diffusers: computed by diffusers' scheduler class; starts from noise of unit variance, as its pipelines do.
    own_levels: what "Automatic" means for such a class: the way in which it lays out timesteps itself (`sampling.own_levels`); "" for one without."""

    name: str
    aliases: tuple[str, ...] = ()
    schedule: str = "Automatic"
    second_order: bool = False
    brownian: bool = False
    uses_ensd: bool = False
    discard_penultimate: bool = False
    timesteps: bool = False
    alone: bool = False
    eta: str = ""
    default_eta: float = 1.0
    diffusers: bool = False
    own_levels: str = ""


SAMPLERS: Registry[SamplerRecord] = Registry(
    "sampler",
    "sampler",
    [
        SamplerRecord(name="DPM++ 2M", aliases=("k_dpmpp_2m",), schedule="Karras"),
        SamplerRecord(name="DPM++ SDE", aliases=("k_dpmpp_sde",), schedule="Karras", second_order=True, brownian=True, eta="Eta"),
        SamplerRecord(name="DPM++ 2M SDE", aliases=("k_dpmpp_2m_sde",), schedule="Exponential", brownian=True, eta="Eta"),
        SamplerRecord(name="DPM++ 2M SDE Heun", aliases=("k_dpmpp_2m_sde_heun",), schedule="Exponential", brownian=True, eta="Eta"),
        SamplerRecord(name="DPM++ 2S a", aliases=("k_dpmpp_2s_a",), schedule="Karras", uses_ensd=True, second_order=True, eta="Eta"),
        SamplerRecord(name="DPM++ 3M SDE", aliases=("k_dpmpp_3m_sde",), schedule="Exponential", discard_penultimate=True, brownian=True, eta="Eta"),
        SamplerRecord(name="Euler a", aliases=("k_euler_a", "k_euler_ancestral"), uses_ensd=True, eta="Eta"),
        SamplerRecord(name="Euler", aliases=("k_euler",)),
        SamplerRecord(name="LMS", aliases=("k_lms",)),
        SamplerRecord(name="Heun", aliases=("k_heun",), second_order=True),
        SamplerRecord(name="DPM2", aliases=("k_dpm_2",), schedule="Karras", discard_penultimate=True, second_order=True),
        SamplerRecord(name="DPM2 a", aliases=("k_dpm_2_a",), schedule="Karras", discard_penultimate=True, uses_ensd=True, second_order=True, eta="Eta"),
        SamplerRecord(name="DPM fast", aliases=("k_dpm_fast",), uses_ensd=True, eta="Eta"),
        SamplerRecord(name="DPM adaptive", aliases=("k_dpm_ad",), uses_ensd=True, alone=True, eta="Eta"),
        SamplerRecord(name="Restart", aliases=("restart",), schedule="Karras", second_order=True),
        SamplerRecord(name="DDIM", aliases=("ddim",), timesteps=True, eta="Eta DDIM", default_eta=0.0),
        SamplerRecord(name="DDIM CFG++", aliases=("ddim_cfgpp",), timesteps=True, eta="Eta DDIM", default_eta=0.0),
        SamplerRecord(name="PLMS", aliases=("plms",), timesteps=True),
        SamplerRecord(name="UniPC", aliases=("unipc",), timesteps=True),
        SamplerRecord(name="LCM", aliases=("k_lcm",)),
        SamplerRecord(name="DDPM (diffusers)", aliases=("diffusers_ddpm", "DDPMScheduler"), uses_ensd=True, diffusers=True, own_levels="trailing"),
        SamplerRecord(name="DEIS (diffusers)", aliases=("diffusers_deis", "DEISMultistepScheduler"), diffusers=True, own_levels="linspace"),
        SamplerRecord(
            name="TCD (diffusers)",
            aliases=("diffusers_tcd", "TCDScheduler"),
            uses_ensd=True,
            eta="Eta",
            default_eta=0.3,
            diffusers=True,
            own_levels="distilled",
        ),
        SamplerRecord(name="IPNDM (diffusers)", aliases=("diffusers_ipndm", "IPNDMScheduler"), diffusers=True),
        SamplerRecord(
            name="SA-Solver (diffusers)", aliases=("diffusers_sa_solver", "SASolverScheduler"), uses_ensd=True, eta="Eta", diffusers=True, own_levels="linspace"
        ),
    ],
)


def split_sampler(name: str) -> tuple[str, str]:
    """A name as people write it -> (sampler, schedule); schedule is "" unless the name carries one, as "DPM++ 2M Karras" did before A1111 1.9."""
    if SAMPLERS.find(name):
        return SAMPLERS.get(name).name, ""
    for schedule in SCHEDULES:
        for word in (schedule.name, *schedule.aliases):
            if name.casefold().endswith(" " + word.casefold()) and (sampler := SAMPLERS.find(name[: -len(word)])):
                return sampler.name, schedule.name
    return SAMPLERS.get(name).name, ""


def resolved_schedule(sampler: str, schedule: str) -> str:
    """The schedule type that acts: "Automatic" becomes the sampler's own where it has one, and stays "Automatic" (Uniform's values) where not."""
    return SAMPLERS.get(sampler).schedule if schedule == "Automatic" else schedule
