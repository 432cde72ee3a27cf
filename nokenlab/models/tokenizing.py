"""The ids of texts, as a tokenizer has them: what it puts before a text, and texts that continue others."""

from functools import cached_property

from nokenlab.errors import first_line, short

LETTER = "ꙮ"  # part of no word: a tokenizer makes tokens of it that end where it ends


class TextReader:
    """A tokenizer that reads a text as it stands. `name` is its model's, for messages."""

    def __init__(self, tokenizer, name: str):
        self.tokenizer, self.name = tokenizer, name

    @cached_property
    def start_ids(self) -> list[int]:
        """What the tokenizer puts before every text: [], or the id of a start-of-text token."""
        if not self._tokenized("", add_special_tokens=True):
            return []
        ids, bare = self._tokenized("a", add_special_tokens=True), self._tokenized("a")
        return next(ids[:i] for i in range(len(ids) + 1) if ids[i : i + len(bare)] == bare)

    def ids(self, text: str) -> list[int]:
        """The ids of a text; `start_ids` are not among them, also where the text spells them."""
        ids = self._tokenized(text)
        return ids[len(self.start_ids) :] if ids[: len(self.start_ids)] == self.start_ids else ids

    def ids_behind(self, text: str) -> list[int]:
        """The ids of a text that continues another."""
        if not self._changes_fronts:
            return self._tokenized(text)
        return self._tokenized(LETTER + text)[len(self._tokenized(LETTER)) :]

    def as_chat(self, text: str) -> str:
        """A text as the one message of a user that waits for its answer."""
        if not self.tokenizer.chat_template:
            raise ValueError(f"{self.name} is not a chat model: its tokenizer has no chat template")
        message = [{"role": "user", "content": text}]
        return self.tokenizer.apply_chat_template(message, tokenize=False, add_generation_prompt=True)

    @cached_property
    def _changes_fronts(self) -> bool:
        """Whether the tokenizer puts a space before a text (Llama 2, Mistral, T5), or drops one."""
        try:
            letter = self._tokenized(LETTER)
        except ValueError:  # its vocabulary has words alone
            return False
        behind = {text: self._tokenized(LETTER + text)[len(letter) :] for text in ("a", " a")}
        return any(ids and ids != self._tokenized(text) for text, ids in behind.items())

    def _tokenized(self, text: str, add_special_tokens: bool = False) -> list[int]:
        try:
            return self.tokenizer(text, add_special_tokens=add_special_tokens).input_ids
        except Exception as error:  # the package tokenizers raises the base class
            reason = f"the tokenizer of {self.name} cannot read {short(text)}"
            raise ValueError(f"{reason}: {first_line(error, 80)}") from error
