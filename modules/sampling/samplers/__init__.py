"""Every sampler by its name: generators that ask for denoised latents and never call anything (`sampling.step`)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from modules.sampling.samplers.dpm import dpm2, dpm2_ancestral, dpmpp_2s_ancestral, dpmpp_sde
from modules.sampling.samplers.dpm_solver import dpm_adaptive, dpm_fast
from modules.sampling.samplers.euler import euler, euler_ancestral, heun
from modules.sampling.samplers.few_step import lcm
from modules.sampling.samplers.multistep import dpmpp_2m, dpmpp_2m_sde, dpmpp_2m_sde_heun, dpmpp_3m_sde, lms
from modules.sampling.samplers.restart import restart
from modules.sampling.samplers.schedulers import ddpm, deis, ipndm, sa_solver, tcd
from modules.sampling.samplers.timesteps import ddim, ddim_cfgpp, plms
from modules.sampling.samplers.unipc import unipc
from modules.sampling.step import Sampler

SAMPLERS: Mapping[str, Sampler] = MappingProxyType(
    {
        "DPM++ 2M": dpmpp_2m,
        "DPM++ SDE": dpmpp_sde,
        "DPM++ 2M SDE": dpmpp_2m_sde,
        "DPM++ 2M SDE Heun": dpmpp_2m_sde_heun,
        "DPM++ 2S a": dpmpp_2s_ancestral,
        "DPM++ 3M SDE": dpmpp_3m_sde,
        "Euler a": euler_ancestral,
        "Euler": euler,
        "LMS": lms,
        "Heun": heun,
        "DPM2": dpm2,
        "DPM2 a": dpm2_ancestral,
        "DPM fast": dpm_fast,
        "DPM adaptive": dpm_adaptive,
        "Restart": restart,
        "DDIM": ddim,
        "DDIM CFG++": ddim_cfgpp,
        "PLMS": plms,
        "UniPC": unipc,
        "LCM": lcm,
        "DDPM (diffusers)": ddpm,
        "DEIS (diffusers)": deis,
        "TCD (diffusers)": tcd,
        "IPNDM (diffusers)": ipndm,
        "SA-Solver (diffusers)": sa_solver,
    }
)
"""For every name in `core.records.samplers`."""
