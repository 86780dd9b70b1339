"""What all bodies of the management API share: strict input, plain output, one form of page."""

from typing import Annotated, Final, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field

T = TypeVar("T")
MAX_ITEMS: Final = 500

# Text for people: no control characters, so that no log, terminal or database has to cope with them.
_PRINTABLE: Final = r"^[^\x00-\x1f\x7f]*$"
Name = Annotated[str, Field(min_length=1, max_length=128, pattern=_PRINTABLE)]
Remark = Annotated[str, Field(max_length=1024, pattern=_PRINTABLE)]
Label = Annotated[str, Field(max_length=128, pattern=_PRINTABLE)]
Identifier = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,128}$")]
Cursor = Annotated[str, Field(max_length=1024, pattern=r"^[\x21-\x7e]*$")]
Version = Annotated[int, Field(ge=1, le=2**63 - 1)]


class Body(BaseModel):
    """What a client sends: nothing is converted, nothing unknown is ignored."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Filters(BaseModel):
    """Query parameters: a misspelt one is a fault, not a filter that silently keeps everything."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Paging(Filters):
    """Which page of a list."""

    cursor: Cursor = Field(default="", description="`next_cursor` of the page before.")
    limit: int = Field(default=100, ge=1, le=MAX_ITEMS, description="The most items to return.")


class Answer(BaseModel):
    """What a client gets."""

    model_config = ConfigDict(frozen=True)


class Page(Answer, Generic[T]):
    """One page of a list."""

    items: list[T]
    next_cursor: str | None = Field(description="The `cursor` of the next page; null on the last one.")
