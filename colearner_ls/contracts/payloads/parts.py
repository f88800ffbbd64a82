"""What several payloads have in common: the base, and places in files as W3C Web Annotation selectors."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Fraction = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0)]
LineNumber = Annotated[int, Field(ge=1)]


class Part(BaseModel):
    """Strict about types, tolerant of unknown fields, frozen. Built on first use, so that importing stays cheap."""

    model_config = ConfigDict(strict=True, extra="allow", frozen=True, defer_build=True)


class Payload(Part):
    """Base of every payload."""

    student_id: str | None = Field(
        default=None, description="Whose learning it is about; counts where the envelope names nobody."
    )


class LineRange(Part):
    """Whole lines, 1-based and inclusive."""

    start_line: LineNumber = Field(description="First line, from 1.")
    end_line: LineNumber = Field(description="Last line, itself included; not before the first.")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.end_line < self.start_line:
            raise ValueError("end_line is before start_line")
        return self


class Quote(Part):
    """W3C *TextQuoteSelector*: the text itself and what stands around it."""

    exact: str = Field(description="The text of the place.")
    prefix: str | None = Field(default=None, description="Text just before it.")
    suffix: str | None = Field(default=None, description="Text just after it.")


class Occurrence(Part):
    """Which of several equal texts in one file is meant: only so can a reader tell whether its copy was deleted."""

    nth: Annotated[int, Field(ge=1)] = Field(description="It was this one of them, from 1.")
    of: Annotated[int, Field(ge=1)] = Field(description="So many there were.")
    alike: Annotated[int, Field(ge=1)] | None = Field(
        default=None, description="So many places could be mistaken for it once it is edited; at least `of`."
    )


class Anchor(Part):
    """A place in a file. ``quote`` finds it again after edits; ``range`` is only the first guess."""

    path: str = Field(description="Relative to the workspace folder, with `/`; from the wire it is hostile.")
    quote: Quote | None = Field(default=None, description="The text of the place and what stands around it.")
    occurrence: Occurrence | None = Field(default=None, description="Which one, where the quote stood several times.")
    range: LineRange | None = Field(default=None, description="The lines where it was when it was said.")
    symbol: str | None = Field(default=None, description="Name of the function, class or section it lies in.")
    sha256: str | None = Field(default=None, description="SHA-256 of the whole file at that moment.")
