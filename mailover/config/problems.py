"""What is wrong with a config, as sentences: key path, what is wrong, and the cure; never a value that was refused."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from pydantic_core import ErrorDetails

from mailover.config.shape import KeyPath, keys, model_at, spell

_MISSING_TABLES = {
    "providers": "give at least one table such as [providers.postmark]",
    "streams": "give at least one table such as [streams.transactional]",
}
_MISSING = {
    "providers": "list at least one provider",
    "to": "give the address of a mailbox that you can look into",
    "url": "give the address that events are posted to",
    "directory": "give a directory that exists",
    "command": 'give a program with its arguments, such as ["/usr/sbin/postfix", "reload"]',
    "domains": "list at least one domain",
    "host": "give host, or a preset that knows it",
    "scopes": 'give a list such as ["read", "report"]',
    "password": "give password or password_file",
    "token": "give token or token_file",
    "secret": "give secret or secret_file",
    "zone": 'give a time zone such as "Europe/Berlin"',
    "hours": 'give hours such as "08:00-18:00"',
}
_SENTENCES = {
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "string_type": "must be a text in quotes",
    "path_type": "must be a path in quotes",
    "tuple_type": "must be a list in brackets",
    "dict_type": "must be a table",
    "model_type": "must be a table",
    "model_attributes_type": "must be a table",
    "string_too_short": "must not be empty",
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing wrong at one key."""

    path: KeyPath
    says: str

    def __str__(self) -> str:
        return f"{spell(self.path)}: {self.says}"


def from_validation(errors: Iterable[ErrorDetails]) -> Iterator[Problem]:
    """What the models found, in the words of the config file."""
    for error in errors:
        # A list whose items are all refused is also called too short; the items have been told.
        if error["type"] == "too_short" and error["input"]:
            continue
        path: KeyPath = error["loc"]
        if path[-1] == "[key]" and error["type"] == "value_error":
            path = path[:-1]  # pydantic's mark for a name that is refused
        yield Problem(path=path, says=_sentence(error["type"], path, error))


def did_you_mean(word: object, known: Iterable[str]) -> str:
    """The end of a sentence about an unknown word: the likely one, or all of them."""
    words = list(known)
    close = get_close_matches(str(word), words, n=1)
    return f'did you mean "{close[0]}"?' if close else f"known are {', '.join(words)}"


def _sentence(kind: str, path: KeyPath, error: ErrorDetails) -> str:
    context: Mapping[str, Any] = error.get("ctx", {})
    match kind:
        case "value_error":
            return str(context["error"])
        case "extra_forbidden":
            model = model_at(path[:-1])
            return f"unknown key; {did_you_mean(path[-1], keys(model) if model else ())}"
        case "missing" | "too_short":
            word = str(path[-1])
            cure = _MISSING_TABLES.get(word) if len(path) == 1 else _MISSING.get(word)
            return f"is {'missing' if kind == 'missing' else 'empty'}; {cure or 'the table cannot be without'}"
        case "enum":
            words = [word.strip("'") for word in str(context["expected"]).replace(" or ", ", ").split(", ")]
            return f"unknown word; {did_you_mean(error['input'], words)}"
    if kind in _SENTENCES:
        return _SENTENCES[kind].format(**context)
    return error["msg"][:1].lower() + error["msg"][1:]
