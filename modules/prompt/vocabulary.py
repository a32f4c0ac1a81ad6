"""CLIP's vocabulary: text to token ids, by the `tokenizers` library alone (no torch, no transformers), in the way of transformers' CLIPTokenizer.

Text is put into Unicode's composed form, runs of white space become one space, letters are lowered; then letters, single digits and punctuation are cut
apart and byte-pair encoded, words ending in `</w>` (Radford et al. 2021; Sennrich et al. 2016).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Regex, Tokenizer, decoders, normalizers, pre_tokenizers
from tokenizers.models import BPE

from modules.core.errors import BadModelFile

BOS, EOS = "<|startoftext|>", "<|endoftext|>"
END = "</w>"
"""With what a token is written that ends a word."""
_WORDS = r"""<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"""

_LETTERS = decoders.ByteLevel()


def normalizer() -> normalizers.Normalizer:
    return normalizers.Sequence([normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()])


def word_splitter() -> pre_tokenizers.PreTokenizer:
    """Cuts normalized text into the pieces that are encoded one by one."""
    return pre_tokenizers.Split(Regex(_WORDS), behavior="removed", invert=True)


def printable(text: str) -> str:
    """The text with lone surrogates, which no encoder takes, replaced by question marks."""
    return text.encode("utf-8", "replace").decode("utf-8")


class Vocabulary:
    """bos, eos, pad: ids of the marks around a text and behind it. comma: id of a comma that ends a word, -1 where there is none."""

    def __init__(self, tokenizer: Tokenizer, names: Mapping[str, str] | None = None) -> None:
        """names: which tokens serve as `bos_token`, `eos_token` and `pad_token`; CLIP's own where it is silent."""
        names = names or {}
        tokenizer.no_truncation()
        tokenizer.no_padding()
        eos = names.get("eos_token", EOS)
        self._tokenizer = tokenizer
        self.bos, self.eos, self.pad = (self._id(name) for name in (names.get("bos_token", BOS), eos, names.get("pad_token", eos)))
        comma = tokenizer.token_to_id(f",{END}")
        self.comma: int = -1 if comma is None else comma

    @classmethod
    def from_folder(cls, folder: str | Path, pad: str = "") -> Vocabulary:
        """Reads `tokenizer.json`, or else `vocab.json` and `merges.txt`; the names of the marks from the small JSON files beside them. pad: the token that
        fills texts up, where those are not to say it. Raises BadModelFile."""
        folder = Path(folder)
        try:
            if (folder / "tokenizer.json").is_file():
                tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
            else:
                tokenizer = byte_pairs(BPE.from_file(str(folder / "vocab.json"), str(folder / "merges.txt"), unk_token=EOS, end_of_word_suffix=END))
        except Exception as error:  # the library raises bare Exceptions
            raise BadModelFile(
                f"The tokenizer in {folder} cannot be read ({error}).", "It needs a tokenizer.json, or a vocab.json with its merges.txt; copy them again."
            ) from error
        return cls(tokenizer, {**_names(folder), **({"pad_token": pad} if pad else {})})

    def encode(self, text: str) -> list[int]:
        """Ids of any text, without marks around it; empty for white space."""
        return self._tokenizer.encode(printable(text), add_special_tokens=False).ids

    def piece(self, token: int) -> tuple[str, bool]:
        """(the letters that a token stands for, whether a word ends with it). Of a character that takes several tokens each part shows as a replacement mark."""
        written = self._tokenizer.id_to_token(token) or ""
        letters = written.removesuffix(END)
        return _LETTERS.decode([letters]), letters != written

    def __len__(self) -> int:
        return self._tokenizer.get_vocab_size()

    def _id(self, token: str) -> int:
        found = self._tokenizer.token_to_id(token)
        if found is None:
            raise BadModelFile(
                f"The tokenizer has no token {token!r}.", "It belongs to another kind of model than CLIP; use the tokenizer that came with the checkpoint."
            )
        return found


def byte_pairs(model: BPE) -> Tokenizer:
    """A tokenizer around CLIP's merges: model needs the unknown token `<|endoftext|>` and the end-of-word mark `</w>`."""
    tokenizer = Tokenizer(model)
    tokenizer.normalizer = normalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([word_splitter(), pre_tokenizers.ByteLevel(add_prefix_space=False)])
    tokenizer.add_special_tokens([AddedToken(name, special=True, normalized=False) for name in (BOS, EOS)])
    return tokenizer


def _names(folder: Path) -> dict[str, str]:
    names: dict[str, str] = {}
    for file in ("tokenizer_config.json", "special_tokens_map.json"):
        try:
            entries: Any = json.loads((folder / file).read_text("utf-8"))
        except (OSError, ValueError):
            continue
        for key in ("bos_token", "eos_token", "pad_token"):
            entry = entries.get(key) if isinstance(entries, dict) else None
            name = entry.get("content") if isinstance(entry, dict) else entry
            if isinstance(name, str):
                names[key] = name
    return names
