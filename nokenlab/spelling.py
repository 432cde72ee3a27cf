"""How tokens and texts are spelled for people: bytes as \\xNN, invisible characters as Python has them."""

import re
from collections.abc import Sequence


def decoded(tokenizer, ids: Sequence[int], skip_special_tokens: bool = True) -> str:
    """The text of token ids, with the space at its front that some tokenizers leave out (▁)."""
    options = {"skip_special_tokens": skip_special_tokens, "clean_up_tokenization_spaces": False}
    text = tokenizer.decode(ids, **options)
    first = tokenizer.convert_ids_to_tokens(ids[0]) if ids else None  # None too for a row without a token
    return f" {text}" if first and first.startswith("▁") and not text.startswith(" ") else text


def token_text(tokenizer, id: int) -> str:
    """The text of one token; bytes that are not a complete character as \\xNN."""
    text = decoded(tokenizer, [id], skip_special_tokens=False)
    if "\N{REPLACEMENT CHARACTER}" in text:
        return _bytes(tokenizer.convert_ids_to_tokens(id))
    return text


def spelled(text: str) -> str:
    """`text` on one line: characters that cannot be seen are written as Python does, \\n, \\t, \\u200b."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def spelled_token(token: str) -> str:
    """A token on one line: as `spelled`, with ␣ for each space; "(empty)" where it has no text."""
    return spelled(token).replace(" ", "␣") or "(empty)"


def _bytes(piece: str) -> str:
    """The bytes of a byte-level token, as \\xNN."""
    from transformers.convert_slow_tokenizer import bytes_to_unicode

    if match := re.fullmatch(r"<0x([0-9A-F]{2})>", piece):  # as SentencePiece writes them
        return f"\\x{match[1].lower()}"
    byte_of = {char: value for value, char in bytes_to_unicode().items()}
    if not all(char in byte_of for char in piece):
        return piece
    return "".join(f"\\x{byte_of[char]:02x}" for char in piece)
