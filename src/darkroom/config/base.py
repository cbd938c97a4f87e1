"""What the sections of params.yaml have in common."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidatorFunctionWrapHandler, field_validator

# More than any data set has images or any study trials, and far below where 64 bits end.
MOST = 1_000_000_000
# More processes or threads than the largest machines have cores; that many can be started, if slowly.
MOST_CORES = 1024

Share = Annotated[float, Field(ge=0, lt=1)]
Count = Annotated[int, Field(ge=0, le=MOST)]
Positive = Annotated[int, Field(ge=1, le=MOST)]
Epochs = Annotated[int, Field(ge=1, le=1_000_000)]  # a plan of each is kept in memory
Scalar = int | float | str | bool


class Section(BaseModel):
    """A section: frozen, unknown keys are refused, and no value is turned into one of another kind.

    DVC compares what is written. Were `no` or `"12"` turned into false or 12, DVC and the training would
    have different values.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @field_validator("*", mode="wrap")
    @classmethod
    def _as_written(cls, value: Any, check: ValidatorFunctionWrapHandler) -> Any:
        checked = check(value)
        _require_same_kind(value, checked)
        return checked


def _require_same_kind(written: Any, checked: Any) -> None:
    if isinstance(written, list | tuple) and isinstance(checked, tuple):
        for one, other in zip(written, checked, strict=True):
            _require_same_kind(one, other)
        return
    expected = _kind(checked)
    if expected and _kind(written) != expected:
        quoted = ", without quotes" if isinstance(written, str) else ""
        raise ValueError(f"Input should be {expected}{quoted}")


def _kind(value: Any) -> str | None:
    """Return what kind of scalar a value is; None for what is no scalar."""
    if isinstance(value, bool):  # before int, of which it is one
        return "true or false"
    if isinstance(value, int | float):
        return "a number"
    return "text" if isinstance(value, str) else None
