"""Names of tensors in folders of transformers, which keeps those of the classes' first version in files and renames them while loading. Knows no network."""

from __future__ import annotations

from transformers import PreTrainedModel
from transformers.conversion_mapping import get_model_conversion_mapping
from transformers.core_model_loading import WeightRenaming, rename_source_key

from modules.networks.sources import Named, Source


def in_memory(network: PreTrainedModel, source: Source) -> Named:
    """A file's tensors under the names that the network has for them, by the library's own rules."""
    rules = [rule for rule in get_model_conversion_mapping(network) if isinstance(rule, WeightRenaming)]
    base, known = network.base_model_prefix, network.state_dict()
    return Named(source, {rename_source_key(name, rules, [], base, known)[0]: name for name in source.shapes})
